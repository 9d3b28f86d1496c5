"""Measure how well the answer's sentences are aligned with sources, on passages and questions.

Nothing here is made by hand: sentences are taken from passages and changed by rule, and questions
are turned into statements with their own answer (true) or another one (false).

    python scripts/bench_align.py shared/eval [--sets xquad cmrc2018-dev] [--limit 150]

True sentences, each among its passage and three others (recall): ``verbatim`` whole; ``trimmed``
at a comma; ``rotated``, its two halves exchanged at the comma; ``answered``, a question with its
answer put in the place of the question word. False ones (share that is turned away): ``figure``, a
digit changed; ``exchanged``, two figures swapped; ``answer``, the short answer in a sentence
replaced by another of the set; ``negated``, a negation put in or taken out; ``elsewhere``, a
sentence of another passage; ``misanswered``, a question with an answer to another question about
the same passage.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ragkit.answer.align import find_support, prepare
from ragkit.ingest.sentences import sentence_spans

Row = dict[str, Any]
_ASKS = "?？ "
TRUE = ("verbatim", "trimmed", "rotated", "answered")
_WH_ZH = re.compile(
    r"(?:是)?(?:什么时候|什麼時候|何时|何時)|哪(?:一)?[个個家位年里裡些座位国國部种種支]|谁|誰|多少|什么|什麼|何(?=[人地处處])[人地处處]"
)
_WH_EN = re.compile(
    r"^(?:Who|What)\s+(?!(?:did|do|does|can|could|would|should|has|had|have|kind|type|year|percent)\b"
    r"|(?:is|was) the name)(?=[a-z])"
)
_NOT_PUT = {
    "en": (r"\b(is|are|was|were|can|will|has|had)\b (?!not\b)", r"\1 not "),
    "de": (r"\b(ist|sind|war|waren|kann|wird|wurde)\b ", r"\1 nicht "),
    "es": (r"\b(es|son|fue|fueron|era|está)\b ", r"no \1 "),
    "zh": (r"(?<![不就还可都也若只但总凡要总于])(是|会|能够|可以)(?!否|不)", r"不\1"),
    "ru": (r"\b(был|была|было|были|является|может)\b ", r"не \1 "),
    "th": (r"(ได้|เป็น)", r"ไม่\1"),
}
_NOT_TAKEN = {
    "en": (r"\b(?:not|never) ", ""),
    "de": (r"\bnicht ", ""),
    "es": (r"\bno (?=\w)", ""),
    "zh": (r"不(?=[是会能可支允必需包具属])|(?<=[^从])未(?=[能有被曾])|没(?=有)", ""),
    "ru": (r"\bне ", ""),
    "th": (r"ไม่", ""),
}


def main() -> None:
    """Print one line a set, language and kind."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="a folder of X.passages.jsonl, X.questions.jsonl")
    parser.add_argument("--sets", nargs="+", default=["xquad", "xquad-more", "cmrc2018-dev"])
    parser.add_argument("--limit", type=int, default=120, help="sentences a language and set")
    parser.add_argument("--show", default="", help="print the failures of one kind (LANG/KIND)")
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(f"No data at {options.folder}: skipped.")
        return
    print(f"{'set':14} {'lang':8} {'kind':12} {'n':>5} {'right':>6}")
    seconds = calls = 0.0
    for name in options.sets:
        for language, rows in _by_language(options.folder, name):
            counts, spent = _measure(rows, language, options.limit, options.show)
            for kind, (right, n) in counts.items():
                label = "supported" if kind in TRUE else "turned away"
                print(f"{name:14} {language:8} {kind:12} {n:5} {right / n:6.3f} {label}")
            seconds += spent
            calls += sum(n for _, n in counts.values())
    print(f"{1000 * seconds / max(1, calls):.2f} ms a sentence against 4 prepared passages")


def _by_language(folder: Path, name: str) -> Iterator[tuple[str, tuple[list[Row], list[Row]]]]:
    passages = _read(folder / f"{name}.passages.jsonl")
    questions = _read(folder / f"{name}.questions.jsonl")
    for language in sorted({row["lang"] for row in passages}):
        yield (
            language,
            (
                [row for row in passages if row["lang"] == language],
                [row for row in questions if row["lang"] == language and row["passage_id"]],
            ),
        )


