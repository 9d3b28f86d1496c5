"""Metadata of every format as filters: what files say of themselves, through the command line."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.vector_stores.types import (
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from test_cli import ragkit

import ragkit as library
from ragkit.errors import ConfigError
from ragkit.ingest.extract import extract
from ragkit.ingest.readers.dates import iso_day
from ragkit.ingest.readers.front_matter import front_matter
from ragkit.retrieve.retriever import parse_filters
from ragkit.store.facets import Facets

GUIDE = """---
title: "The guide: ports"
author: Lin
date: 2024-05-17
tags: [network, ports]
product: {name: tidb, version: 8}
draft: false
source: forged.md
---

# Ports

## Default

The default harbour of the server is number 4000.
"""
TOML = """+++
title = "Hafen"
date = 2023-01-02T10:00:00Z
categories = ["network"]
+++

# Hafen

The harbour of Hamburg is number 12.
"""


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-05-01", "2024-05-01"), ("2024-05-01T23:59:59+08:00", "2024-05-01"),
        ("2024/5/1", "2024-05-01"), ("2024.05.01", "2024-05-01"), ("20240501", "2024-05-01"),
        ("2024年5月1日", "2024-05-01"), ("2024 年 5 月", "2024-05"), ("2024", "2024"),
        ("May 1, 2024", "2024-05-01"), ("1 May 2024", "2024-05-01"), ("1st of May", ""),
        ("Wed, 01 May 2024 10:00:00 GMT", "2024-05-01"), ("1/5/2024", ""), ("2024-13-01", ""),
        ("2024-02-30", ""), ("0000", ""), ("yesterday", ""), ("", ""),
    ],
)  # fmt: skip
def test_days_are_iso(text: str, day: str) -> None:
    assert iso_day(text) == day


def test_yaml_front_matter_is_flat() -> None:
    fields, end = front_matter(GUIDE)
    assert fields == {
        "title": "The guide: ports", "author": "Lin", "date": "2024-05-17",
        "tags": ["network", "ports"], "product.name": "tidb", "product.version": 8,
        "draft": "false", "front_source": "forged.md",
    }  # fmt: skip
    assert GUIDE[end:].startswith("\n# Ports")


def test_toml_front_matter() -> None:
    fields, _ = front_matter(TOML)
    assert fields == {"title": "Hafen", "date": "2023-01-02", "category": ["network"]}


def test_yaml_that_is_none_gives_its_plain_lines() -> None:
    fields, _ = front_matter("---\ntitle: a: b\nauthor: Lin\ntags: [x, y]\n---\n")
    assert fields == {"title": "a: b", "author": "Lin", "tags": ["x", "y"]}


HOSTILE = [
    "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]", 'a: !!python/object/apply:os.system ["id"]',
    "[" * 9000, "- " * 9000, "? " * 9000, "a: {b: " * 3000, '"' * 9000, "x: " + "1" * 9000,
    "? [a, b]\n: c", "2024-99-99: x", "d: 2024-99-99", "\x00: y", "k: " + "a, " * 5000,
    "\n".join(f"k{n}: {n}" for n in range(5000)), "<<: [{a: 1}]", "a: .inf\nb: .nan",
]  # fmt: skip


@pytest.mark.parametrize("block", HOSTILE)
@pytest.mark.parametrize("fence", ["---", "+++"])
def test_hostile_front_matter_is_bounded(tmp_path: Path, block: str, fence: str) -> None:
    path = tmp_path / "a.md"
    path.write_text(f"{fence}\n{block}\n{fence}\n\n# Real text\n", "utf-8")
    began = time.process_time()

    found = extract(path)

    assert time.process_time() - began < 5
    assert "Real text" in found.text
    merged = found.metadata | found.parts[0].metadata
    assert len(merged) < 60
    assert all(isinstance(value, str | int | list) for value in merged.values())
    json.dumps(merged)


def test_a_document_cannot_forge_what_the_index_means(tmp_path: Path) -> None:
    names = ["source", "folder", "page", "format", "language", "document_id", "heading_path"]
    (tmp_path / "a.md").write_text("---\n" + "\n".join(f"{n}: x" for n in names) + "\n---\nText.\n")
    found = extract(tmp_path / "a.md")
    merged = found.metadata | found.parts[0].metadata
    assert merged["format"] == "md"
    assert not set(names) - {"format"} & set(merged)
    assert all(merged[f"front_{name}"] == "x" for name in names)


def office(folder: Path) -> None:
    import docx
    import openpyxl
    import pptx

    document = docx.Document()
    document.core_properties.author = "Wang Fang"
    document.core_properties.title = "Harbour report"
    document.core_properties.modified = document.core_properties.created = _day(2022, 3, 4)
    document.add_heading("Summary", 1)
    document.add_paragraph("The harbour of Rotterdam is number 7.")
    document.save(str(folder / "report.docx"))
    book = openpyxl.Workbook()
    book.properties.creator = "Li Na"
    book.active.append(["harbour", "number"])
    book.active.append(["Genoa", 9])
    saved = io.BytesIO()
    book.save(saved)  # which says that it was modified today
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(folder / "table.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, re.sub(rb"20\d\d-\d\d-\d\dT", b"2021-03-04T", old.read(name)))
    slides = pptx.Presentation()
    slides.core_properties.author = "Ann"
    slides.core_properties.modified = _day(2020, 3, 4)
    for text in ("Harbour of Oslo is number 3", "Harbour of Bergen is number 5"):
        slides.slides.add_slide(slides.slide_layouts[5]).shapes.title.text = text
    slides.save(str(folder / "talk.pptx"))


def _day(*parts: int) -> Any:
    from datetime import datetime

    return datetime(*parts)  # type: ignore[arg-type]


def others(folder: Path) -> None:
    (folder / "page.html").write_text(
        "<html lang=en><head><title>Ports</title><meta name=author content='Kim'>"
        "<meta property='article:published_time' content='2019-07-08T00:00:00Z'></head>"
        "<body><h1>Lisbon</h1><p>The harbour of Lisbon is number 21.</p></body></html>", "utf-8",
    )  # fmt: skip
    message = EmailMessage()
    message["From"], message["Subject"] = "Bo <bo@example.org>", "Harbours"
    message["Date"] = "Fri, 09 Nov 2018 10:00:00 +0100"
    message.set_content("The harbour of Porto is number 22.\n")
    (folder / "mail.eml").write_bytes(bytes(message))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as book:
        book.writestr("mimetype", "application/epub+zip")
        book.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="p.opf"/></rootfiles></container>',
        )
        book.writestr(
            "p.opf",
            '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/'
            '1.1/"><metadata><dc:title>Sea</dc:title><dc:creator>Mo</dc:creator>'
            '<dc:date>2017-02-03T00:00:00Z</dc:date></metadata><manifest><item id="a" '
            'href="a.xhtml"/></manifest><spine><itemref idref="a"/></spine></package>',
        )
        book.writestr("a.xhtml", "<html><body><p>The harbour of Malaga is 23.</p></body></html>")
    (folder / "book.epub").write_bytes(packed.getvalue())
    (folder / "note.rtf").write_bytes(
        rb"{\rtf1\ansi{\info{\title Notes}{\author Pia}{\creatim\yr2016\mo4\dy5}}"
        rb"The harbour of Palermo is number 24.\par}"
    )


@pytest.fixture(scope="module")
def harbours(tmp_path_factory: pytest.TempPathFactory) -> library.KnowledgeBase:
    place = tmp_path_factory.mktemp("harbours")
    docs = place / "docs"
    (docs / "zh").mkdir(parents=True)
    (docs / "guide.md").write_text(GUIDE, "utf-8")
    (docs / "hafen.md").write_text(TOML, "utf-8")
    (docs / "zh" / "港口.md").write_text(
        "# 港口\n\n上海的 harbour 港口编号是 31。这里每天都有船。", "utf-8"
    )
    office(docs)
    others(docs)
    kb = library.open(docs, index=place / "i.db", preset="lite", top_k=50)
    assert not kb.index().skipped
    return kb


FILTERS = [
    ("source=report.docx", {"report.docx"}),
    ("folder=zh", {"zh/港口.md"}),
    ("format=xlsx", {"table.xlsx"}),
    ("format=md", {"guide.md", "hafen.md", "zh/港口.md"}),
    ("language=zh", {"zh/港口.md"}),
    ("title=Harbour report", {"report.docx"}),
    ("author=Lin", {"guide.md"}),
    ("author=Wang Fang", {"report.docx"}),
    ("author=Li Na", {"table.xlsx"}),
    ("author=Ann", {"talk.pptx"}),
    ("author=Kim", {"page.html"}),
    ("author=Mo", {"book.epub"}),
    ("author=Pia", {"note.rtf"}),
    ("date=2024-05-17", {"guide.md"}),
    ("date=2019-07-08", {"page.html"}),
    ("date=2018-11-09", {"mail.eml"}),
    ("date=2017-02-03", {"book.epub"}),
    ("date=2016-04-05", {"note.rtf"}),
    ("date>=2022", {"guide.md", "hafen.md", "report.docx"}),
    ("date>2022", {"guide.md", "hafen.md"}),
    ("date<=2017", {"book.epub", "note.rtf"}),
    ("date<2017", {"note.rtf"}),
    ("date<=2017/2/3", {"book.epub", "note.rtf"}),
    ("date=2016年4月5日", {"note.rtf"}),
    ("page=2", {"talk.pptx"}),
    ("page>=2", {"talk.pptx"}),
    ("heading_path=Ports > Default", {"guide.md"}),
    ("tags=ports", {"guide.md"}),
    ("tags=port", set()),
    ("category=network", {"hafen.md"}),
    ("product.name=tidb", {"guide.md"}),
    ("product.version=8", {"guide.md"}),
    ("product.version>7", {"guide.md"}),
    ("front_source=forged.md", {"guide.md"}),
    ("source=forged.md", set()),
]


@pytest.mark.parametrize(("pair", "sources"), FILTERS)
def test_filters(harbours: library.KnowledgeBase, pair: str, sources: set[str]) -> None:
    found = harbours.retrieve("harbour number 港口", filters=[pair])
    assert {node.source for node in found} == sources


def test_filters_together(harbours: library.KnowledgeBase) -> None:
    def found(*pairs: str) -> set[str]:
        return {node.source for node in harbours.retrieve("harbour number", filters=pairs)}

    assert found("date>=2018", "date<2020") == {"page.html", "mail.eml"}
    assert found("format=html", "format=eml", "author=Kim") == {"page.html"}
    assert found("format!=md", "date>=2020") == {"report.docx", "table.xlsx", "talk.pptx"}
    assert "guide.md" not in found("tags!=ports")
    assert "page.html" in found("tags!=ports")


@pytest.mark.parametrize(("pair", "sources"), FILTERS)
def test_the_retriever_takes_them_too(
    harbours: library.KnowledgeBase, pair: str, sources: set[str]
) -> None:
    retriever = harbours.as_retriever(top_k=50, filters=parse_filters([pair]))
    found = retriever.retrieve("harbour number 港口")
    assert {n.node.metadata["source"] for n in found} == sources


EQ, GE, LT, IN = (FilterOperator(sign) for sign in ("==", ">=", "<", "in"))


@pytest.mark.parametrize(
    ("filters", "sources"),
    [
        ([("source", EQ, "report.docx")], {"report.docx"}),
        ([("source", IN, ["mail.eml", "book.epub"])], {"mail.eml", "book.epub"}),
        ([("folder", EQ, "zh")], {"zh/港口.md"}),
        ([("format", EQ, "pptx")], {"talk.pptx"}),
        ([("language", EQ, "zh")], {"zh/港口.md"}),
        ([("title", EQ, "Harbour report")], {"report.docx"}),
        ([("author", EQ, "Kim")], {"page.html"}),
        ([("date", GE, "2018"), ("date", LT, "2020")], {"page.html", "mail.eml"}),
        ([("page", EQ, 2)], {"talk.pptx"}),
        ([("heading_path", EQ, "Ports > Default")], {"guide.md"}),
        ([("product.version", EQ, 8)], {"guide.md"}),
        ([("nothing", EQ, 8)], set()),
    ],
)
def test_llamaindex_filters(
    harbours: library.KnowledgeBase,
    filters: list[tuple[str, FilterOperator, Any]],
    sources: set[str],
) -> None:
    wanted = MetadataFilters(
        filters=[MetadataFilter(key=k, operator=o, value=v) for k, o, v in filters]
    )
    found = harbours.as_retriever(top_k=50, filters=wanted).retrieve("harbour number 港口")
    assert {n.node.metadata["source"] for n in found} == sources


def test_one_text_is_one_filter(harbours: library.KnowledgeBase) -> None:
    found = harbours.retrieve("harbour number", filters="author=Kim")
    assert {node.source for node in found} == {"page.html"}


def test_what_files_can_be_told_apart_by(harbours: library.KnowledgeBase) -> None:
    facets = harbours.catalog.facets()
    assert facets.folders == ("zh",)
    assert facets.formats[0] == "md"
    assert set(facets.formats) == {"md", "docx", "xlsx", "pptx", "html", "eml", "epub", "rtf"}
    assert {"en", "zh"} <= set(facets.languages)
    assert facets.days[0] == "2016-04-05"
    assert facets.days[-1] == "2024-05-17"
    assert "ports" in harbours.catalog.metadata_values("tags")


def test_records_count_by_themselves(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "a" / "b").mkdir(parents=True)
    rows = [
        {"content": "The harbour of Kiel is number 40.", "date": "2023-01-02"},
        {"content": "青岛的港口编号是四十一，每天都有船。", "date": "2024-02-03"},
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (docs / "a" / "b" / "r.jsonl").write_text(text, "utf-8")
    kb = library.open(docs, index=tmp_path / "i.db", preset="lite")
    kb.index()
    facets = kb.catalog.facets()
    assert facets.folders == ("a", "a/b")
    assert set(facets.languages) == {"en", "zh"}
    assert facets.days == ("2023-01-02", "2024-02-03")


def test_an_empty_index_takes_any_key(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    kb = library.open(tmp_path / "docs", index=tmp_path / "i.db", preset="lite")
    kb.index()
    assert kb.retrieve("harbour", filters=["colour=red"]) == ()
    assert kb.catalog.facets() == Facets()


@pytest.mark.parametrize("wrong", ["", "author", "=x", ">=3", "  =x"])
def test_a_filter_without_a_key_or_operator_is_said(wrong: str) -> None:
    with pytest.raises(ConfigError, match="not KEY=VALUE"):
        parse_filters([wrong])


def test_what_is_told_of_a_source_can_be_filtered_by(harbours: library.KnowledgeBase) -> None:
    options = ("--data", harbours.folder, "--index", harbours.index_uri, "--preset", "lite")
    done = ragkit("query", "harbour", *options, "--top-k", "50", "--sources-only", "--json")
    sources = json.loads(done.stdout)["sources"]
    assert len({source["source"] for source in sources}) > 8
    for source in sources:
        told = source["metadata"]
        assert told["format"] == source["source"].rpartition(".")[2]
        assert told.get("folder", "") == source["source"].rpartition("/")[0]
        assert not {"source", "sources", "page"} & set(told)
        for key, value in told.items():
            for one in value if isinstance(value, list) else [value]:
                found = harbours.retrieve("harbour", filters=[f"{key}={one}"])
                assert source["source"] in {node.source for node in found}, (key, one)


def test_the_answers_json_keeps_its_keys(harbours: library.KnowledgeBase) -> None:
    answer = harbours.ask("What number has the harbour?")
    assert answer.sources[0].metadata["format"]
    for source in answer.to_dict()["sources"]:
        assert set(source) - {"url"} == {"n", "source", "page", "score", "text"}


def test_the_command_line_says_which_keys_there_are(harbours: library.KnowledgeBase) -> None:
    options = ("--data", harbours.folder, "--index", harbours.index_uri, "--preset", "lite")
    done = ragkit(
        "query", "harbour", *options, "--sources-only", "--json", "--filter", "date>=2024"
    )
    (guide,) = json.loads(done.stdout)["sources"]
    assert guide["source"] == "guide.md"
    assert guide["metadata"]["date"] == "2024-05-17"
    for mistyped, meant in (
        ("autor=Kim", "author"),
        ("Language=zh", "language"),
        ("tag=x", "tags"),
    ):
        done = ragkit("query", "harbour", *options, "--sources-only", "--filter", mistyped)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"Did you mean '{meant}'?" in done.stderr
    done = ragkit("why", "harbour", "guide.md", *options, "--filter", "colour=red")
    assert done.returncode == 2
    for key in ("source", "folder", "format", "author", "date", "heading_path", "tags"):
        assert re.search(rf"[ ]{key}[,.]", done.stderr)


def test_a_filter_that_is_not_utf8_is_bad_usage() -> None:
    with pytest.raises(ConfigError, match="not UTF-8"):
        parse_filters(["source=\udcff.md"])


def test_a_date_to_compare_with_must_be_one() -> None:
    with pytest.raises(ConfigError, match="'yesterday' is not a date"):
        parse_filters(["date>=yesterday"])


def test_a_day_that_the_template_left_does_not_hide_the_day_of_writing(tmp_path: Path) -> None:
    import datetime

    import docx

    document = docx.Document()  # its template was last changed on 2013-12-23
    document.core_properties.created = datetime.datetime(2023, 4, 5)
    document.add_paragraph("A text.")
    document.save(str(tmp_path / "a.docx"))
    assert extract(tmp_path / "a.docx").metadata["date"] == "2023-04-05"
    undated = docx.Document()
    undated.add_paragraph("A text.")
    undated.save(str(tmp_path / "b.docx"))
    assert "date" not in extract(tmp_path / "b.docx").metadata
