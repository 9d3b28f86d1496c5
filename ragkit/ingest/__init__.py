"""From a folder to documents to nodes: readers, sentences, splitter."""
