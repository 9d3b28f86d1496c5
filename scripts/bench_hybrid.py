"""Is hybrid retrieval ever worse than the better of its arms? Measured with made-up embedders.

The vectors are of known worth: an oracle (the question's vector is that of the passage that answers
it) mixed with noise, in spaces without structure and with topics; one that is right in one language
alone; anisotropic spaces, hubs, constants; one that is certain of a wrong passage; latent semantic
analysis (LSA) of words and of character n-grams, which is a real embedder, if a weak one.
Everything goes through the store's public query. What the vectors are worth is measured on probes,
which a made embedder knows as well as it does questions: of the same passage, with the same noise.
``--easier`` takes half that noise; ``--blind`` embeds probes as noise, as a table of known
questions would.

    python scripts/bench_hybrid.py --eval shared/eval [--limit 300] [--column xquad-en]
"""

from __future__ import annotations

import argparse
import json
import math
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from numpy.typing import NDArray

from ragkit.evaluate.dataset import (
    Passage,
    Question,
    gold_passages,
    load_passages,
    load_questions,
)
from ragkit.retrieve.analyzer import LexicalAnalyzer
from ragkit.retrieve.tokenizer import detect_language
from ragkit.store import open_store

Vectors = NDArray[np.float64]
_SETS = ("xquad", "xquad-more", "cmrc2018-dev", "drcd-dev", "squad2-dev", "techfaq")
_POOLED = ("xquad", "cmrc2018-dev", "drcd-dev", "squad2-dev", "techfaq")
_ALLOWED = 0.01


@dataclass(frozen=True, slots=True)
class Column:
    """One index and the questions asked of it; ``gold`` are places of passages."""

    name: str
    passages: Sequence[Passage]
    questions: Sequence[Question]
    gold: Sequence[frozenset[int]]


@dataclass(frozen=True, slots=True)
class Embedder:
    """Vectors of a column's passages and questions, made for it.

    ``probe`` embeds part of a passage, given which one it is of, with that share of the noise.
    """

    name: str
    passages: Vectors
    questions: Vectors
    probe: Callable[[str, int, float], Vectors]


