"""What an index must survive: kill -9, other processes, full disks, places that cannot be written.

Writers are processes of their own that acknowledge each document after its commit.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_support import (
    NODES,
    ask,
    ask_for_acknowledged,
    make_store,
    numbered_texts,
    process,
    put_numbered,
    write_at,
    write_numbers,
    write_until_full,
)

from ragkit.errors import StoreError
from ragkit.store.sqlite import SqliteStore

HERE = Path(__file__).resolve().parent


def numbers_in(path: Path) -> set[int]:
    return {int(line) for line in path.read_text().split()} if path.exists() else set()


def kill_while_writing(
    path: Path, acknowledged: Path, first: int, seconds: float, *rest: object
) -> set[int]:
    """Start a writer and kill it so long after its first acknowledgement; return its numbers."""
    writer = process(write_numbers, path, acknowledged, first, first + 100_000, *rest)
    deadline = time.monotonic() + 60
    while not acknowledged.exists():
        assert writer.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(seconds)
    assert writer.is_alive()
    writer.kill()
    writer.join()
    return numbers_in(acknowledged)


def check_whole(store: SqliteStore) -> set[int]:
    """Assert that every document that is there is there whole; return their numbers."""
    with store.reading():
        return check_whole_now(store)


def check_whole_now(store: SqliteStore) -> set[int]:
    numbers = {int(info.source[1:-3]) for info in store.catalog.documents()}
    assert set(store.catalog.files()) == {f"f{number}.md" for number in numbers}
    assert all(info.nodes == NODES for info in store.catalog.documents())
    found = ask(store, "common")
    assert sorted(found) == sorted(f"d{n}#{part}" for n in numbers for part in range(NODES))
    for number in numbers:
        assert store.catalog.text(f"f{number}.md") == "\n".join(numbered_texts(number))
    nodes, frequencies = store.document_frequencies([f"unique{n}" for n in numbers])
    assert nodes == NODES * len(numbers)
    assert set(frequencies.values()) <= {NODES}
    return numbers


def check_file(path: Path) -> None:
    conn = sqlite3.connect(path)
    assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    tables = [row[0] for row in conn.execute("SELECT name FROM sqlite_master") if "_fts" in row[0]]
    for table in tables:
        if table.endswith("_fts"):
            conn.execute(f"INSERT INTO {table}({table}) VALUES ('integrity-check')")
    conn.close()


def test_kill_9_twenty_times_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    rng = random.Random(20)
    known: set[int] = set()
    for attempt in range(20):
        acknowledged = tmp_path / f"acknowledged{attempt}"
        delay = rng.uniform(0.0, 0.15)
        known |= kill_while_writing(path, acknowledged, attempt * 100_000, delay, 1, False)
        check_file(path)
        if attempt % 5 == 4:
            assert known <= check_whole(make_store(path, splitter=1))
    assert len(known) >= 20
    store = make_store(path, splitter=1)
    for number in sorted(known)[::2]:
        store.catalog.remove_file(f"f{number}.md")
    check_whole(store)
    check_file(path)


def test_kill_9_beside_another_writer(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    beside = process(write_numbers, path, tmp_path / "beside", 10**7, 10**7 + 300, 1, False)
    known: set[int] = set()
    for attempt in range(5):
        acknowledged = tmp_path / f"acknowledged{attempt}"
        known |= kill_while_writing(path, acknowledged, attempt * 100_000, 0.05, 1, False)
        check_file(path)
    beside.join(60)
    assert beside.exitcode == 0
    assert known | set(range(10**7, 10**7 + 300)) <= check_whole(make_store(path, splitter=1))
    check_file(path)


def test_opening_again_leaves_the_locks_of_this_process(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    first = make_store(path, splitter=1)
    put_numbered(first, 0)
    make_store(path, splitter=1)  # closing a descriptor of the file would drop first's locks
    for number in (1, 2):  # each of these would then be the last to leave, and remove the log
        writer = process(
            write_numbers, path, tmp_path / "acknowledged", number, number + 1, 1, False
        )
        writer.join(60)
        assert writer.exitcode == 0
        assert len(ask(first, f"unique{number}")) == NODES
        assert Path(f"{path}-wal").exists()
    put_numbered(first, 3)
    assert check_whole(make_store(path, splitter=1)) == {0, 1, 2, 3}


def test_a_rebuild_killed_midway_leaves_the_live_index_and_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    live = make_store(path, splitter=1)
    put_numbered(live, 0)
    known = kill_while_writing(path, tmp_path / "acknowledged", 1, 0.1, 2, True)
    assert check_whole(live) == {0}

    resumed = make_store(path, splitter=2).begin_rebuild()
    assert known <= check_whole(resumed)
    put_numbered(resumed, 999_999)
    resumed.finish_rebuild()
    assert {999_999, *known} <= check_whole(make_store(path, splitter=2))
    check_file(path)


def test_one_indexes_and_two_ask_without_error_or_stale_answer(tmp_path: Path) -> None:
    path, acknowledged = tmp_path / "i.db", tmp_path / "acknowledged"
    readers = [
        process(ask_for_acknowledged, path, acknowledged, 199, tmp_path / f"asked{n}")
        for n in range(2)
    ]
    writer = process(write_numbers, path, acknowledged, 0, 200, 1, False)
    for each in (writer, *readers):
        each.join(60)
        assert each.exitcode == 0
    assert all(int((tmp_path / f"asked{n}").read_text()) >= 5 for n in range(2))
    assert check_whole(make_store(path, splitter=1)) == set(range(200))


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    writers = [
        process(write_numbers, path, tmp_path / f"acknowledged{first}", first, first + 60, 1, False)
        for first in (0, 1_000)
    ]
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert check_whole(make_store(path, splitter=1)) == {*range(60), *range(1_000, 1_060)}
    check_file(path)


@pytest.mark.parametrize("extra", [0, 20_000, 400_000])
def test_a_full_disk_is_an_error_in_words_and_the_old_index_stays(
    tmp_path: Path, extra: int
) -> None:
    path, acknowledged = tmp_path / "i.db", tmp_path / "acknowledged"
    store = make_store(path, splitter=1)
    put_numbered(store, 0)
    store.close()
    writer = process(write_until_full, path, acknowledged, path.stat().st_size + extra)
    writer.join(60)
    assert writer.exitcode == 7
    words = Path(f"{acknowledged}.error").read_text()
    assert "disk is full" in words
    assert str(path) in words
    kept = {0, *numbers_in(acknowledged)}
    again = make_store(path, splitter=1)
    assert check_whole(again) == kept
    put_numbered(again, 999_999)
    assert check_whole(again) == {*kept, 999_999}
    check_file(path)


ELSEWHERE = """
import os, sys
from pathlib import Path
from store_support import make_store, put
from ragkit.errors import StoreError
path = Path(sys.argv[1])
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
store = make_store(path, splitter=1)
print([info.source for info in store.catalog.documents()])
print(store.document_frequencies(["common"]))
for attempt in (
    lambda: put(store, "f1.md", ["x"]),
    lambda: store.begin_rebuild(),
    lambda: store.indexing_lock(timeout=0).__enter__(),
):
    try:
        attempt()
    except StoreError as error:
        print(error)
    else:
        raise SystemExit("it was written")
