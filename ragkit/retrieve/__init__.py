"""From a question to the nodes that may answer it: tokenizer, full-text and dense search, fusion."""
