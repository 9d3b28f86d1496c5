"""The application's name as a picture, in letters for light and for dark."""

from __future__ import annotations

__all__ = ["LOGO"]

LOGO = """<svg xmlns="http://www.w3.org/2000/svg" width="420" height="112" viewBox="0 0 420 112">
<style>text { fill: #0b6b63; } @media (prefers-color-scheme: dark) { text { fill: #4fd0c3; } }
</style>
<rect x="3" y="3" width="106" height="106" rx="24" fill="#0f7d73"/>
<path d="M21 31l34 8v50l-34-9zM91 31l-34 8v50l34-9z" fill="#fff"/>
<path d="M28 45l20 5M28 56l20 5M28 66l20 5M84 45l-20 5M84 56l-20 5M84 66l-20 5" stroke="#0f7d73"
 stroke-width="4"/>
<text x="132" y="80" font-family="'Source Sans','Noto Sans',system-ui,sans-serif" font-size="76"
 font-weight="700">ragkit</text>
</svg>"""
