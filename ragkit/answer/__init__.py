"""From retrieved nodes to a cited answer: extraction, short answers, refusal, citations."""
