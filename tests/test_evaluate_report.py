"""The HTML report: what it holds, that it runs and fetches nothing, how it looks in Chromium."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("ir_measures", reason='needs pip install "ragkit[eval]"')
pytest.importorskip("sacrebleu", reason='needs pip install "ragkit[eval]"')

from ragkit.cli.evaluate import evaluate
from ragkit.evaluate.plots import Curve, Histogram, Row, bar_chart, histogram, line_chart

EVIL = "<script>alert(1)</script>\"'&"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a report and a comparison over a set whose names are hostile."""
    place = tmp_path_factory.mktemp("report")
    words = "apple bridge castle desert engine forest garden harbour island jungle".split()
    texts = [f"The {word} was built in {1900 + n} by the council." for n, word in enumerate(words)]
    passages = [
        {"id": f"p{n}{EVIL}", "lang": EVIL if n < 3 else "en", "title": "", "text": text}
        for n, text in enumerate(texts)
    ]
    questions: list[dict[str, Any]] = [
        {
            "id": f"q{n}",
            "lang": passages[n]["lang"],
            "question": f"When was the {word} built? {EVIL}",
            "answers": [{"text": str(1900 + n), "start": 0}],
            "passage_id": passages[n if n != 4 else 5]["id"],
        }
        for n, word in enumerate(words)
    ]
    questions.append({"id": "x", "lang": "en", "question": "Who sings?", "passage_id": None})
    files = [
        "--passages", str(write(place / "p.jsonl", passages)),
        "--questions", str(write(place / "q.jsonl", questions)),
        "--answers", "--by", "lang",
    ]  # fmt: skip
    found = {"report": place / "report.html", "compare": place / "compare.html"}
    more = {"report": ["--preset", "lite"], "compare": ["--compare", "lite", "lite:lexical"]}
    for name, path in found.items():
        arguments = [*files, *more[name], "--report", str(path)]
        result = CliRunner().invoke(evaluate, arguments, standalone_mode=False)
        assert result.exception is None, result.exception
        assert f"Report: {path}" in result.stderr
    return found


class Tags(HTMLParser):
    """Collects tags, and checks that they close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", ["report", "compare"])
def test_pages_are_whole_and_hold_nothing_that_runs_or_is_fetched(
    pages: dict[str, Path], name: str
) -> None:
    text = pages[name].read_text("utf-8")
    tags = Tags(text)
    assert not tags.open
    kinds = {tag for tag, _ in tags.seen}
    assert not kinds & {"script", "link", "img", "iframe", "object", "a"}
    assert not re.search(r"url\(|@import|https?://", text)
    assert not any(key.startswith("on") for _, attrs in tags.seen for key in attrs)
    assert ("&lt;script&gt;" if name == "report" else "No question moved") in text
    charts = [attrs for tag, attrs in tags.seen if tag == "svg"]
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in charts)
    assert len(charts) == {"report": 5, "compare": 2}[name]


def test_report_names_what_was_missed(pages: dict[str, Path]) -> None:
    text = pages["report"].read_text("utf-8")
    missed = text[text.index("Not found first") :]
    assert "When was the engine built?" in missed
    assert "When was the castle built?" not in missed
    assert "suggested" in text


def test_a_line_chart_places_its_points() -> None:
    chart = line_chart(
        [Curve("a", [(1, 0.5, 0.4, 0.6), (2, 1.0, 0.9, 1.0)])], title="t", x_label="k", y_label="r"
    )
    points = re.search(r'<polyline[^>]*points="([^"]+)"', chart)
    assert points
    (x1, y1), (x2, y2) = (map(float, pair.split(",")) for pair in points[1].split())
    assert x1 < x2
    assert y1 > y2, "a higher value is nearer the top"


def test_a_histogram_gives_each_group_its_own_whole() -> None:
    groups = [Histogram("few", [0.05]), Histogram("many", [0.05] * 50 + [0.95] * 50)]
    chart = histogram(groups, title="t", x_label="x", high=1.0, bins=10)
    few, many = re.findall(r'<path class="hist[^"]*" d="([^"]+)"', chart)
    heights = [float(y) for y in re.findall(r"V([\d.]+)", few)]
    others = [float(y) for y in re.findall(r"V([\d.]+)", many)]
    base = heights[-1]
    assert base - heights[0] == pytest.approx(2 * (base - others[0]), abs=0.2)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_charts_of_extremes_have_no_broken_numbers(value: float) -> None:
    made = [
        bar_chart([Row("x" * 40, value, (value, value))], title="t"),
        histogram([Histogram("a", [value])], title="t", x_label="x"),
        line_chart([Curve("a", [(1, value, value, value)])], title="t", x_label="k", y_label="y"),
    ]
    assert not any(re.search("nan|inf|None", chart) for chart in made)


@pytest.mark.browser
@pytest.mark.parametrize("name", ["report", "compare"])
@pytest.mark.parametrize(("width", "scheme"), [(1000, "light"), (1000, "dark"), (360, "light")])
def test_in_chromium_it_fits_and_is_readable(
    pages: dict[str, Path], name: str, width: int, scheme: Any
) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed: scripts/install_chromium.sh")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: said.append(request.url))
        page.goto(pages[name].as_uri())
        assert said == [pages[name].as_uri()], "the page alone, and no complaint"
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        colours = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body)"
            ".backgroundColor, getComputedStyle(document.querySelector('svg text')).fill,"
            " getComputedStyle(document.querySelector('figure')).backgroundColor]"
        )
        ink, paper, label, card = (_luminance(colour) for colour in colours)
        assert _contrast(ink, paper) > 7
        assert _contrast(label, card) > 4.5
        assert (paper < 0.1) == (scheme == "dark")
        assert page.evaluate(_SMALLEST_LABEL) >= 9, "a label's height in pixels"
        browser.close()


_SMALLEST_LABEL = """Math.min(...[...document.querySelectorAll('svg text')]
  .map(text => text.getBoundingClientRect().height))"""


def _luminance(colour: str) -> float:
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one: float, other: float) -> float:
    """Return the contrast ratio of WCAG 2."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
