"""What keeps a conversation's end in view, until a person scrolls away; a question brings it back.

Streamlit keeps to the end of a chat by itself, but takes nobody there who is elsewhere when they
ask, and lets nobody leave while an answer grows quickly.
"""

from __future__ import annotations

__all__ = ["SCRIPT", "following_html"]

# Holds nothing of anyone's and is the same for every question, so that it runs by its hash in the
# page's policy (ragkit.gate), which allows no other. It is begun once, for as long as the page is
# open: what is to be followed it reads from the page.
SCRIPT = """(() => {
  const main = document.querySelector('.stMain');
  if (!main || main.dataset.follows) return;
  main.dataset.follows = 'yes';
  let turn = '', stays = false, top = 0, height = 0;
  main.addEventListener('wheel', (e) => { if (0 > e.deltaY) stays = false; }, { passive: true });
  main.addEventListener('scroll', () => {
    const grown = main.scrollHeight >= height;
    const away = main.scrollHeight - main.clientHeight - main.scrollTop;
    if (grown && top - 1 > main.scrollTop) stays = false;
    else if (main.scrollTop > top && 4 > away) stays = true;
    top = main.scrollTop;
    height = main.scrollHeight;
  }, { passive: true });
  setInterval(() => {
    const shown = document.querySelector('.ragkit-follow');
    if (!shown) { turn = ''; return; }
    if (shown.dataset.turn !== turn) { turn = shown.dataset.turn; stays = true; }
    const end = main.scrollHeight - main.clientHeight;
    if (stays && end - main.scrollTop > 1) main.scrollTop = end;
  }, 60);
})()"""


def following_html(turn_id: int) -> str:
    """Return what keeps the end in view from the time that ``turn_id`` is a chat's last turn."""
    return f'<i class="ragkit-follow" data-turn="{turn_id}"></i><script>{SCRIPT}</script>'
