"""Which rule leaves a file out: always the one by which the walk leaves it out."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from test_ignore import NAMES, PIECES, put

from ragkit.ingest.folder import walk
from ragkit.ingest.left_out import LeftOut, left_out_in_words, why_left_out

_SPECIAL = [*NAMES, ".git", "node_modules", "__pycache__", "~$x.docx", ".cache", "[x] *?"]


def test_the_first_name_that_is_left_out_is_told(tmp_path: Path) -> None:
    put(
        tmp_path,
        "a.md", ".h/x/a.md", "m/node_modules/p/a.md", "v/pyvenv.cfg", "v/a.md", "s/deep/a.md",
        ignore="*.tmp\n\n/s/deep\n",
    )  # fmt: skip
    found = {
        source: why_left_out(tmp_path, source)
        for source in ("a.md", ".h/x/a.md", "m/node_modules/p/a.md", "v/a.md", "s/deep/a.md")
    }
    assert found == {
        "a.md": None,
        ".h/x/a.md": LeftOut(".h", True, "hidden"),
        "m/node_modules/p/a.md": LeftOut("m/node_modules", True, "installed packages"),
        "v/a.md": LeftOut("v", True, "virtual environment"),
        "s/deep/a.md": LeftOut("s/deep", True, ".ragkitignore", "/s/deep", ".ragkitignore", 3),
    }
    assert why_left_out(tmp_path, ".h/x/a.md", hidden=True) is None


@pytest.mark.parametrize("seed", range(6))
def test_it_agrees_with_the_walk_and_its_advice_helps(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    folder = tmp_path / "docs"
    folder.mkdir()
    for _ in range(60):
        path = folder / "/".join(draw.choices(_SPECIAL, k=draw.randint(1, 4)))
        if not path.exists() and all(not p.is_file() for p in path.parents):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x", encoding="utf-8")
    folders = [folder, *(p for p in folder.rglob("*") if p.is_dir())]
    for place in draw.sample(folders, min(4, len(folders))):
        lines = ["".join(draw.choices(PIECES, k=draw.randint(1, 4))) for _ in range(3)]
        (place / ".ragkitignore").write_text("\n".join(lines) + "\n", "utf-8")
    files = [p for p in folder.rglob("*") if p.is_file() and p.name != ".ragkitignore"]
    sources = [path.relative_to(folder).as_posix() for path in files]

    walked = {entry.path: entry.source for entry in walk(folder)}
    for path, source in zip(files, sources, strict=True):
        assert (why_left_out(folder, source) is None) == (path in walked), source

    for path, source in zip(files, sources, strict=True):
        while found := why_left_out(folder, source):
            advice = left_out_in_words(source, found)[1]
            if found.reason == "lock file":
                break
            line = advice.partition(": ")[2].removesuffix(
                " (or all hidden files: ingest.hidden = true in ragkit.toml)"
            )
            with (folder / (found.file or ".ragkitignore")).open("a", encoding="utf-8") as ignore:
                ignore.write(f"{line}\n")
            after = why_left_out(folder, source)
            assert after is None or after.source != found.source, (found, line)
        else:
            assert path in {entry.path for entry in walk(folder)}
