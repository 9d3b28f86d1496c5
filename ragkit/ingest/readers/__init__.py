"""Readers: the bytes of one file in, its text with structure and metadata out.

``sniff`` decides by content what a file is, one module a family of formats turns its bytes into a
`content.Content`, and ``reader.FileReader`` offers them all as one LlamaIndex ``BaseReader``.
"""
