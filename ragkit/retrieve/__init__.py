"""From a question to the nodes that may answer it: tokenizer, lexical and dense search, fusion."""
