"""Models by configuration: where weights are, and how an embedder or a language model is loaded."""
