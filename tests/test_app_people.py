"""Many people at once before the real server, over websockets: twenty browsers are too heavy."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason='needs the extra: pip install "ragkit[app]"')

from browser_support import free_port, wait_for_port
from streamlit_client import Session, open_session

PEOPLE = 20
PLACES = (
    "Alnmouth Berwick Craster Dunbar Eyemouth Flamborough Girdle Holburn Inchkeith Kinnaird "
    "Lismore Montrose Neist Orfordness Portland Quantock Rattray Skerryvore Tarbat Ushenish"
).split()
# ``ragkit chat`` that notes each loading of a model.
COUNTING = """
import sys
from pathlib import Path
import ragkit.models.embedder, ragkit.models.llm

LOG = Path(sys.argv[1])  # Streamlit puts the page's arguments in the place of these

def counted(module, name):
    load = getattr(module, name)
    def wrapper(*arguments, **settings):
        with LOG.open("a") as log:
            log.write(name + "\\n")
        return load(*arguments, **settings)
    setattr(module, name, wrapper)

counted(ragkit.models.embedder, "load_embedder")
counted(ragkit.models.llm, "load_llm")
from ragkit.cli import main
main(["chat", *sys.argv[2:]])
"""


@contextmanager
def server(command: list[str], home: Path, env: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Run ``COMMAND --port=…`` and yield ``host:port`` and the process's id."""
    port = free_port()
    with (home / "chat.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command, f"--port={port}"],
            env={**os.environ, "RAGKIT_HOME": str(home), "OMP_NUM_THREADS": "1", **env},
            cwd=home,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for_port(port, process)
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def lite(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Run the chat on one file a lighthouse, each with a code of its own."""
    folder, home = tmp_path / "docs", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    for number, place in enumerate(PLACES):
        text = (
            f"# {place}\n\nThe lamp of the {place} lighthouse has the code {code(number)}.\n\n"
            f"## Keeper\n\nThe keeper of the {place} lighthouse is {keeper(number)}.\n"
        )
        (folder / f"{place}.md").write_text(text, "utf-8")
    command = ["-m", "ragkit", "chat", str(folder), "--preset=lite"]
    with server(command, home, {}) as found:
        yield found


def code(number: int) -> str:
    return f"K{number:02d}7{number:02d}"


def keeper(number: int) -> str:
    return f"Mr Abcdefghijklmnopqrst{chr(97 + number)}"


async def visitors(address: str, number: int) -> list[Session]:
    """Open so many pages in browsers of their own, at once, and draw them."""
    sessions = await asyncio.gather(*(open_session(address) for _ in range(number)))
    await asyncio.gather(*(session.rerun() for session in sessions))
    return sessions


async def leave(sessions: list[Session]) -> None:
    await asyncio.gather(*(session.close() for session in sessions))


def alerts(session: Session) -> list[str]:
    found = [e for e in session.elements.values() if e.WhichOneof("type") in ("alert", "exception")]
    return [str(e) for e in found if "error" in str(e).lower() or "ERROR" in str(e)]


def answers(session: Session) -> list[str]:
    """Return the words of the finished answers on the page, without their sources."""
    bodies = [e.html.body for e in session.elements.values() if e.WhichOneof("type") == "html"]
    finished = [b.partition("<details")[0] for b in bodies if 'class="ragkit-answer"' in b]
    return [re.sub(r"<[^>]+>", "", text) for text in finished]


def test_twenty_people_at_once_get_their_own_answers(tmp_path: Path) -> None:
    async def ask(session: Session, number: int) -> list[str]:
        place = PLACES[number]
        await session.ask(f"What code has the lamp of the {place} lighthouse?", code(number))
        await session.ask(f"Who is the keeper of the {place} lighthouse?", keeper(number))
        return answers(session)

    async def everyone(address: str) -> None:
        sessions = await visitors(address, PEOPLE)
        assert len({session.cookie for session in sessions}) == PEOPLE
        found = await asyncio.gather(*(ask(s, n) for n, s in enumerate(sessions)))
        for number, (session, texts) in enumerate(zip(sessions, found, strict=True)):
            assert alerts(session) == []
            assert len(texts) == 2, texts
            joined = " ".join(texts)
            assert code(number) in joined
            assert keeper(number) in joined
            for other in set(range(PEOPLE)) - {number}:
                assert code(other) not in joined
                assert keeper(other) not in joined
        await keep_apart(address, sessions)
        await leave(sessions)

    with lite(tmp_path) as (address, _):
        asyncio.run(everyone(address))


async def keep_apart(address: str, sessions: list[Session]) -> None:
    """Open the first one's conversation by its address: from its browser, and from another's."""
    query = sessions[0].query
    assert "chat=" in query
    own = await open_session(address, cookie=sessions[0].cookie, query=query)
    await own.rerun()
    assert code(0) in " ".join(answers(own))
    for cookie in (sessions[1].cookie, None, ""):
        stranger = await open_session(address, cookie=cookie, query=query)
        text = await stranger.rerun()
        assert code(0) not in text
        assert answers(stranger) == []
        await stranger.close()
    await own.close()


@pytest.mark.slow
def test_a_hundred_idle_sessions_take_little_memory(tmp_path: Path) -> None:
    async def grow(address: str, pid: int) -> float:
        first = await visitors(address, 10)
        await asyncio.sleep(4)
        before = resident(pid)
        rest: list[Session] = []
        for _ in range(10):
            rest += await visitors(address, 10)
        await asyncio.sleep(2)
        growth = resident(pid) - before
        await leave([*first, *rest])
        return growth

    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    with lite(tmp_path) as (address, pid):
        assert asyncio.run(grow(address, pid)) < 50


def resident(pid: int) -> float:
    """Return a process's resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return int(next(line for line in status if line.startswith("VmRSS:")).split()[1]) / 1024


# With a model


@contextmanager
def modelled(
    tmp_path: Path, folder: Path, llm: Path, embedder: Path, tokens: int
) -> Iterator[tuple[str, Path]]:
    """Run the chat with tiny models; yield the address and the file that counts loadings."""
    home, script, log = tmp_path / "home", tmp_path / "counting.py", tmp_path / "loads"
    home.mkdir()
    script.write_text(COUNTING, "utf-8")
    log.touch()
    settings = {
        "RAGKIT_LLM__MODEL": str(llm),
        "RAGKIT_EMBEDDER__MODEL": str(embedder),
        "RAGKIT_LLM__MAX_NEW_TOKENS": str(tokens),
    }
    command = [str(script), str(log), str(folder), "--preset=internlm2"]
    with server(command, home, settings) as (address, _):
        yield address, log


@pytest.mark.slow
def test_ten_first_visits_at_once_load_the_models_once(
    tmp_path: Path, folder: Path, tiny_internlm2: Path, tiny_embedder: Path
) -> None:
    async def everyone(address: str) -> list[list[str]]:
        sessions = await asyncio.gather(*(open_session(address) for _ in range(10)))

        async def visit(session: Session) -> list[str]:
            await session.rerun()
            await session.ask("When was the lighthouse of Alnmouth built?", "1826")
            assert alerts(session) == []
            return answers(session)

        found = await asyncio.gather(*map(visit, sessions))
        await leave(list(sessions))
        return found

    with modelled(tmp_path, folder, tiny_internlm2, tiny_embedder, 60) as (address, log):
        for texts in asyncio.run(everyone(address)):
            assert "1826" in " ".join(texts)
        assert sorted(log.read_text("utf-8").split()) == ["load_embedder", "load_llm"]


@pytest.mark.slow
def test_people_who_wait_for_the_model_are_served_in_turn(
    tmp_path: Path, folder: Path, endless_internlm2: Path, tiny_embedder: Path
) -> None:
    async def everyone(address: str) -> list[float]:
        sessions = await visitors(address, PEOPLE)
        # The model is in memory, and whoever comes now comes to a queue.
        await sessions[0].ask("When was the lighthouse of Alnmouth built?", "ragkit-writing")

        async def ask(session: Session, queued: asyncio.Event) -> float:
            begun = time.perf_counter()

            def told(words: str) -> None:
                if "before you" in words or "ragkit-writing" in words:
                    queued.set()

            asked = await session.ask(
                "Who built the lighthouse of Alnmouth?", "ragkit-writing", seconds=300, told=told
            )
            assert asked.first is not None
            assert alerts(session) == []
            return begun + asked.first

        asking = []
        for session in sessions:
            queued = asyncio.Event()
            asking.append(asyncio.create_task(ask(session, queued)))
            # Who comes next comes after this one has a place.
            await asyncio.wait_for(queued.wait(), 60)
        firsts = await asyncio.gather(*asking)
        assert all(answers(session) for session in sessions)
        await leave(sessions)
        return firsts

    with modelled(tmp_path, folder, endless_internlm2, tiny_embedder, 40) as (address, _):
        firsts = asyncio.run(everyone(address))
    order = sorted(range(PEOPLE), key=firsts.__getitem__)
    # Pages are drawn by threads of their own: neighbours may change places on the screen.
    assert max(abs(place - number) for place, number in enumerate(order)) <= 1, (order, firsts)
