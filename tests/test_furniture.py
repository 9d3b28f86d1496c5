# ruff: noqa: E501  (pages are written as pages are)
"""What stays of a web page and what goes: pages of many shapes and languages, and hostile ones."""

from __future__ import annotations

import time

import pytest

from ragkit.ingest.readers.html import read_html

_Page = tuple[str, list[str], list[str]]
PAGES: dict[str, _Page] = {}


def page(name: str, html: str, keep: list[str], drop: list[str]) -> None:
    PAGES[name] = html, keep, drop


MAIN = """<h1>Installing the pump</h1><p>Before you begin, switch off the water supply and open the drain valve of the tank.</p>
<p>The pump weighs 14 kg and needs a socket of 230 volts. It must stand level on a firm floor.</p>
<ul><li>Wrench of size 17</li><li>Two hose clamps</li></ul><pre><code>pumpctl start --slow</code></pre>
<table><tr><th>Model</th><th>Power</th></tr><tr><td>P100</td><td>400 W</td></tr></table>
<p>See <a href="safety.html">the safety notes</a> for more.</p>"""
KEPT = [
    "switch off the water supply",
    "230 volts",
    "Wrench of size 17",
    "pumpctl start",
    "P100",
    "the safety notes",
]
page(
    "div-id",
    f"""<html><body><div id="nav"><a href="/">Home</a> <a href="/p">Products</a> <a href="/c">Contact</a></div>
<div id="content">{MAIN}</div><div class="footer"><p>Copyright 2024 Pumps Ltd. <a href="/imprint">Imprint</a> <a href="/p">Privacy</a></p></div></body></html>""",
    KEPT,
    ["Products", "Copyright", "Privacy"],
)
page(
    "semantic",
    f"""<html><body><header><a class="logo" href="/">Pumps Ltd</a><nav><ul><li><a href="/a">Catalogue</a></li></ul></nav></header><main>{MAIN}
<aside><h3>Related articles</h3><ul><li><a href="x">Choosing a hose</a></li><li><a href="y">Winter care</a></li></ul></aside></main>
<footer><p>All rights reserved. Newsletter</p></footer></body></html>""",
    KEPT,
    ["Catalogue", "Choosing a hose", "All rights reserved"],
)
page(
    "aside-outside",
    f"""<html><body><article>{MAIN}</article><aside><h2>Related articles</h2><p><a href=a>Ten garden tips</a> Our editors collected the best.</p></aside><div role="contentinfo">Pumps Ltd, 12 Dock Road</div></body></html>""",
    KEPT,
    ["Ten garden tips", "12 Dock Road"],
)
page(
    "callout",
    f"""<html><body><main>{MAIN}<aside class="note"><p>Never run the pump dry, since the seal burns within a minute.</p></aside></main></body></html>""",
    [*KEPT, "Never run the pump dry"],
    [],
)
page(
    "sphinx",
    f"""<html><body><div class="related" role="navigation"><h3>Navigation</h3><ul><li><a href="genindex.html">index</a></li><li><a href="next.html">next</a> |</li></ul></div>
<div class="document"><div class="documentwrapper"><div class="bodywrapper"><div class="body" role="main"><section id="related-sidebar">{MAIN}
<div class="admonition note"><p class="admonition-title">Note</p><p>Use the sidebar menu.</p></div><aside class="sidebar"><p class="sidebar-title">Tip</p><p>Keep spare seals in a dry box.</p></aside></section></div></div></div>
<div class="sphinxsidebar" role="navigation"><h3>Table of Contents</h3><ul><li><a href="#">Installing</a></li><li><a href="#b">Wiring things</a></li></ul><div id="searchbox" role="search"><h3>Quick search</h3><form><input type="text"><input type="submit" value="Go"></form></div></div></div>
<div class="footer">&copy; 2024. Created using <a href="x">Sphinx</a> 7.2.</div></body></html>""",
    [*KEPT, "Use the sidebar menu", "spare seals"],
    ["genindex", "Wiring things", "Quick search", "Created using"],
)
page(
    "mkdocs",
    f"""<html><body><header class="md-header"><nav class="md-header__inner"><a href=".">Site title</a></nav></header><div class="md-container"><main class="md-main"><div class="md-main__inner"><div class="md-sidebar md-sidebar--primary"><nav class="md-nav"><ul><li><a href=a>Getting started</a></li><li><a href=b>Reference</a></li></ul></nav></div>
<div class="md-content"><article class="md-content__inner">{MAIN.replace("</h1>", '<a class="headerlink" href="#x">¶</a></h1>')}</article></div></div></main><footer class="md-footer"><div class="md-copyright">Made with Material</div></footer></div></body></html>""",
    KEPT,
    ["Getting started", "Made with Material", "¶"],
)
page(
    "docusaurus",
    f"""<html><body><div id="__docusaurus"><div role="region" aria-label="Skip to main content"><a class="skipToContent_x" href="#m">Skip</a></div><nav class="navbar"><a href=/>Docs</a></nav><div class="main-wrapper"><aside class="theme-doc-sidebar-container"><nav class="menu"><ul class="theme-doc-sidebar-menu"><li><a href=q>Quickstart guide</a></li></ul></nav></aside><main><article><nav class="theme-doc-breadcrumbs"><ul><li><a href=h>Home</a></li></ul></nav><div class="theme-doc-markdown markdown"><header>{MAIN.split("</h1>")[0]}</h1></header>{MAIN.split("</h1>")[1]}</div><footer class="theme-doc-footer"><a href=e>Edit this page</a></footer></article><nav class="pagination-nav"><a href=n>Next Wiring</a></nav><div class="theme-doc-toc-desktop"><ul class="table-of-contents"><li><a href=#a>What you need</a></li><li><a href=#b>Wiring steps</a></li></ul></div></main></div><footer class="footer">Built with Docusaurus.</footer></div></body></html>""",
    [*KEPT, "Installing the pump"],
    ["Quickstart guide", "Edit this page", "Wiring steps", "Built with"],
)
page(
    "cookie",
    f"""<html><body><div class="x1"><p>We use cookies to improve your experience on this site.</p><button>Accept all</button><a href=p>Learn more about it</a></div>{MAIN}</body></html>""",
    KEPT,
    ["improve your experience"],
)
page(
    "cookie-zh",
    """<html><body><div id="cookie-bar">本网站使用Cookie来改善体验。<a href=p>了解更多</a><button>接受</button></div><h1>水泵安装</h1><p>安装前请先关闭水源，打开水箱的排水阀。</p><p>水泵重14公斤，需要230伏插座。</p></body></html>""",
    ["关闭水源", "230伏"],
    ["改善体验"],
)
page(
    "old-table-zh",
    """<html><head><meta charset=gbk></head><body><table width=100%><tr><td><a href=1>首页</a> | <a href=2>新闻中心</a> | <a href=3>产品展示</a> | <a href=4>联系我们</a></td></tr><tr><td><table><tr><td><h1>通知</h1><p>公司定于5月1日至5月5日放假，期间仓库停止发货，请各部门提前安排好工作。如有紧急情况请联系值班人员，值班电话是010-12345678。食堂在假期正常开放，供应早餐和午餐。请大家离开办公室时关闭电源和门窗，注意安全。</p></td></tr></table></td></tr><tr><td class="copyright">版权所有 2024 某某公司 京ICP备12345号</td></tr></table></body></html>""",
    ["5月1日至5月5日", "010-12345678"],
    ["京ICP备"],
)
page(
    "zh-related",
    """<html><body><div class="header"><div class="logo">某某网</div><div class="menu"><a href=a>体育</a><a href=b>财经</a><a href=c>科技</a></div></div><div class="article"><h1>新地铁线开通</h1><p>市政府宣布，地铁12号线将于9月28日开通运营，全长32公里，共设23座车站。</p><p>票价为2元起步，首班车6:00发车，末班车23:00发车。</p></div><div class="box"><h3>相关阅读</h3><ul><li><a href=1>机场快线票价调整公告</a></li><li><a href=2>公交线路优化方案</a></li></ul></div><div class="footer">关于我们 联系方式 版权所有</div></body></html>""",
    ["32公里", "首班车6:00"],
    ["体育", "机场快线", "版权所有"],
)
page(
    "link-index",
    """<html><body><h1>Library index</h1><p>All guides in one list.</p><ul><li><a href=1>Guide to hoses</a></li><li><a href=2>Guide to valves</a></li><li><a href=3>Guide to seals</a></li></ul></body></html>""",
    ["Guide to hoses", "Guide to seals", "All guides"],
    [],
)
page(
    "only-links",
    """<html><body><ul><li><a href=1>Guide to hoses</a></li><li><a href=2>Guide to valves</a></li><li><a href=3>Guide to seals</a></li></ul></body></html>""",
    ["Guide to hoses"],
    [],
)
page(
    "see-also",
    f"""<html><body>{MAIN}<h2>See also</h2><ul><li><a href=1>Pump manual</a></li><li><a href=2>Valve manual</a></li><li><a href=3>Seal manual</a></li></ul></body></html>""",
    [*KEPT, "Valve manual"],
    [],
)
page(
    "restaurant",
    """<html><body><div id="menu" class="menu"><h1>Our menu</h1><div class="menu-item">Soup of the day 6.50</div><div class="menu-item">Grilled fish 18.00</div></div><footer>Open daily 11-23</footer></body></html>""",
    ["Soup of the day", "Grilled fish"],
    [],
)
page(
    "restaurant2",
    """<html><body><h1>Roma</h1><div class="menu"><p>Soup of the day 6.50</p><p>Grilled fish 18.00</p></div><div class="sidebar"><p>We are closed on Mondays.</p></div></body></html>""",
    ["Soup of the day", "closed on Mondays"],
    [],
)
page(
    "forum",
    """<html><body><div class="navbar"><a href=1>Forum</a><a href=2>Search</a></div><div class="thread"><h1>Pump is loud</h1><div class="post"><div class="post-header"><a href=u>anna</a> 3 May</div><div class="post-body"><p>My P100 rattles at start. What can I do?</p></div><div class="post-footer"><a href=l>Like</a> <a href=r>Reply</a></div></div><div class="post"><div class="post-header"><a href=u>bert</a></div><div class="post-body"><p>Tighten the foot screws.</p></div></div></div><div class="pagination"><a href=2>2</a><a href=3>3</a></div></body></html>""",
    ["rattles at start", "Tighten the foot screws", "anna"],
    ["Search"],
)
page(
    "wrapper",
    f"""<html class="has-sidebar"><body class="has-navbar no-footer header-fixed"><div class="page with-sidebar footer-sticky"><div class="sidebar-content">{MAIN}</div></div></body></html>""",
    KEPT,
    [],
)
page(
    "short-footer",
    """<html><body><h1>Hours</h1><p>We open at nine.</p><footer>Dock Road 12, all rights reserved by us</footer></body></html>""",
    ["open at nine"],
    ["all rights reserved"],
)
page(
    "de",
    """<html><body><ul class="hauptmenue"><li><a href=a>Startseite</a></li><li><a href=b>Leistungen</a></li><li><a href=c>Kontakt</a></li></ul><h1>Öffnungszeiten</h1><p>Das Rathaus ist montags von 8 bis 16 Uhr geöffnet. Anträge nimmt das Bürgerbüro im Erdgeschoss entgegen. Einen Ausweis beantragen Sie persönlich, die Gebühr beträgt 37 Euro. Die Bearbeitung dauert drei Wochen.</p><div class="teaser"><h3>Das könnte Sie auch interessieren</h3><a href=1>Hundesteuer anmelden</a><a href=2>Umzug melden</a></div><footer>Impressum Datenschutz</footer></body></html>""",
    ["37 Euro", "drei Wochen"],
    ["Leistungen", "Hundesteuer", "Impressum"],
)
page(
    "ar",
    """<html dir=rtl><body><nav><a href=1>الرئيسية</a></nav><main><h1>تركيب المضخة</h1><p>أغلق مصدر المياه قبل البدء وافتح صمام التصريف.</p><table><tr><th>الطراز</th><th>القدرة</th></tr><tr><td>P100</td><td>400 واط</td></tr></table></main><aside><h3>مقالات ذات صلة</h3><a href=2>العناية بالمضخة</a></aside><footer>جميع الحقوق محفوظة</footer></body></html>""",
    ["صمام التصريف", "400 واط"],
    ["الرئيسية", "العناية", "الحقوق"],
)
page(
    "ja",
    """<html><body><div class="gnav"><a href=1>ホーム</a><a href=2>製品</a></div><h1>ポンプの設置</h1><p>始める前に給水を止め、排水弁を開けてください。ポンプの重さは14キロで、230ボルトの電源が必要です。水平な床に置いてください。固定にはボルトを四本使います。</p><section class="box"><h2>関連記事</h2><ul><li><a href=1>ホースの選び方</a></li></ul></section><div id="footer">著作権所有</div></body></html>""",
    ["230ボルト"],
    ["ホースの選び方", "著作権所有"],
)
page(
    "faq",
    """<html><body><h1>FAQ</h1><div class="toc"><ul><li><a href=#a>How long is the warranty?</a></li><li><a href=#b>Where can I buy parts?</a></li><li><a href=#c>How to return?</a></li></ul></div><h2 id=a>How long is the warranty?</h2><p>Two years.</p><h2 id=b>Where can I buy parts?</h2><p>In the web shop.</p></body></html>""",
    ["Two years", "How long is the warranty?", "In the web shop"],
    [],
)
page(
    "header-h1",
    """<html><body><header><h1>Annual report 2023</h1><p>By the board, 4 March 2024</p></header><p>Revenue rose by 4 percent to 12 million euros.</p></body></html>""",
    ["Annual report 2023", "By the board", "12 million"],
    [],
)
page(
    "layout-ad",
    f"""<html><body><div class="ad-banner"><a href=x>Buy cheap hoses now</a></div>{MAIN}<div class="social-share"><a href=f>Facebook</a><a href=t>Twitter</a></div><div class="newsletter"><p>Subscribe to our newsletter</p><form><input type=email><button>OK</button></form></div></body></html>""",
    KEPT,
    ["cheap hoses", "Facebook", "Subscribe to our"],
)
page(
    "no-h1",
    f"""<html><body><p><a href=1>Home</a> | <a href=2>Shop</a> | <a href=3>About us</a> | <a href=4>Contact us</a></p>{MAIN.replace("h1", "h2")}<p><a href=1>Top</a> - <a href=2>Sitemap page</a> - <a href=3>Legal notes</a></p></body></html>""",
    KEPT,
    ["About us", "Sitemap page"],
)
page(
    "comments",
    f"""<html><body><article>{MAIN}</article><div id="comments" class="comments-area"><h2>2 comments</h2><ol><li><p>Works well with the older hose too.</p></li></ol></div></body></html>""",
    [*KEPT, "older hose too"],
    [],
)
page(
    "footnotes",
    """<html><body><article><h1>Essay</h1><p>The sea is salt.<sup><a href=#fn1>1</a></sup></p><footer><ol><li id=fn1>Measured at Brest in 1904. <a href=#r>↩</a></li></ol></footer></article></body></html>""",
    ["Measured at Brest"],
    [],
)
page(
    "word",
    """<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta http-equiv=Content-Type content="text/html; charset=gb2312"><style>p.MsoNormal{}</style></head><body lang=ZH-CN><div class=WordSection1><p class=MsoTitle>会议通知<o:p></o:p></p><p class=MsoNormal><span style='mso-list:Ignore'>1.<span>&nbsp;</span></span>时间：周五下午三点</p><div class=MsoHeader><p>公司内部</p></div><table class=MsoTableGrid><tr><td><p class=MsoNormal>姓名</p></td><td><p class=MsoNormal>部门</p></td></tr><tr><td><p>张三</p></td><td><p>研发</p></td></tr></table></div></body></html>""",
    ["会议通知", "周五下午三点", "姓名: 张三; 部门: 研发"],
    ["MsoNormal"],
)