print(len(store.catalog.files()))
"""


@pytest.fixture
def shared_index(tmp_path: Path) -> Iterator[Path]:
    """An index in a folder that another user can enter; the test's own folders are private."""
    folder = Path(f"/tmp/ragkit-test-{os.getpid()}-{tmp_path.name}")
    folder.mkdir(mode=0o755)
    store = make_store(folder / "i.db", splitter=1)
    put_numbered(store, 0)
    store.close()
    (folder / "i.db").chmod(0o444)
    yield folder / "i.db"
    folder.chmod(0o755)
    shutil.rmtree(folder)


def run_elsewhere(code: str, path: Path) -> list[str]:
    """Run ``code`` as a user without rights to ``path``; return its lines."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def needs_world_readable_code() -> None:
    """Skip where another user could not even import the package."""
    if os.getuid() != 0:
        return
    probe = subprocess.run(
        [sys.executable, "-c", f"import os; os.setuid(65534); os.listdir({str(HERE)!r})"],
        capture_output=True,
        check=False,
    )
    if probe.returncode:
        pytest.skip("another user cannot read the checkout")


def test_an_index_in_a_folder_that_cannot_be_written_is_read(shared_index: Path) -> None:
    needs_world_readable_code()
    shared_index.parent.chmod(0o555)
    lines = run_elsewhere(ELSEWHERE, shared_index)
    assert lines[:2] == ["['f0.md']", "(4, {'common': 4})"]
    assert all(str(shared_index) in line for line in lines[2:5])
    assert lines[5] == "1"
    assert sorted(file.name for file in shared_index.parent.iterdir()) == ["i.db"]


def test_a_file_that_cannot_be_written_in_a_folder_that_can(shared_index: Path) -> None:
    needs_world_readable_code()
    shared_index.parent.chmod(0o777)
    code = ELSEWHERE.replace("    lambda: store.indexing_lock(timeout=0).__enter__(),\n", "")
    lines = run_elsewhere(code, shared_index)  # the lock's own file can be made there
    assert lines[:2] == ["['f0.md']", "(4, {'common': 4})"]


def test_a_reader_beside_a_live_writer_in_a_read_only_handle(tmp_path: Path) -> None:
    writer = make_store(tmp_path / "i.db", splitter=1)
    put_numbered(writer, 0)
    reader = make_store(tmp_path / "i.db", read_only=True, splitter=1)
    assert len(ask(reader, "common")) == NODES
    put_numbered(writer, 1)
    assert len(ask(reader, "common")) == 2 * NODES
    with pytest.raises(StoreError, match="reading only"):
        reader.begin_rebuild()


def test_processes_that_create_an_index_together_all_succeed(tmp_path: Path) -> None:
    for attempt in range(4):
        path = tmp_path / f"{attempt}.db"
        begin = time.time() + 0.3
        writers = [process(write_at, path, number, begin) for number in range(4)]
        for writer in writers:
            writer.join(60)
        assert [writer.exitcode for writer in writers] == [0] * 4
        assert make_store(path).catalog.counts().files == 12