def _read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _measure(
    rows: tuple[list[Row], list[Row]], language: str, limit: int, show: str
) -> tuple[dict[str, tuple[int, int]], float]:
    passages, questions = rows
    dice = random.Random(7)
    by_passage: dict[str, list[Row]] = defaultdict(list)
    for question in questions:
        by_passage[question["passage_id"]].append(question)
    counts: dict[str, tuple[int, int]] = {}
    spent = 0.0
    for passage in dice.sample(passages, min(limit, len(passages))):
        others = dice.sample([p for p in passages if p["id"] != passage["id"]], 3)
        texts = [passage["text"], *(p["text"] for p in others)]
        prepared = prepare(texts)
        pool = [q["answers"][0]["text"] for q in dice.sample(questions, 40) if q["answers"]]
        cases = list(_cases(passage, by_passage[passage["id"]], pool, language, dice))
        stranger = dice.choice(passages)
        if stranger["text"] not in texts:
            cases.append(("elsewhere", _sentence(stranger["text"], dice)))
        for kind, sentence in cases:
            if not sentence:
                continue
            began = time.perf_counter()
            found = find_support(sentence, prepared)
            spent += time.perf_counter() - began
            right = (bool(found) and found[0].node == 0) if kind in TRUE else not found
            before = counts.get(kind, (0, 0))
            counts[kind] = (before[0] + right, before[1] + 1)
            if show == f"{language}/{kind}" and not right:
                spans = [texts[s.node][s.start : s.end] for s in found]
                print(f"  {sentence!r}\n    {spans or [passage['text'][:600]]}")
    return counts, spent


def _sentence(text: str, dice: random.Random) -> str:
    spans = [text[s:e] for s, e in sentence_spans(text) if e - s > 25]
    return dice.choice(spans) if spans else ""


def _cases(
    passage: Row, questions: list[Row], pool: list[str], language: str, dice: random.Random
) -> Iterator[tuple[str, str]]:
    text = passage["text"]
    sentence = _sentence(text, dice)
    base = language.split("-")[0]
    if sentence:
        yield "verbatim", sentence
        halves = re.split(r"，|, ", sentence.rstrip(".。"))
        if len(halves) > 1 and min(map(len, (halves[0], halves[-1]))) > 12:
            yield "trimmed", max(halves[0], halves[-1], key=len)
            comma = "，" if "，" in sentence else ", "
            if len(halves) == 2:
                yield "rotated", halves[1] + comma + halves[0] + "."
        yield from _changed(sentence, base, dice)
    answered = [q for q in questions if q["answers"]]
    dice.shuffle(answered)
    for question in answered[:2]:
        answer = question["answers"][0]
        for start, end in sentence_spans(text):
            if start <= answer["start"] < end:
                other = _other(answer["text"], pool)
                if other and other not in text:
                    begin = answer["start"] - start
                    own = text[start:end]
                    wrong = own[:begin] + other + own[begin + len(answer["text"]) :]
                    yield "answer", wrong
        yield "answered", _statement(question["question"], answer["text"], base)
        rest = [q["answers"][0]["text"] for q in answered if q is not question]
        wrong_answer = next(
            (a for a in rest if a not in answer["text"] and answer["text"] not in a
             and _digits(a) == _digits(answer["text"]) and a not in question["question"]), None
        )  # fmt: skip
        if wrong_answer:
            yield "misanswered", _statement(question["question"], wrong_answer, base)


def _changed(sentence: str, base: str, dice: random.Random) -> Iterator[tuple[str, str]]:
    numbers = list(re.finditer(r"(?<![\d.,A-Za-z])\d{2,}(?![\d.,]*\d)", sentence))
    if numbers:
        number = dice.choice(numbers)
        digit = str((int(number[0][-1]) + dice.randint(1, 8)) % 10)
        at = number.end() - 1
        if digit != sentence[at]:
            yield "figure", sentence[:at] + digit + sentence[at + 1 :]
    if len(numbers) == 2 and numbers[0][0] != numbers[1][0]:
        (a, b), (c, d) = numbers[0].span(), numbers[1].span()
        swapped = sentence[:a] + sentence[c:d] + sentence[b:c] + sentence[a:b] + sentence[d:]
        yield "exchanged", swapped
    for rules in (_NOT_TAKEN, _NOT_PUT):
        if base in rules:
            pattern, to = rules[base]
            changed = re.sub(pattern, to, sentence, count=1)
            if changed != sentence:
                yield "negated", changed
                break


def _digits(text: str) -> bool:
    return any(char.isdigit() for char in text)


def _other(answer: str, pool: list[str]) -> str:
    """Return another answer of the same sort and of about the same length."""
    alike = [
        other for other in pool
        if other != answer and _digits(other) == _digits(answer)
        and 0.5 < len(other) / len(answer) < 2 and other[0].isupper() == answer[0].isupper()
        and other not in answer and answer not in other
    ]  # fmt: skip
    return alike[0] if alike else ""


def _statement(question: str, answer: str, base: str) -> str:
    """Return the question with ``answer`` for its question word; "" where that is no sentence."""
    if base == "zh":
        if len(_WH_ZH.findall(question)) != 1:
            return ""
        return _WH_ZH.sub(lambda _: answer, question).rstrip(_ASKS) + "。"
    if base == "en" and _WH_EN.match(question):
        return _WH_EN.sub(lambda _: answer + " ", question).rstrip(_ASKS) + "."
    return ""


if __name__ == "__main__":
    main()
