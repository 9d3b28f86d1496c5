"""In which languages an embedder was trained, from its name. As its makers' model cards say."""

from __future__ import annotations

import re

__all__ = ["embedder_languages"]

_EN = frozenset({"en"})
_ZH = frozenset({"zh"})
# https://www.sbert.net/docs/sentence_transformer/pretrained_models.html#multilingual-models
_SBERT_50 = frozenset(
    "ar bg ca cs da de el en es et fa fi fr gl gu he hi hr hu hy id it ja ka ko ku lt lv mk mn mr "
    "ms my nb no nl pl pt ro ru sk sl sq sr sv th tr uk ur vi zh".split()
)
# Tried in order; the first that is found in the lower-case name counts. None: many languages.
_NAMES: tuple[tuple[str, frozenset[str] | None], ...] = (
    (r"paraphrase-multilingual|distiluse-base-multilingual", _SBERT_50),
    (r"multilingual|labse|bge-m3|polylm|embeddinggemma|qwen3-embedding|arctic-embed-.*v2", None),
    (r"jina-embeddings-v[34]|nomic-embed-text-v2", None),
    (r"m3e-base", _ZH | _EN),
    (r"m3e-(small|large)", _ZH),
    (r"(bge|gte|stella|piccolo|acge|conan)[\w.-]*-zh|text2vec[\w.-]*chinese|-chinese\b", _ZH),
    (r"(bge|jina-embeddings)[\w.-]*-en\b|gte-(small|base|large)(-en)?\b", _EN),
    (r"\be5-(small|base|large)(-v2)?\b|snowflake-arctic-embed|mxbai-embed", _EN),
    (r"nomic-embed-text|all-(minilm|mpnet|distilroberta|roberta)|msmarco-|multi-qa-", _EN),
    (r"paraphrase-(minilm|mpnet|albert|distilroberta)|sentence-t5|gtr-t5|instructor-", _EN),
    (r"granite-embedding[\w.-]*english|\bminilm-l\d+-en\b", _EN),
)


def embedder_languages(model: str) -> frozenset[str] | None:
    """Return the ISO 639-1 codes of the languages that ``model`` is for.

    ``model`` is a name on a hub or a path that ends in it. None where it is for many languages or
    where nothing is known: then nothing can be said against it.
    """
    name = model.lower().replace("\\", "/").replace("_", "-")
    bilingual = re.search(r"jina-embeddings-v2-base-(zh|de|es)", name)
    if bilingual:
        return frozenset({bilingual[1], "en"})
    for pattern, languages in _NAMES:
        if re.search(pattern, name):
            return languages
    return None
