"""Several folders in one chat: the operator's, and those that people make by a name."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

import ragkit
from ragkit.collections import CollectionNotFound, Collections
from ragkit.errors import ConfigError
from ragkit.exclusions import open_notes
from ragkit.uploads import UploadLimits, Uploads


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def collections(folder: Path, home: Path) -> Collections:
    return Collections([folder], home=home)


def test_operators_folders_come_first_with_names_of_their_own(tmp_path: Path, home: Path) -> None:
    folders = [tmp_path / "a" / "docs", tmp_path / "b" / "docs", tmp_path / "a" / "docs"]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    collections = Collections(folders, home=home, index="i.db")
    collections.create("Aardvark")
    assert collections.names() == ("docs", "docs (2)", "Aardvark")
    first, second, made = collections.all()
    assert (first.index, second.index, made.index) == ("i.db", None, None)
    assert (first.made_here, made.made_here) == (False, True)


def test_a_folder_made_here_is_private_and_lies_under_home(
    collections: Collections, home: Path
) -> None:
    made = collections.create("项目 资料")
    assert made.folder.is_relative_to(home)
    assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
    assert collections.get("项目 资料") == made


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "../../etc",
        "/etc",
        "..",
        ".",
        "C:\\x",
        "a\0b",
        "NUL",
        "\u202eevil",
        "~$x",
        ".hidden",
    ],
    ids=ascii,
)
def test_no_name_reaches_another_place(name: str, collections: Collections, home: Path) -> None:
    made = collections.create(name)
    assert made.folder.parent == home / "collections"
    assert made in collections.all()
    with pytest.raises(CollectionNotFound):
        collections.get(name if name != made.name else "/etc")


@pytest.mark.parametrize("name", ["/etc", "../docs", "", "docs/guide", "nowhere"])
def test_unknown_names_are_not_found(name: str, collections: Collections) -> None:
    with pytest.raises(CollectionNotFound):
        collections.get(name)


@pytest.mark.parametrize("name", ["", "   ", "x" * 81])
def test_names_that_cannot_be(name: str, collections: Collections) -> None:
    with pytest.raises(ConfigError):
        collections.create(name)


@pytest.mark.parametrize("name", ["docs", "DOCS", "ｄｏｃｓ"])
def test_a_name_in_use_is_refused(name: str, collections: Collections) -> None:
    with pytest.raises(ConfigError, match="already"):
        collections.create(name)


def test_a_link_under_home_is_no_collection(
    collections: Collections, home: Path, tmp_path: Path
) -> None:
    collections.create("real")
    (home / "collections" / "link").symlink_to(tmp_path)
    assert collections.names() == ("docs", "real")
    with pytest.raises(ConfigError):
        collections.create("link")


def test_deleting_takes_uploads_index_and_notes(
    collections: Collections, home: Path, own_home: Path
) -> None:
    collections = Collections([], home=own_home)
    made = collections.create("Old")
    other = collections.create("Other")
    for collection in (made, other):
        kb = ragkit.open(collection.folder, preset="lite")
        limits = UploadLimits(1000, 10)
        list(Uploads(kb.folder, kb.notes, limits).receive([("a.txt", b"The sky is blue.\n")]))
        kb.index()
        kb.close()
    collections.delete("Old")
    assert collections.names() == ("Other",)
    assert not made.folder.exists()
    assert [p.name.split("-")[0] for p in (own_home / "indexes").glob("*.db")] == ["Other"]
    assert open_notes(own_home, made.folder).uploads() == {}
    assert open_notes(own_home, other.folder).uploads()


def test_the_operators_folder_is_never_deleted(collections: Collections, folder: Path) -> None:
    with pytest.raises(ConfigError, match="stays"):
        collections.delete("docs")
    assert (folder / "history.txt").exists()


def test_a_home_that_cannot_be_written_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(ConfigError, match="cannot be made"):
        Collections([folder], home=tmp_path / "file" / "home").create("New")