def text_of(html: str) -> str:
    return "\n".join(section.text for section in read_html(html).sections)


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("name", PAGES)
def test_the_text_stays_and_the_furniture_goes(name: str) -> None:
    html, keep, drop = PAGES[name]
    text = squeezed(text_of(html))
    assert [phrase for phrase in keep if squeezed(phrase) not in text] == []
    assert [phrase for phrase in drop if squeezed(phrase) in text] == []


def test_a_page_of_nothing_but_furniture_is_read() -> None:
    assert "Imprint" in text_of(
        "<body><nav><a href=a>Home</a></nav><footer>Imprint</footer></body>"
    )


@pytest.mark.parametrize(
    "html",
    [
        "<p>" + "word " * 9000 + "</p>" + "<ul><li><a href=1>ab</a></li></ul>" * 9000,
        "<p>"
        + "word " * 9000
        + "</p>"
        + ("<ul>" + "<li><a href=1>ab</a></li>" * 3 + "</ul>") * 4000,
        "<div class=header>" * 2000 + "x <a href=1>y</a>" * 3 + "</div>" * 2000,
        "<table><tr>"
        + "<td rowspan=65534 colspan=100>x</td>" * 50
        + "</tr>"
        + "<tr><td>a</td></tr>" * 300,
    ],
)
def test_hostile_pages_cost_no_more_than_others(html: str) -> None:
    begun = time.process_time()
    text_of(html)
    assert time.process_time() - begun < 6