def main() -> None:
    """Print a line for each column and embedder, and the worst deficit at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--eval", type=Path, required=True, help="folder of the question sets")
    parser.add_argument("--limit", type=int, help="only so many questions a column")
    parser.add_argument("--column", action="append", help="only this column; repeatable")
    parser.add_argument("--embedder", action="append", help="only names that begin so; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--easier", action="store_true", help="probes with half the noise")
    parser.add_argument("--blind", action="store_true", help="probes as noise")
    args = parser.parse_args()
    share = 0.5 if args.easier else math.inf if args.blind else 1.0
    worst: list[tuple[float, str]] = []
    for column in columns(args.eval, args.limit, args.seed):
        if args.column and column.name not in args.column:
            continue
        by_words: dict[str, float] = {}
        for embedder in embedders(column, args.seed):
            if args.embedder and not embedder.name.startswith(tuple(args.embedder)):
                continue
            found = measure(column, embedder, by_words, share)
            by_words = {"lexical": found["lexical"]}
            gap = found["hybrid"] - max(found["lexical"], found["dense"])
            worst.append((gap, f"{column.name}, {embedder.name}"))
            print(
                json.dumps(
                    {
                        "column": column.name,
                        "embedder": embedder.name,
                        "questions": len(column.gold),
                    }
                    | {name: round(value, 4) for name, value in found.items()}
                    | {"gap": round(gap, 4)}
                ),
                flush=True,
            )
    below = [(gap, where) for gap, where in sorted(worst) if gap < -_ALLOWED]
    print(f"{len(worst)} cases, {len(below)} more than {_ALLOWED} below the better arm")
    for gap, where in below or sorted(worst)[:1]:
        print(f"  {gap:+.4f}  {where}")


def columns(folder: Path, limit: int | None, seed: int) -> Iterator[Column]:
    """Yield each set by language, and all but ``xquad-more`` pooled as ``mixed``."""
    for name in _SETS:
        passages, questions = _load(folder, [name])
        for language in sorted({passage.lang for passage in passages}):
            own = [q for q in questions if q.lang == language]
            label = f"{name}-{language}" if name.startswith(("xquad", "techfaq")) else name
            there = [p for p in passages if p.lang == language]
            yield _column(label, there, own, limit, seed)
    passages, questions = _load(folder, _POOLED)
    extra = load_passages([folder / "distractors.passages.jsonl"])
    yield _column("mixed", [*passages, *extra], questions, limit and 3 * limit, seed)


def _load(folder: Path, names: Sequence[str]) -> tuple[list[Passage], list[Question]]:
    passages = load_passages([folder / f"{name}.passages.jsonl" for name in names])
    questions = load_questions([folder / f"{name}.questions.jsonl" for name in names], passages)
    return passages, [question for question in questions if question.passage_id is not None]


def _column(
    name: str,
    passages: Sequence[Passage],
    questions: Sequence[Question],
    limit: int | None,
    seed: int,
) -> Column:
    # Shuffled: what is learned from the first questions must hold for any order.
    asked = random.Random(seed).sample(questions, min(limit or len(questions), len(questions)))
    right, place = gold_passages(passages, asked), {p.id: i for i, p in enumerate(passages)}
    gold = [frozenset(place[id_] for id_ in right[question.id]) for question in asked]
    return Column(name, passages, asked, gold)


def measure(
    column: Column, embedder: Embedder, known: dict[str, float], share: float
) -> dict[str, float]:
    """Return recall@1 of each arm alone and of both; words alone only where not ``known``.

    ``share`` of a question's noise is in a probe; infinite: a probe is nothing else.
    """
    texts = [" ".join(passage.text.split()) for passage in column.passages]
    blind = np.random.default_rng(1)

    def embed_query(text: str) -> list[float]:
        if math.isinf(share):
            return [float(x) for x in blind.standard_normal((1, embedder.passages.shape[1]))[0]]
        place = next(i for i, whole in enumerate(texts) if " ".join(text.split()) in whole)
        return [float(x) for x in np.ravel(embedder.probe(text, place, share))]

    modes = {
        **({} if known else {"lexical": VectorStoreQueryMode.TEXT_SEARCH}),
        "dense": VectorStoreQueryMode.DEFAULT,
        "hybrid": VectorStoreQueryMode.HYBRID,
    }
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "i.db", analyzer=LexicalAnalyzer(), fingerprint={})
        store.vector_store.add(
            [_node(i, p, embedder.passages[i]) for i, p in enumerate(column.passages)]
        )
        store.vector_store.measure_worth(embed_query)
        right = dict.fromkeys(modes, 0)
        for question, vector, gold in zip(
            column.questions, embedder.questions, column.gold, strict=True
        ):
            for name, mode in modes.items():
                query = VectorStoreQuery(
                    query_str=question.question,
                    query_embedding=vector.tolist(),
                    similarity_top_k=10,
                    mode=mode,
                )
                ids = store.vector_store.query(query).ids or []
                right[name] += bool(ids) and int(ids[0]) in gold
        store.close()
    return known | {name: count / len(column.gold) for name, count in right.items()}


def _node(number: int, passage: Passage, vector: Vectors) -> TextNode:
    metadata = {"title": passage.title}
    if language := detect_language(passage.text):
        metadata["language"] = language
    return TextNode(
        id_=str(number), text=passage.text, metadata=metadata, embedding=vector.tolist()
    )


def embedders(column: Column, seed: int) -> Iterator[Embedder]:
    """Yield every embedder for ``column``, from useless to near perfect."""
    rng = np.random.default_rng(seed)
    later = np.random.default_rng(seed + 1)  # of probes: what is asked of questions stays the same
    count, asked = len(column.passages), len(column.questions)
    gold = np.asarray([min(places) for places in column.gold])

    def noise(size: int, dimension: int = 384) -> Vectors:
        return _units(rng.standard_normal((size, dimension)))

    def blur(dimension: int) -> Vectors:
        return np.asarray(_units(later.standard_normal((1, dimension)))[0])

    def oracle(
        name: str, passages: Vectors, errors: Vectors, amount: float, shift: Vectors | float = 0.0
    ) -> Embedder:
        def probe(_: str, place: int, share: float) -> Vectors:
            wrong = share * amount * blur(passages.shape[1])
            return np.asarray(passages[place] + wrong + shift).reshape(-1)

        return Embedder(name, passages, passages[gold] + amount * errors + shift, probe)

    def useless(name: str, passages: Vectors, questions: Vectors, shift: Any = 0.0) -> Embedder:
        width = passages.shape[1]
        return Embedder(name, passages, questions, lambda *_: np.ravel(blur(width) + shift))

    plain, error = noise(count), noise(asked)
    for share in (0.5, 2.0, 4.0, 5.0, 6.0, 8.0, 12.0, 20.0):
        yield oracle(f"oracle + {share:g} noise", plain, error, share)
    yield useless("noise alone", plain, error)
    groups = list(dict.fromkeys((p.title, p.lang) for p in column.passages))
    member = np.asarray([groups.index((p.title, p.lang)) for p in column.passages])
    topical, wide = _units(noise(len(groups), 128)[member] + noise(count, 128)), noise(asked, 128)
    for share in (0.5, 2.0, 3.0, 5.0):
        yield oracle(f"topics + {share:g} noise", topical, wide, share)
    common = noise(1)
    narrow = _units(2 * common + noise(count))
    for share in (0.3, 2.0, 4.0):
        yield oracle(f"cosines near .8 + {share:g} noise", narrow, error, share)
    yield useless("cosines near .8, useless", narrow, 2 * common + error, 2 * common)
    same = np.ones((1, 64))
    all_same = np.repeat(same, count, 0), np.repeat(same, asked, 0)
    yield Embedder("constant", *all_same, lambda *_: same[0])
    hub = plain.copy()
    hub[rng.integers(count)] = common[0]
    for share in (1.0, 3.0):
        yield oracle(f"hub + {share:g} noise", hub, error, share, common)
    yield useless("hub, useless", hub, error + common, common)
    other = rng.integers(0, count, asked)

    def misled(sometimes: float) -> Callable[[str, int, float], Vectors]:
        def probe(_: str, place: int, share: float) -> Vectors:
            wrong = later.random() < sometimes
            seen = plain[later.integers(count) if wrong else place]
            return np.asarray(seen + share * blur(plain.shape[1]))

        return probe

    yield Embedder("certain of a wrong one", plain, plain[other] + error, misled(1.0))
    half = np.where(rng.random(asked) < 0.5, gold, other)
    yield Embedder("certain, right in half", plain, plain[half] + error, misled(0.5))
    languages = sorted({question.lang for question in column.questions})
    for language in languages if len(languages) > 1 else ():
        knows = np.asarray([q.lang == language for q in column.questions])[:, None]
        asking = np.where(knows, _units(plain[gold] + 2 * error), error)

        def probe(_: str, place: int, share: float, language: str = language) -> Vectors:
            wrong = blur(plain.shape[1])
            known = column.passages[place].lang == language
            return np.asarray(plain[place] + 2 * share * wrong if known else wrong)

        yield Embedder(f"oracle in {language} alone", plain, asking, probe)
    for latent in _latent(column, noise):
        yield latent
        if latent.name == "LSA of characters":
            errors = noise(asked, latent.passages.shape[1])
            for share in (0.5, 2.0):
                yield oracle(f"LSA oracle + {share:g} noise", latent.passages, errors, share)


def _latent(column: Column, noise: Callable[..., Vectors]) -> Iterator[Embedder]:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [passage.text for passage in column.passages]
    asked = [question.question for question in column.questions]
    for name, analyzer, sizes in (("words", "word", (1, 1)), ("characters", "char_wb", (2, 4))):
        terms: Any = TfidfVectorizer(analyzer=analyzer, ngram_range=sizes, sublinear_tf=True)
        matrix = terms.fit_transform(texts)
        latent = TruncatedSVD(min(128, min(matrix.shape) - 2), random_state=0).fit(matrix)
        little = 1e-3 * noise(1, latent.components_.shape[0])  # an unknown text has a vector, too

        def embed(
            asked: Sequence[str], terms: Any = terms, latent: Any = latent, little: Any = little
        ) -> Vectors:
            return _units(latent.transform(terms.transform(asked)) + little)

        def probe(text: str, _: int, __: float, embed: Any = embed) -> Vectors:
            return np.asarray(embed([text])[0])

        yield Embedder(f"LSA of {name}", embed(texts), embed(asked), probe)


def _units(vectors: Any) -> Vectors:
    units: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units


if __name__ == "__main__":
    main()
