"""Web pages, notebooks, subtitles and logs in ways of writing that are rarer than most."""

from __future__ import annotations

import json
from pathlib import Path

import docx

from ragkit.ingest.extract import extract


def read(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return extract(path).text


def notebook(*outputs: dict[str, object]) -> str:
    cell = {"cell_type": "code", "source": "show()", "outputs": list(outputs)}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def shown(**data: str) -> dict[str, object]:
    kinds = {"html": "text/html", "latex": "text/latex", "plain": "text/plain"}
    return {"output_type": "display_data", "data": {kinds[k]: v for k, v in data.items()}}


def test_how_a_word_is_read_stands_behind_the_whole_word(tmp_path: Path) -> None:
    page = (
        "<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</rt></ruby>の"
        "<ruby><rb>東京</rb><rt>とうきょう</rt></ruby></p>"
    )
    assert read(tmp_path, "a.html", page) == "漢字(かんじ)の東京(とうきょう)"


def test_words_that_spaces_part_stay_apart_above_their_reading(tmp_path: Path) -> None:
    page = (
        "<p>In <ruby>New York<rt>the big city</rt></ruby> and "
        "<ruby>\n東\n京 <rt>east</rt></ruby></p>"
    )
    assert read(tmp_path, "a.html", page) == "In New York(the big city) and 東京(east)"


def test_a_page_in_a_page_is_read_and_its_scripts_are_not(tmp_path: Path) -> None:
    inner = "&lt;p&gt;Pier 4.&lt;/p&gt;&lt;script&gt;SCRIPT&lt;/script&gt;"
    page = f'<p>Intro.</p><iframe srcdoc="{inner}"></iframe><iframe hidden srcdoc="Gone"></iframe>'
    assert read(tmp_path, "a.html", page) == "Intro.\n\nPier 4."


def test_pages_in_pages_in_pages_come_to_an_end(tmp_path: Path) -> None:
    page = "Deepest"
    for _ in range(12):
        page = page.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
        page = f'<p>Word.</p><iframe srcdoc="{page}"></iframe>'
    assert "Word." in read(tmp_path, "a.html", page)


def test_what_stands_for_frames_is_read_without_tags(tmp_path: Path) -> None:
    page = "<frameset><frame src=a.html><noframes><body><p>Read the map.</p></body></noframes>"
    assert read(tmp_path, "a.html", f"<html>{page}</frameset></html>") == "Read the map."


def test_places_where_a_word_may_be_divided_do_not_divide_it(tmp_path: Path) -> None:
    assert read(tmp_path, "a.html", "<p>Wohn&shy;zimmer</p>") == "Wohnzimmer"
    document = docx.Document()
    document.add_paragraph("Wohn\xadzimmer")
    document.save(str(tmp_path / "a.docx"))
    assert extract(tmp_path / "a.docx").text == "Wohnzimmer"


def test_an_output_that_is_only_a_page_or_a_formula_is_read(tmp_path: Path) -> None:
    text = notebook(
        shown(html="<p>The <b>pier</b></p><script>SCRIPT</script>", plain="<IPython.HTML object>"),
        shown(latex="$\\alpha$", plain="<IPython.Latex object>"),
        shown(html="<b>fancy</b>", plain="simple"),
        shown(plain="<Figure size 640x480 with 1 Axes>"),
    )
    expected = "```\nshow()\n```\n\nThe pier\n\n$\\alpha$\n\n```\nsimple\n```"
    assert read(tmp_path, "a.ipynb", text) == expected


def test_headings_of_old_notebooks_are_headings(tmp_path: Path) -> None:
    cells = [{"cell_type": "heading", "level": 2, "source": "Tides"},
             {"cell_type": "heading", "level": "x", "source": "Moon"}]  # fmt: skip
    book = {"nbformat": 3, "worksheets": [{"cells": cells}]}
    assert read(tmp_path, "a.ipynb", json.dumps(book)) == "## Tides\n\n# Moon"


def test_a_comment_right_below_the_head_of_subtitles_is_left_out(tmp_path: Path) -> None:
    cue = "00:01.000 --> 00:04.000\nHello.\n"
    for head in ("WEBVTT\n\nNOTE by me\n\n", "WEBVTT\nKind: captions\n\nSTYLE\n::cue {}\n\n"):
        assert read(tmp_path, "a.vtt", head + cue) == "Hello."


def test_a_log_is_read_without_the_colours_of_a_terminal(tmp_path: Path) -> None:
    log = "10:00 \x1b[1;31mERROR\x1b[0m no pier\n\x1b]0;title\x0710:01 \x1b[Kdone\n"
    assert read(tmp_path, "a.log", log) == "10:00 ERROR no pier\n10:01 done"
