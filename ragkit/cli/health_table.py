"""The tables of the health report: every file, sortable and filtered where scripts may run.

Without a script they are plain tables in the order of names. On a phone each row is a card.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from ragkit.cli.health_words import Words
from ragkit.cli.terminal import printable
from ragkit.health import FileHealth
from ragkit.health.reasons import reason

__all__ = ["SCRIPT", "STYLE", "indexed_table", "name_html", "one_line", "size", "unread_table"]

_ROWS = 2000
_TEXTS = ("format", "encoding", "language")
_NUMBERS = ("pages", "characters", "nodes", "size", "seconds")

STYLE = """
.files td{vertical-align:top}
.files .name{white-space:normal;overflow-wrap:anywhere;min-width:220px;width:36%}
.name .dir{color:var(--soft)}
.files .say{text-align:left;white-space:normal}
.files thead th{position:sticky;top:0;background:var(--paper);z-index:1;
box-shadow:0 1px var(--rule)}
.files th button{all:unset;cursor:pointer;color:inherit;font:inherit}
.files th button:focus-visible{outline:2px solid var(--s1);outline-offset:2px;border-radius:2px}
.files th button::after{content:"\\2195";opacity:.35;margin-inline-start:3px;font-size:.75em}
.files th[aria-sort=ascending] button::after{content:"\\2191";opacity:1}
.files th[aria-sort=descending] button::after{content:"\\2193";opacity:1}
.unread .name{width:44%}
.tool{display:flex;flex-wrap:wrap;gap:8px 14px;align-items:center;margin:0 0 8px;font-size:.85rem}
.tool input[type=search]{font:inherit;color:inherit;background:var(--card);padding:5px 9px;
border:1px solid var(--soft);border-radius:6px;width:min(100%,300px)}
.tool select{font:inherit;color:inherit;background:var(--card);padding:5px 6px;
border:1px solid var(--soft);border-radius:6px}
.tool output{color:var(--soft)}.tool label{display:flex;gap:6px;align-items:center}
.tool .order{display:none}
.chip{display:inline-block;border:1px solid var(--s2);color:var(--s2);border-radius:9px;
padding:0 7px;margin:1px 3px 1px 0;font-size:.75rem;white-space:nowrap}
.chip.mild{border-color:var(--soft);color:var(--soft)}
[hidden]{display:none!important}
@media (max-width:760px){
.files,.files tbody{display:block}.files thead{display:none}
.files tr{display:flex;flex-wrap:wrap;gap:0 14px;padding:9px 0;border-bottom:1px solid var(--rule)}
.files td{border:0;padding:0;font-size:.8rem;color:var(--soft);text-align:left}
.files td:empty{display:none}
.files td.name{width:100%;min-width:0;font-size:.9rem;color:var(--ink)}
.files td.say{min-width:0}.files td.last{width:100%}
.unread td.last{color:var(--ink)}
.files td[data-label]::before{content:attr(data-label) " "}
.tool .order{display:flex}
}
@media print{
.tool{display:none}.files thead th{position:static}.files tr{break-inside:avoid}
.files{font-size:8pt}.files td,.files th{padding:3px 5px}
}
"""
SCRIPT = """
for (const table of document.querySelectorAll("table.files")) {
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
  const words = table.dataset, tool = document.createElement("div");
  const make = (tag, parent, props) => parent.appendChild(
    Object.assign(document.createElement(tag), props));
  const value = (row, at) => row.cells[at].dataset.v ?? row.cells[at].textContent;
  const collator = new Intl.Collator(document.documentElement.lang, {numeric: true});
  const sort = (at, down) => {
    const number = "v" in rows[0].cells[at].dataset;
    rows.sort((a, b) => {
      const one = value(a, at), two = value(b, at);
      if (!one !== !two) return one ? -1 : 1;
      const order = number ? one - two : collator.compare(one, two);
      return down ? -order : order;
    });
    body.append(...rows);
    heads.forEach((head, place) => place === at
      ? head.setAttribute("aria-sort", down ? "descending" : "ascending")
      : head.removeAttribute("aria-sort"));
  };
  heads.forEach((head, at) => {
    const button = make("button", head, {type: "button", textContent: head.textContent});
    head.firstChild.remove();
    button.onclick = () => {
      const now = head.getAttribute("aria-sort");
      sort(at, now ? now === "ascending" : rows.length > 0 && "v" in rows[0].cells[at].dataset);
    };
  });
  tool.className = "tool";
  table.closest(".wide").before(tool);
  if (rows.length < 8) continue;
  const search = make("input", tool, {type: "search", placeholder: words.filter});
  search.setAttribute("aria-label", words.filter);
  const order = make("label", tool, {className: "order", textContent: words.order});
  const by = make("select", order, {});
  heads.forEach((head, at) => make("option", by, {value: at, textContent: head.textContent}));
  by.onchange = () => sort(+by.value, "v" in rows[0].cells[+by.value].dataset);
  const warned = words.warned && make("label", tool, {});
  const box = warned && make("input", warned, {type: "checkbox"});
  if (warned) warned.append(words.warned);
  const shown = make("output", tool, {});
  const fold = text => text.normalize("NFKC").toLowerCase();
  const apply = () => {
    const wanted = fold(search.value).split(/\\s+/).filter(Boolean);
    let left = 0;
    for (const row of rows) {
      const text = fold(row.textContent);
      row.hidden = !wanted.every(word => text.includes(word)) || box && box.checked
        && !row.querySelector(".chip");
      left += !row.hidden;
    }
    shown.textContent = left === rows.length ? "" : `${left} / ${rows.length}`;
  };
  search.oninput = apply;
  if (box) box.onchange = apply;
}
"""


def one_line(text: str) -> str:
    """Return a name on one line, without characters that would turn or hide it."""
    return (
        printable(text)
        .replace("\n", "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}")
        .replace("\t", " ")
    )


def name_html(source: str) -> str:
    """Return a source with its folder apart; each in the direction of its own letters."""
    folder, slash, name = one_line(source).rpartition("/")
    parents = f'<bdi class="dir">{_breakable(folder)}/</bdi>' if slash else ""
    return f"{parents}<bdi>{escape(name)}</bdi>"


def _breakable(folder: str) -> str:
    return "/<wbr>".join(map(escape, folder.split("/")))


def unread_table(files: Sequence[FileHealth], words: Words) -> str:
    """Return what was not indexed, with the reasons; empty where all was."""
    rows = [file for file in files if file.state != "indexed"]
    if not rows:
        return ""
    body = "".join(
        f'<tr><td class="name">{name_html(file.source)}</td>'
        f'<td class="say last">{escape(_why(file, words))}</td></tr>'
        for file in rows[:_ROWS]
    )
    heads = [("file", "name"), ("reason", "say")]
    return f"<h2>{escape(words['not indexed'])}</h2>" + _table(
        heads, body, words, "files unread", len(rows)
    )


def _why(file: FileHealth, words: Words) -> str:
    return one_line(reason(file.reason, words["lang"]) or words.get(file.state, file.state))


def indexed_table(files: Sequence[FileHealth], words: Words, *, mild: frozenset[str]) -> str:
    """Return all indexed files; warnings of the ``mild`` kinds are drawn so.

    Of very many those with warnings come first, so that none of these is cut off.
    """
    rows = [file for file in files if file.state == "indexed"]
    if not rows:
        return ""
    if len(rows) > _ROWS:
        rows.sort(key=lambda file: not file.warnings)
    kept = [key for key in (*_TEXTS, *_NUMBERS) if any(getattr(file, key) for file in rows)]
    heads = [("file", "name"), *((key, "say" if key in _TEXTS else "") for key in kept)]
    body = "".join(_row(file, kept, words, mild) for file in rows[:_ROWS])
    return f"<h2>{escape(words['all files'])}</h2>" + _table(
        [*heads, ("warnings", "say")], body, words, "files", len(rows)
    )


def _table(heads: Sequence[tuple[str, str]], body: str, words: Words, kind: str, count: int) -> str:
    cells = "".join(
        f'<th scope="col" class="{kind}">{escape(words[key])}</th>' for key, kind in heads
    )
    labels = {"filter": words["filter"], "order": words["order"]}
    if heads[-1][0] == "warnings":
        labels["warned"] = words["warned"]
    data = "".join(f' data-{key}="{escape(text)}"' for key, text in labels.items())
    cut = words["cut"].format(shown=f"{_ROWS:,}", count=f"{count:,}") if count > _ROWS else ""
    return (
        f'<div class="wide"><table class="{kind}"{data}><thead><tr>{cells}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
        + (f'<p class="facts">{escape(cut)}</p>' if cut else "")
    )


def _row(file: FileHealth, kept: Sequence[str], words: Words, mild: frozenset[str]) -> str:
    cells = [f'<td class="name">{name_html(file.source)}</td>']
    for key in kept:
        if key in _TEXTS:
            cells.append(f'<td class="say">{escape(one_line(getattr(file, key)))}</td>')
        else:
            shown = _number(file, key)
            label = f' data-label="{escape(words[key])}"' if shown and key != "size" else ""
            cells.append(f'<td data-v="{getattr(file, key):g}"{label}>{shown}</td>')
    chips = [(words.get(f"w_{kind}", kind), kind in mild) for kind in file.warnings]
    if file.ocr_pages:
        chips.append((words["by ocr"].format(count=file.ocr_pages), True))
    drawn = "".join(
        f'<span class="chip{" mild" if quiet else ""}">{escape(text)}</span>'
        for text, quiet in chips
    )
    return f'<tr>{"".join(cells)}<td class="say last">{drawn}</td></tr>'


def _number(file: FileHealth, key: str) -> str:
    value = getattr(file, key)
    if key == "size":
        return size(value)
    if key == "seconds":
        return _seconds(value)
    return f"{value:,}" if value or key != "pages" else ""


def _seconds(value: float) -> str:
    if not value:
        return ""
    return f"{value:.2f}" if value >= 0.01 else "&lt; 0.01"


def size(count: int) -> str:
    """Return bytes in words."""
    limits = (1, 1e3, 1e6, 1e9, float("inf"))
    for unit, (scale, most) in zip(("B", "kB", "MB", "GB"), pairwise(limits), strict=True):
        if count < most:
            return f"{count} B" if unit == "B" else f"{count / scale:.1f} {unit}"
    raise AssertionError("no size is infinite")
