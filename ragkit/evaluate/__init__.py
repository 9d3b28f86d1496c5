"""How well retrieval finds the passages that answer the questions of a test set."""
