"""What all pages of a report share: the frame, the style, figures with legends, numbers."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape

from ragkit._version import __version__

__all__ = ["embedded", "figure", "figure3", "page", "percent", "table_row"]


def table_row(cells: Sequence[str]) -> str:
    """Return a row of cells, which are HTML."""
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def figure(title: str, about: str, chart: str, names: Sequence[tuple[str, int]] = ()) -> str:
    """Return a chart with its caption and a legend of names and series."""
    legend = "".join(f'<span class="key s{s}">{escape(name)}</span>' for name, s in names)
    return (
        f"<figure><figcaption><b>{escape(title)}</b><span>{escape(about)}</span></figcaption>"
        f"{chart}{f'<div class=legend>{legend}</div>' if legend else ''}</figure>"
    )


def figure3(value: float | None) -> str:
    """Return a figure with three decimals, or a dash."""
    return "–" if value is None else f"{value:.3f}"


def percent(value: float | None) -> str:
    """Return a share as a percentage, or a dash."""
    return "–" if value is None else f"{100 * value:.1f}%"


def page(title: str, body: Sequence[str], *, language: str = "en", script: str = "") -> str:
    """Return a whole page around parts that are HTML; it forbids requests and other scripts.

    Its policy lets ``script`` run by its hash, and nothing else.
    """
    allowed, tail = "", ""
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        allowed, tail = f"; script-src 'sha256-{digest}'", f"<script>{script}</script>"
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        f"content=\"default-src 'none'; style-src 'unsafe-inline'{allowed}\">"
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)}</title>'
        f"<style>{_FRAME}{_PARTS}{_CHART}{_PHONE}</style></head><body><main>{''.join(body)}"
        f'<footer class="facts">ragkit {__version__}</footer></main>{tail}</body></html>\n'
    )


def embedded(page: str, *, dark: bool) -> str:
    """Return what a page of ``page`` says, to stand inside another page, light or dark.

    Charts are pictures with their words as text for screen readers, for a page that lets no SVG
    in. The style reaches nothing outside; nested rules need a browser of 2023 or later.
    """
    colours = _DARK if dark else _LIGHT
    start, end = page.index("<main>") + len("<main>"), page.index("</main>")
    # That page has its own first heading.
    inner = page[start:end].replace("<h1>", "<h2>", 1).replace("</h1>", "</h2>", 1)
    inner = re.sub(r"<svg .*?</svg>", lambda found: _picture(found[0], colours), inner, flags=re.S)
    style = f"<style>.ragkit-report{{{colours}{_INSIDE}{_PARTS}}}</style>"
    return f'<div class="ragkit-report">{style}{inner}</div>'


def _picture(svg: str, colours: str) -> str:
    """Return a chart as a picture that holds its own colours."""
    label = re.search(r'aria-label="([^"]*)"', svg)
    style = f"<style>:root{{{colours}{_FONT}}}{_CHART}{_SMALL}</style>"
    opening = svg.index(">") + 1
    whole = f'<svg xmlns="http://www.w3.org/2000/svg" {svg[5:opening]}{style}{svg[opening:]}'
    data = base64.b64encode(whole.encode()).decode()
    return f'<img alt="{label[1] if label else ""}" src="data:image/svg+xml;base64,{data}">'


_LIGHT = """--card:#f7f8fa;--ink:#1b1f24;--soft:#5b6572;--rule:#dfe3e8;
--s1:#0d7d74;--s2:#c2410c;--s3:#6b7280;"""
_DARK = """--card:#1b2120;--ink:#e6e9ed;--soft:#9aa5b1;--rule:#303a38;
--s1:#2dbdaf;--s2:#f59e5b;--s3:#9aa3ad;"""
_FONT = """font-family:system-ui,-apple-system,"Segoe UI","Noto Sans","PingFang SC",
"Microsoft YaHei","Noto Sans CJK SC",sans-serif;"""
_INSIDE = """
font-size:15px;line-height:1.5;color:var(--ink);
h2:first-of-type{margin-top:4px}
figure img{display:block;width:100%;height:auto}
"""
_FRAME = f"""
:root{{--paper:#fff;{_LIGHT}}}
@media (prefers-color-scheme:dark){{:root{{--paper:#151a19;{_DARK}}}}}
"""
_FRAME += """
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI","Noto Sans","Noto Sans CJK SC",sans-serif}
main{max-width:1000px;margin:0 auto;padding:28px 20px 40px}
@media (max-width:560px){main{padding:18px 12px 28px}}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 4px}
"""
_CHART = """
svg text{fill:var(--soft);font-size:11px;font-family:inherit;font-variant-numeric:tabular-nums}
svg .tick,svg .value{paint-order:stroke;stroke:var(--card);stroke-width:3px}
svg .label{font-size:11.5px}svg .value{fill:var(--ink)}
.grid{stroke:var(--rule);stroke-width:1}.zero{stroke:var(--soft);stroke-width:1}
.mark{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:4 3}
.line{fill:none;stroke-width:2.2;stroke-linejoin:round}
.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}
.line{stroke:var(--c)}.line.s2{stroke-dasharray:7 4}.band{fill:var(--c);opacity:.16}
.dot{fill:var(--c)}.bar{fill:var(--c);opacity:.75}
.hist{fill:var(--c);fill-opacity:.22;stroke:var(--c);stroke-width:1.6}
.hist.s2{stroke-dasharray:6 3}.hist.s3{stroke-dasharray:2 3;fill-opacity:.1}
.whisker{fill:none;stroke:var(--ink);stroke-width:1.3}
.whisker.s1,.whisker.s2,.whisker.s3{stroke:var(--c);stroke-width:1.8}
"""
_PARTS = """
*{box-sizing:border-box}
h2{font-size:1.1rem;margin:32px 0 8px;padding:0}
.facts{color:var(--soft);margin:4px 0 12px;font-size:.875rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(128px,1fr));gap:10px;
margin:18px 0 6px}
.tile{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:10px 12px;
display:flex;flex-direction:column;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.8rem}.tile b{font-size:1.35rem;line-height:1.3}
.tile small{color:var(--soft);font-size:.75rem}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:16px;
margin:20px 0;align-items:start}
figure{margin:0;padding:14px 14px 10px;background:var(--card);border:1px solid var(--rule);
border-radius:8px;min-width:0}
figcaption{display:flex;flex-direction:column;margin-bottom:8px}
figcaption span{color:var(--soft);font-size:.8rem}
svg{display:block;width:100%;height:auto}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:.8rem;color:var(--soft);padding:4px 2px}
.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}
.key::before{content:"";display:inline-block;width:18px;height:0;border-top:3px solid var(--c);
margin-right:6px;vertical-align:middle}
.key.s2::before{border-top-style:dashed}.key.s3::before{border-top-style:dotted}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:6px 8px;border-bottom:1px solid var(--rule);white-space:nowrap}
th{color:var(--soft);font-weight:600}th:first-child,td:first-child{text-align:left}
table.text th,table.text td{text-align:left;white-space:normal;vertical-align:top;
overflow-wrap:anywhere}
table.text th:last-child,table.text td:last-child{text-align:right;white-space:nowrap}
footer.facts{margin-top:32px}
"""
_PHONE = "@media (max-width:560px){svg text,svg .label{font-size:13px}}"
# Inside a picture the width is the picture's own.
_SMALL = "@media (max-width:400px){svg text,svg .label{font-size:14px}}"
