# ruff: noqa: E501  (patterns and word lists read best one kind a line)
"""What the furniture of web pages is called: in ids and classes, and in the headings above it."""

from __future__ import annotations

import re

__all__ = ["CONSENT", "COOKIES", "FOOT", "HEAD", "MENU", "MORE", "NAV", "PARTS", "RELATED", "SIDE"]

NAV = frozenset(
    "nav navi navbar navigation subnav topnav sidenav navmenu breadcrumb breadcrumbs crumbs pagination pager paginator sitemap skiplink skiplinks prevnext".split()
)
MENU = frozenset(
    "menu menubar submenu topmenu mainmenu sidemenu toc tableofcontents tabs langs languages".split()
)
FOOT = frozenset("footer bottombar colophon copyright contentinfo".split())
HEAD = frozenset("header masthead topbar toolbar banner headerbar logo branding".split())
SIDE = frozenset("sidebar aside sphinxsidebar sidecolumn rail".split())
MORE = frozenset(
    "related recommend recommended recommendation recommendations readmore morelikethis similar popular trending latest mostread share sharing social addtoany promo promotion sponsored ad ads advert adverts advertisement adsense newsletter subscribe subscription signup feedback".split()
)
# Parts of the text have headers and footers of their own: "post-header", "card-footer".
PARTS = frozenset(
    "post entry comment comments item message card table section article thread topic reply question answer".split()
)
CONSENT = re.compile(r"cookie|consent|gdpr|ccpa|onetrust|didomi|truste", re.I)
COOKIES = re.compile(r"cookie|クッキー|куки|файлы? coo|ملفات تعريف الارتباط|쿠키|餅乾", re.I)
RELATED = re.compile(
    r"(?:related|similar|popular|recommended|trending|latest|recent|more) (?:articles?|posts?|stories|pages?|reading|news|links|content|topics|from .{1,30})|you (?:may|might) (?:also )?(?:like|enjoy|be interested).{0,12}|read (?:more|next|also)|most (?:read|popular|viewed)|share(?: this.{0,20})?|follow us|(?:quick|useful) links|navigation|menu"
    r"|(?:相关|相關|热门|熱門|推荐|推薦|最新|延伸|精彩)(?:的)?(?:文章|阅读|閱讀|推荐|推薦|新闻|新聞|链接|連結|内容|主题|帖子|资讯|資訊|專題|专题)|猜你喜欢|您可能(?:还|還)?(?:感兴趣|感興趣|喜欢|喜歡).{0,6}|分享(?:到.{0,4})?|友情链接|网站导航"
    r"|(?:関連|人気|おすすめ|最新)の?(?:記事|リンク|ページ|ニュース)|あわせて読みたい|シェアする?"
    r"|ähnliche (?:artikel|beiträge)|verwandte (?:artikel|themen|beiträge)|das könnte (?:sie|dich) auch interessieren|mehr zum thema|meistgelesen|teilen"
    r"|articles? (?:similaires|connexes|liés)|à lire aussi|sur le même (?:sujet|thème)|partager"
    r"|(?:artículos|noticias|entradas) relacionad[ao]s|te puede interesar|compartir|articoli correlati|leggi anche|artigos relacionados|leia também"
    r"|(?:похожие|связанные) (?:статьи|материалы)|читайте также|по теме|поделиться|(?:مقالات|مواضيع|أخبار) (?:ذات صلة|مشابهة)|اقرأ أيضا.{0,3}|관련 (?:기사|글|문서)|인기 글",
    re.I,
)
