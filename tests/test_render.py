"""An answer as HTML: its marks stand where they belong, and nothing in it is live."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import pytest
from hostile_answers import hostile_names, hostile_texts
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.schema import NodeWithScore, TextNode

from ragkit.answer.citations import source_nodes
from ragkit.render import (
    Labels,
    answer_html,
    answer_markdown,
    is_generated,
    passage_html,
    shown_name,
    text_html,
)
from ragkit.types import Answer, Citation, Mark, Sentence, SourceNode

ADDRESS = "http://127.0.0.1:9"
TEXTS = hostile_texts(ADDRESS)
TAGS = {
    "div", "span", "p", "br", "strong", "em", "s", "code", "pre", "ul", "ol", "li", "blockquote",
    "hr", "table", "thead", "tbody", "tr", "th", "td", "a", "sup", "mark", "details", "summary",
}  # fmt: skip
ATTRIBUTES = {
    "style", "class", "title", "open", "dir", "role", "aria-label", "aria-level", "tabindex",
    "start", "scope", "id", "href", "target", "rel",
}  # fmt: skip
VOID = {"br", "hr"}
FIXED_STYLES = re.compile(r"[a-z0-9 .,:;%()#-]*", re.IGNORECASE)


class Page(HTMLParser):
    """Reads HTML as a browser would, and refuses what is not on the lists above."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[tuple[str, tuple[str, ...], str]] = []
        self.styles: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert tag in TAGS
        assert set(given) <= ATTRIBUTES
        assert len(given) == len(attrs)
        assert "url(" not in given.get("style", "")
        assert FIXED_STYLES.fullmatch(given.get("style", ""))
        href = given.get("href")
        if href is not None:
            assert tag == "a"
            assert re.match(r"https?://|mailto:|#rk-", href)
            if not href.startswith("#"):
                assert given["target"] == "_blank"
                assert given["rel"] == "noopener noreferrer"
        self.tags.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
            self.styles.append(given.get("style", ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        raise AssertionError("self-closing tags are not written")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.styles.pop()

    def handle_data(self, data: str) -> None:
        self.text.append((data, tuple(self.open), ";".join(self.styles)))

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError("a declaration")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("a processing instruction")

    def words(self) -> str:
        return "".join(data for data, _, _ in self.text)

    def of(self, tag: str) -> list[dict[str, str]]:
        return [given for name, given in self.tags if name == tag]

    def inside(self, tag: str) -> str:
        return "".join(data for data, tags, _ in self.text if tag in tags)

    def styled(self, part: str) -> str:
        return "".join(data for data, _, styles in self.text if part in styles)


def source(n: int = 1, name: str = "a.md", text: str = "The tower is high.") -> SourceNode:
    return SourceNode(n, name, None, 2.0, text, 100, "Towers")


def answer(text: str, *sentences: Sentence, sources: int = 3, **changes: object) -> Answer:
    made = Answer(
        question="How high?",
        text=text,
        refused=False,
        preset="internlm2",
        sentences=sentences,
        citations=(),
        sources=tuple(source(n) for n in range(1, sources + 1)),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def says(text: str, *citations: int, supported: bool = True, claim: bool = True) -> Sentence:
    return Sentence(text, citations, supported, claim=claim)


def doubtful(text: str) -> Sentence:
    return says(text, supported=False)


# --- nothing is live ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_text_is_harmless_at_every_moment_of_its_writing(name: str) -> None:
    text = TEXTS[name]
    for end in range(len(text) + 1):
        for markdown in (True, False):
            Page(text_html(text[:end], markdown=markdown, links=True))


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("markdown", [True, False, None])
def test_hostile_answers_are_harmless(name: str, markdown: bool | None) -> None:
    text = TEXTS[name]
    pieces = [piece for piece in re.split(r"(?<=[ .)])", text) if piece.strip()]
    for sentences in (
        (),
        (says(text, 1),),
        (doubtful(text),),
        tuple(doubtful(piece.strip()) for piece in pieces),
        (Sentence(text, (1,), True, Mark(0, max(1, len(text) // 2))),),
    ):
        for shown in (text, f"{text} [1][2]"):
            made = answer(shown, *sentences)
            Page(answer_html(made, markdown=markdown, links=True, prefix="t1"))


@pytest.mark.parametrize("name", hostile_names(ADDRESS))
def test_hostile_names_are_harmless(name: str) -> None:
    made = answer("It is high. [1]", says("It is high.", 1), question=name, preset=name)
    made = replace(
        made,
        sources=(replace(source(), source=name, heading=name, text=name),),
        citations=(Citation(1, name, 1, 100, 104, name[:4]),),
    )
    page = Page(answer_html(made, prefix="t1", links=True))
    assert not [link for link in page.of("a") if not link["href"].startswith("#")]
    Page(passage_html(name, [(0, 3)], before=name, after=name))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*TEXTS.values(), "![", "](", ")", "[", "]", "<", ">", '"', "'", "&", "\\", "`",
             "```\n", "\n", "\n\n", "|", "|-|\n", "- ", "1. ", "> ", "# ", "*", "**", "_", "~~",
             "$", "$$", "http://a.example", "javascript:", "[1]", " ",
             "\U000f0000", "&#", ";", "word", "模型"]
        ),
        max_size=14,
    ).map("".join),
    st.booleans(),
)  # fmt: skip
def test_no_mixture_of_markup_is_live(text: str, markdown: bool) -> None:
    Page(text_html(text, markdown=markdown, links=True))
    half = text[: len(text) // 2]
    made = answer(text, doubtful(half), says(text[len(half) :], 1))
    Page(answer_html(made, markdown=markdown, links=True, prefix="x"))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_harmless_and_whole(text: str) -> None:
    assert not {"script", "img"} & {tag for tag, _ in Page(text_html(text, markdown=True)).tags}
    plain = Page(text_html(text, markdown=False)).words()
    assert plain == re.sub("[\U000f0000-\U0010ffff]", "\ufffd", text) or "[" in text


def test_pictures_become_words() -> None:
    page = Page(
        text_html("See ![the *big* chart](http://evil.example/x?q=1 'title').", markdown=True)
    )
    assert page.words() == "See the big chart (image: evil.example)."


def test_links_show_their_host_and_only_some_are_links() -> None:
    text = (
        "[docs](https://example.org/a?b=1&c=2) [https://bank.example](http://evil.example/) "
        "[mail](mailto:a@b.example?body=x) [js](javascript:x) [file](file:///etc/passwd) "
        "[user](http://bank.example@evil.example/) [rel](/download) [unicode](http://bänk.example)"
    )
    page = Page(text_html(text, markdown=True, links=True))
    assert [link["href"] for link in page.of("a")] == [
        "https://example.org/a?b=1&c=2",
        "http://evil.example/",
        "mailto:a@b.example",
        "http://xn--bnk-qla.example",
    ]
    assert "https://bank.example (evil.example)" in page.words()
    assert "unicode (xn--bnk-qla.example)" in page.words()
    assert Page(text_html(text, markdown=True)).of("a") == []  # a browser looks their hosts up


# --- Markdown ----------------------------------------------------------------------------------


def test_markdown_has_its_shape() -> None:
    text = (
        "## Setup\n\nThe **main** *system*:\n\n1. one\n2. two\n   - `code` here\n\n"
        "| Preset | Size |\n|:--|--:|\n| lite | 0 |\n\n```python\nx = [1]\n```\n\n> said\n\n---\n"
        "line one\nline two"
    )
    page = Page(text_html(text, markdown=True))
    heading = [given for _, given in page.tags if given.get("role") == "heading"]
    assert [given["aria-level"] for given in heading] == ["4"]
    assert page.inside("strong") == "main"
    assert page.inside("em") == "system"
    assert len(page.of("li")) == 3
    assert [cell["style"].split(";")[0] for cell in page.of("th")] == [
        "text-align:left", "text-align:right",
    ]  # fmt: skip
    assert page.inside("pre") == "x = [1]"
    assert page.inside("blockquote") == "said"
    assert len(page.of("br")) == 1


@pytest.mark.parametrize(
    "formula",
    [r"\(a_1 * b_2 * c\)", r"\[ \frac{1}{2} \]", "$a*b*c$", "$$x^2 *y* z$$", r"$\{a\}$"],
)
def test_formulas_stay_text(formula: str) -> None:
    page = Page(text_html(f"Let {formula} hold.", markdown=True))
    assert page.words() == f"Let {formula} hold."
    assert page.of("em") == []


def test_prices_are_no_formulas() -> None:
    page = Page(text_html("It costs $5 or **$10** in all.", markdown=True))
    assert page.inside("strong") == "$10"


def test_a_document_s_own_text_is_shown_as_it_is() -> None:
    text = "# Not a heading\n- **not** a list   with  spaces\n\n    indented"
    quoted = Citation(1, "a.md", None, 100, 100 + len(text), text)
    made = answer(f"{text} [1]", says(text, 1), citations=(quoted,))
    assert not is_generated(made)
    page = Page(answer_html(made, with_sources=False, with_question=False, with_footer=False))
    assert page.words() == f"{text}1"
    assert page.styled("pre-wrap") == f"{text}1"


def test_what_a_model_wrote_is_told_from_what_it_quoted() -> None:
    assert is_generated(answer("It is high. [1]", says("It is high.", 1)))
    assert is_generated(answer("It is.", doubtful("It is.")))
    listing = answer("- a*b*.md", says("- a*b*.md", supported=False, claim=False))
    assert not is_generated(listing)
    assert not is_generated(answer("No.", refused=True))


def test_long_hostile_text_takes_bounded_time() -> None:
    for piece in ("[", "![", "**a ", "> ", "`", "<", "[](", "$a", "\\(", "| a ", "- "):
        started = time.perf_counter()
        Page(text_html(piece * (40_000 // len(piece)), markdown=True))
        Page(text_html(piece * 40_000, markdown=True))
        assert time.perf_counter() - started < 8, piece


# --- marks -------------------------------------------------------------------------------------


def marks(page: Page) -> list[tuple[str, str]]:
    return [(a["href"], a["aria-label"]) for a in page.of("a") if a["href"].startswith("#")]


def test_marks_lead_to_their_sources() -> None:
    made = answer("One. [1] Two. [3][2]", says("One.", 1), says("Two.", 3, 2))
    page = Page(answer_html(made, markdown=True, prefix="t7"))
    assert [href for href, _ in marks(page)] == ["#rk-t7-1", "#rk-t7-3", "#rk-t7-2"]
    assert marks(page)[0][1] == "Source 1: a.md"
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert ids == ["rk-t7-1", "rk-t7-2", "rk-t7-3"]
    other = Page(answer_html(made, markdown=True, prefix="t8"))
    assert not set(ids) & {given.get("id") for _, given in other.tags}


def test_without_a_prefix_or_sources_nothing_is_a_link() -> None:
    made = answer("One. [1]", says("One.", 1))
    assert marks(Page(answer_html(made))) == []
    assert marks(Page(answer_html(made, prefix="a", with_sources=False))) == []


@pytest.mark.parametrize("prefix", ["a b", '"', "é", "x" * 65, "a\n"])
def test_other_prefixes_are_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        answer_html(answer("One."), prefix=prefix)


def test_marks_of_sources_that_are_not_there_stay_text() -> None:
    made = answer("One. [9]", says("One.", 9))
    page = Page(answer_html(made, markdown=True, prefix="a", with_question=False))
    assert marks(page) == []
    assert "One. [9]" in page.words()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**Bold claim.** [1] Rest. [2]", "Bold claim.1 Rest.2"),
        ("- item *one* [1]\n- item two [2]", "item one1item two2"),
        ("# Head\n\nIt is `x[1]`. [1] End. [2]", "HeadIt is x[1].1 End.2"),
        ("| a | b |\n|--|--|\n| 1 | 2 |\n\n[1]\n\nEnd. [2]", "ab121End.2"),
        ("```\nx = y[1]\n```\n\n[1]\n\nEnd. [2]", "x = y[1]1End.2"),
        ("图中有三座塔。 [1]它们很高。 [2]", "图中有三座塔。1它们很高。2"),
        ("[a link](https://a.example/) said. [1] End. [2]", "a link (a.example) said.1 End.2"),
        ("\\*starred\\* [1] a\\_b. [2]", "*starred*1 a_b.2"),
        ("Fish &amp; chips. [1] &copy; me. [2]", "Fish & chips.1 © me.2"),
    ],
)
def test_marks_stand_in_markdown_where_they_stood(text: str, shown: str) -> None:
    parts = [p for p in re.split(r"\s*\[[12]\](?=\s|$|它)\s*", text) if p]
    made = answer(text, *(says(part.strip(), n) for n, part in enumerate(parts, 1)))
    html = answer_html(made, markdown=True, prefix="p", links=True, with_question=False)
    page = Page(html)
    assert page.words().startswith(f"{shown}1a.md")  # the first source follows
    assert [href for href, _ in marks(page)] == ["#rk-p-1", "#rk-p-2"]


def test_numbers_are_marked_while_the_text_is_written() -> None:
    text = "It is **high**. [1][2] Code `x [1]` stays. [3] Array[1] too."
    page = Page(text_html(text, markdown=True))
    assert page.styled("vertical-align:.28em") == "123"
    assert page.inside("code") == "x [1]"
    assert "Array[1] too." in page.words()


# --- what no source supports, and the short answer ---------------------------------------------

DOUBT = "underline dotted"


@pytest.mark.parametrize(
    "claim",
    [
        "It was built in 1987.",
        "**It was** built in *1987*.",
        "- **Bold** item",
        "1. first of all",
        "> - quoted [link](https://a.example) text",
        "`code` does it.",
        "&nbsp;&amp; entities too.",
        "### A heading that claims",
        "它建于一九八七年。",
        "بني في عام ألف.",
        "(In brackets.)",
        "“Quoted words.”",
        "~~struck~~ words",
        "$x$ is small.",
    ],
)
def test_unsupported_sentences_are_underlined_whatever_they_hold(claim: str) -> None:
    plain = Page(text_html(claim, markdown=True)).words().strip().replace("https://a.example", "")
    for text in (claim, f"Fine. [1]\n\n{claim}\n\nFine too. [2]"):
        made = answer(text, says("Fine.", 1), doubtful(claim), says("Fine too.", 2))
        if text == claim:
            made = answer(text, doubtful(claim))
        page = Page(answer_html(made, markdown=True, with_sources=False, with_question=False))
        marked = page.styled(DOUBT)
        letters = "".join(c for c in marked if c.isalnum())
        assert letters == "".join(c for c in plain if c.isalnum())
        signs = [given for _, given in page.tags if given.get("role") == "img"]
        assert [sign["aria-label"] for sign in signs] == ["No source supports this."]
        if text != claim:
            assert "Fine" not in marked


def test_unsupported_tables_and_code() -> None:
    table = "| a | b |\n|--|--|\n| 1 | 2 |"
    page = Page(answer_html(answer(table, doubtful(table)), markdown=True, with_sources=False))
    assert page.styled(DOUBT) == "ab12"
    code = "```python\nx = 1\n```"
    page = Page(answer_html(answer(code, doubtful(code)), markdown=True, with_sources=False))
    assert page.inside("pre") == "x = 1"
    assert len([1 for _, given in page.tags if given.get("role") == "img"]) == 1


def test_a_table_s_shape_survives_its_doubt() -> None:
    table = "| a | b |\n|--|--|\n| 1 | 2 |"
    shown = answer(f"{table}\n\nEnd. [1]", doubtful(table), says("End.", 1))
    page = Page(answer_html(shown, markdown=True, with_sources=False, with_question=False))
    assert len(page.of("td")) == 2
    assert page.words().startswith("ab12?End.1")


def test_what_claims_nothing_is_not_doubted() -> None:
    made = answer("Here is a list:", says("Here is a list:", supported=False, claim=False))
    assert DOUBT not in answer_html(made, markdown=True)


def test_the_short_answer_is_marked() -> None:
    sentence = Sentence("It is forty metres high.", (1,), True, Mark(6, 18))
    for markdown in (True, False):
        made = answer("It is forty metres high. [1]", sentence)
        assert Page(answer_html(made, markdown=markdown, with_sources=False)).inside("mark") == (
            "forty metres"
        )
    odd = answer(
        "It is *forty* metres.", Sentence("It is *forty* metres.", (1,), True, Mark(6, 13))
    )
    assert Page(answer_html(odd, markdown=True, with_sources=False)).inside("em") == "forty"
    far = answer("Short.", Sentence("Short.", (1,), True, Mark(3, 99)))
    assert Page(answer_html(far, markdown=False, with_sources=False)).inside("mark") == ""


def test_text_that_holds_none_of_its_sentences_is_still_shown() -> None:
    made = answer("Something else.", says("One.", 1), doubtful("Two."))
    for markdown in (True, False):
        words = Page(answer_html(made, markdown=markdown, with_sources=False)).words()
        assert "One." in words
        assert "Something else." in words


# --- sources, refusals, words ------------------------------------------------------------------


def test_quotes_are_highlighted_in_their_source() -> None:
    made = answer("High. [1]", says("High.", 1), sources=1)
    made = replace(made, citations=(Citation(1, "a.md", None, 104, 109, "tower"),))
    page = Page(answer_html(made, with_question=False))
    assert page.inside("mark") == "tower"
    assert "open" in page.of("details")[0]
    assert "open" not in Page(answer_html(made, open_cited=False)).of("details")[0]


def test_a_refusal_is_plain_text_with_its_sources() -> None:
    made = answer("No *answer*: “![x](http://a.example)”.", refused=True)
    page = Page(answer_html(made, markdown=True))
    assert "No *answer*" in page.words()
    assert len(page.of("details")) == 3
    assert "dashed" in page.of("div")[2]["style"]


def test_words_are_the_caller_s() -> None:
    labels = Labels(unsupported="没有来源支持。", source="来源 {n}：{name}", page="第 {n} 页")
    made = answer("One. [1] Two.", says("One.", 1), doubtful("Two."))
    made = replace(made, sources=(replace(source(), page=3),))
    page = Page(answer_html(made, markdown=True, prefix="a", labels=labels))
    assert marks(page)[0][1] == "来源 1：a.md"
    assert "第 3 页" in page.words()
    assert "没有来源支持。" in [given.get("aria-label") for _, given in page.tags]


def test_text_of_any_direction_finds_its_own() -> None:
    page = Page(text_html("مرحبا\n\n- واحد\n\n| أ |\n|--|\n| ب |", markdown=True))
    for tag in ("p", "ul", "td"):
        assert all(given["dir"] == "auto" for given in page.of(tag))


def test_names_cannot_turn_the_direction_of_text() -> None:
    assert shown_name("a\u202egpj.exe") == "a\\u202egpj.exe"
    assert shown_name("a\n b\t.md") == "a b .md"


def test_a_passage_stands_in_its_surroundings() -> None:
    html = passage_html("abc<d", [(1, 3)], before="x&", after="z", more_before=True)
    page = Page(html)
    assert page.words() == "… x&abc<dz"
    assert page.inside("mark") == "bc"
    assert page.styled("opacity") == "… x&z"


def test_lines_of_a_printed_page_are_joined_without_moving_the_quote() -> None:
    text = (
        "The origins of word processing can be traced to\nthe typewriter of the nineteenth century"
        " and\nbefore.\nA new paragraph begins.\n- one item of the list that is rather long\n"
        "- two\n"
        "| a | table row that is as long as the text |\n| b | table row |\n"
        "这一行占满了整个栏宽所以它在下一行继续，\n到这里结束。"
    )
    quote = text.index("traced to\nthe typewriter")
    page = Page(passage_html(text, [(quote, quote + 23)], join_lines=True))
    assert page.inside("mark") == "traced to the typewriter"[:23]
    words = page.words()
    assert "century and before.\nA new" in words
    assert "begins.\n- one item" in words
    assert "|\n| b" in words
    assert "继续，到这里" in words
    assert Page(passage_html(text)).words() == text


@given(
    st.text("ab \n|-模型。\U000f0000\U000f0001", max_size=300),
    st.integers(0, 99),
    st.integers(0, 99),
)
def test_joining_lines_loses_no_letter(text: str, start: int, end: int) -> None:
    page = Page(passage_html(text[9:], [(start, end)], before=text[:9], join_lines=True))
    kept = re.sub(r"[ \n]", "", page.words())
    assert kept == re.sub("[\U000f0000\U000f0001]", "\ufffd", re.sub(r"[ \n]", "", text))


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://example.org/a b",
        'https://example.org/"><img src=x>',
        "https://example.org/\u202egpj.exe",
        "https://example.org/\x1b[31m",
        "//example.org",
        "https://",
        "https://example.org/" + "x" * 600,
        7,
        None,
    ],
)
def test_what_is_no_address_of_the_web_is_not_shown(url: object) -> None:
    node = NodeWithScore(node=TextNode(text="t", metadata={"source": "a.html", "url": url}))
    (source,) = source_nodes([node])
    assert source.url is None
    assert "url" not in source.to_dict()


def test_an_address_is_text_and_a_link_only_where_links_are_allowed() -> None:
    url = "https://example.org/a?b='c'&d="
    node = NodeWithScore(node=TextNode(text="t", metadata={"source": "a.html", "url": url}))
    (source,) = source_nodes([node])
    assert source.to_dict()["url"] == url
    shown = Answer("q", "t", False, "p", (), (), (source,))
    plain, linked = answer_html(shown), answer_html(shown, links=True)
    assert escape(url) in plain
    assert "<a " not in plain
    assert f'href="{escape(url)}" target="_blank" rel="noopener noreferrer"' in linked
    other = replace(source, url="https://user@example.org/")  # another host than it looks
    linked = answer_html(replace(shown, sources=(other,)), links=True)
    assert "<a " not in linked
    assert "user@example.org" in linked
    cited = replace(shown, citations=(Citation(1, "a.html", None, 0, 1, "t"),))
    assert "· https://example.org/a?b='c'&d=" in answer_markdown(cited)
