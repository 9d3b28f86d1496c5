"""The few rules by which the chat looks like one; colours are the theme's own."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding-top: 3.25rem; padding-bottom: 2rem; }
@media (max-width: 48rem) {  /* the bar over it is opaque there */
  [data-testid="stMainBlockContainer"] { padding-top: 4.5rem; } }
@media (min-width: 62rem) {
  [data-testid="stMainBlockContainer"], [data-testid="stBottomBlockContainer"] {
    padding-inline: 2.5rem; } }
[data-testid="stBottomBlockContainer"] { padding-bottom: 1.5rem; position: relative; }
[data-testid="stMainBlockContainer"] h1 { font-size: 2.1rem; }
[data-testid="stSidebarUserContent"] { padding-top: .25rem; }
.st-key-reading { position: sticky; bottom: 0; z-index: 1;
  background: var(--secondary-background-color, inherit); }
[data-testid="stSidebarHeader"] { height: 3.5rem; min-height: 0; margin-bottom: .25rem; }

/* What was asked stands to the right, in a bubble; the answer has the full width. */
[data-testid="stChatMessage"] { background: transparent; padding: 0; gap: 0; }
[data-testid="stChatMessage"] > [aria-hidden="true"] { display: none; }
[data-testid="stChatMessageContent"] > div { gap: .5rem; }
[class*="st-key-asked-"] { flex-direction: row-reverse;
  justify-content: flex-start !important; align-items: center; }
[class*="st-key-asked-"] [data-testid="stText"] {
  background: color-mix(in srgb, currentColor 7%, transparent); border-radius: 1.1rem;
  padding: .55rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
[class*="st-key-asked-"] > .stElementContainer:first-child { max-width: 85%; }

/* Icons that say enough: their words are for screen readers. */
[class*="st-key-edit-"] [data-testid="stMarkdownContainer"],
[class*="st-key-menu-"] button [data-testid="stMarkdownContainer"],
[class*="st-key-turn-"] button [data-testid="stMarkdownContainer"],
[class*="st-key-act-"] button [data-testid="stMarkdownContainer"] {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
[class*="st-key-act-"] [data-testid="stPopover"] button > div > div[aria-hidden="true"],
[class*="st-key-menu-"] button > div > div[aria-hidden="true"] { display: none; }
[class*="st-key-edit-"] button, [class*="st-key-act-"] button { opacity: .62; min-width: 2rem;
  min-height: 2rem; justify-content: center; }
[class*="st-key-edit-"] button:is(:hover, :focus-visible),
[class*="st-key-act-"] button:is(:hover, :focus-visible) { opacity: 1; }
[class*="st-key-edit-"] button { opacity: .55; }

/* What goes on, and the way to end it, stay where they are while the answer grows. */
.ragkit-status { opacity: .72; font-size: .95rem; line-height: 1.6; }
[data-testid="stBottomBlockContainer"] .st-key-stop {
  position: absolute; top: -2.6rem; left: 0; right: 0; align-items: center; z-index: 2; }
.stElementContainer:has(> .stHtml > .ragkit-follow) { position: absolute; }
.st-key-stop button { border-radius: 1.2rem; background: var(--background-color, Canvas);
  box-shadow: 0 1px 6px rgba(0, 0, 0, .14); }

/* A mark in the text opens its source below; the others stay out of sight. */
.ragkit-answer details { display: none; }
.ragkit-answer details:has(:target) { display: block; }

/* Passages near a question that has no answer. */
.ragkit-where { font-weight: 600; font-size: .88rem; overflow-wrap: anywhere; }
[class*="st-key-near-"] [data-testid="stText"] { font-size: .92rem; opacity: .85; }
[class*="st-key-near-"], [class*="st-key-near-"] > div { gap: .25rem; }

/* Conversations: one line each, from the left; the one that is shown is marked. */
.st-key-chats button > div, .st-key-chats button span { justify-content: flex-start;
  text-align: start; }
.st-key-chats button { padding: .1rem .6rem; border-radius: .5rem; }
.st-key-chats .stElementContainer:has([data-testid="stCaptionContainer"]) { margin: .5rem .6rem 0; }
.st-key-current-chat { background: color-mix(in srgb, currentColor 9%, transparent);
  border-radius: .5rem; position: relative; }
.st-key-current-chat > .stElementContainer:first-child { padding-inline-end: 2rem; }
.st-key-current-chat details { border: 0; background: none; }
.st-key-current-chat summary { position: absolute; top: 0; right: 0; width: 2rem; height: 2.5rem;
  padding: 0; border: 0; border-radius: .5rem; justify-content: center; background: none; }
.st-key-current-chat summary, .st-key-current-chat summary * { justify-content: center; gap: 0;
  margin: 0; }
.st-key-current-chat summary > span { display: flex; width: 100%; }
.st-key-current-chat [data-testid="stExpanderDetails"] { padding: .5rem .6rem .6rem; }
.st-key-current-chat [data-testid="stExpanderDetails"] > div { gap: .5rem; }
.st-key-current-chat details button { background: none; min-height: 2.2rem; padding-block: 0; }
.st-key-current-chat summary [data-testid="stMarkdownContainer"] {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.st-key-examples button { text-align: start; }

/* Only the page's middle scrolls: a link within an answer must not push all of the page up. */
[data-testid="stAppViewContainer"] { overflow: clip; }

/* Where the keyboard is, and letters that can be read on a light button. */
[data-testid="stSidebarNavLink"]:focus-visible, .ragkit-answer :focus-visible,
.ragkit-passage:focus-visible, [data-testid="stBaseButton-elementToolbar"]:focus-visible {
  outline: 2px solid currentColor; outline-offset: 1px; }
.stMain:focus-visible { outline: 2px solid; outline-offset: -3px; }
@media (prefers-color-scheme: dark) {
  [data-testid="stMultiSelect"] [data-tag], [data-testid="stMultiSelect"] [data-tag] * {
    color: #0c1413; }
  [data-testid^="stBaseButton-primary"]:not(:disabled) { color: #0c1413; }
  [data-testid^="stBaseButton-primary"]:not(:disabled):is(:hover, :active) {
    background: #4fd0c3; border-color: #4fd0c3; } }
/* What cannot be undone does not look like what goes on. */
[class*="st-key-delete-"] [data-testid^="stBaseButton-primary"]:not(:disabled) {
  background: #b3261e; border-color: #b3261e; color: #fff; }
[class*="st-key-delete-"] [data-testid^="stBaseButton-primary"]:not(:disabled):is(:hover, :active) {
  background: #8f1d17; border-color: #8f1d17; color: #fff; }
@media (prefers-reduced-motion: reduce) { * { animation: none !important;
  transition: none !important; } }
</style>"""
