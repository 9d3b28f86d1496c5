"""Metadata filters of the embedded store, against LlamaIndex's own filter function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from llama_index.core.vector_stores.utils import build_metadata_filter_fn
from store_support import make_node, make_store, put

from ragkit.errors import StoreError
from ragkit.store.sqlite import SqliteStore

KEYS = ["k", "键 a.b", 'quo"te']
ODD_KEYS = [
    "with space",
    "it's",
    "back\\slash",
    "$",
    "[0]",
    "",
    "#-1",
    "$.k",
    "tab\t",
    "全角\u3000",
]
VALUES: list[Any] = [
    *(None, "", "a", "abc", "A", "中文", 'q"uote', "it's", "3", "[]", '["a"]', "{}", "%_", "İx"),
    *(0, 3, -2, 3.5, 3.0, 2**53, True, False),
    *([], ["a"], ["a", "abc"], ["中文", "3"], [3, 4], [3.5]),
]
METADATA: list[dict[str, Any]] = [
    {},
    *({key: value} for key in KEYS for value in VALUES),
    *({key: value} for key in ODD_KEYS for value in ("a", ["a", 3])),
]


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> SqliteStore:
    store = make_store(tmp_path_factory.mktemp("filters") / "i.db")
    nodes = [make_node(f"n{i}", None, "x", **data) for i, data in enumerate(METADATA)]
    store.vector_store.add(nodes)
    return store


def found(store: SqliteStore, *parts: Any, condition: str = "and") -> list[str]:
    filters = MetadataFilters(filters=list(parts), condition=FilterCondition(condition))
    return [node.node_id for node in store.vector_store.get_nodes(filters=filters)]


def where(key: str, operator: str, value: Any) -> MetadataFilter:
    return MetadataFilter(key=key, operator=FilterOperator(operator), value=value)


def expected(filters: MetadataFilters) -> list[str]:
    """Return what LlamaIndex's function selects; a comparison of unlike types is no match."""
    by_id = {f"n{i}": data for i, data in enumerate(METADATA)}
    match = build_metadata_filter_fn(lambda node_id: by_id[node_id], filters)
    selected = []
    for node_id in by_id:
        try:
            if match(node_id):
                selected.append(node_id)
        except TypeError:
            continue
    return selected


SCALARS = [v for v in VALUES if v is not None and not isinstance(v, list | bool)]
LISTS = [["a"], ["a", "中文"], ["abc", "3", "q"], [3, 4], [3.5, -2.0], []]
CASES = [
    *((operator, value) for operator in ("==", "!=", "contains") for value in SCALARS),
    *((operator, value) for operator in (">", "<", ">=", "<=") for value in (0, 3, 3.5, "a", "中")),
    *((operator, value) for operator in ("in", "nin", "any", "all") for value in LISTS),
    *(("text_match", value) for value in ("a", "A", "文", "", '"', "%", "'")),
    *(("text_match_insensitive", value) for value in ("a", "A", "BC", "文", "i̇X")),
    ("is_empty", None),
]


@pytest.mark.parametrize(("operator", "value"), CASES)
def test_each_operator_means_what_llama_index_means(
    every: SqliteStore, operator: str, value: Any
) -> None:
    for key in KEYS:
        part = where(key, operator, value)
        assert found(every, part) == expected(MetadataFilters(filters=[part])), key


@pytest.mark.parametrize("key", ODD_KEYS)
def test_any_key_can_be_asked_for(every: SqliteStore, key: str) -> None:
    for operator, value in (("==", "a"), ("any", ["a"]), ("is_empty", None), ("contains", 3)):
        part = where(key, operator, value)
        ids = found(every, part)
        assert ids == expected(MetadataFilters(filters=[part]))
        assert ids


def test_none_stands_for_missing_and_null(every: SqliteStore) -> None:
    null = f"n{METADATA.index({'k': None})}"
    three = f"n{METADATA.index({'k': 3})}"
    absent = set(found(every, where("k", "==", None)))
    assert {"n0", null} <= absent
    assert three not in absent
    assert set(found(every, where("k", "!=", None))).isdisjoint(absent)
    assert len(found(every, where("k", "!=", None))) == len(VALUES) - 1


def test_there_is_something_to_find(every: SqliteStore) -> None:
    """The comparison above must not be of empty with empty."""
    assert len(found(every, where('quo"te', "==", 'q"uote'))) == 1
    assert len(found(every, where("键 a.b", "text_match", "文"))) == 1
    assert len(found(every, where("键 a.b", "any", ["中文"]))) == 2


PART = st.builds(
    where,
    st.sampled_from(["k", 'quo"te', "键 a.b"]),
    st.sampled_from(["==", "!=", "contains"]),
    st.sampled_from(["a", "abc", "中文", 3]),
)
NESTED = st.recursive(
    PART,
    lambda inner: st.builds(
        MetadataFilters,
        filters=st.lists(inner, min_size=1, max_size=3),
        condition=st.sampled_from(list(FilterCondition)),
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(part=NESTED)
def test_nested_conditions(every: SqliteStore, part: MetadataFilter | MetadataFilters) -> None:
    def evaluate(part: MetadataFilter | MetadataFilters) -> set[str]:
        if isinstance(part, MetadataFilter):
            return set(expected(MetadataFilters(filters=[part])))
        sets = [evaluate(inner) for inner in part.filters]
        if part.condition == FilterCondition.AND:
            return set.intersection(*sets)
        either = set.union(*sets)
        everything = {f"n{i}" for i in range(len(METADATA))}
        return either if part.condition == FilterCondition.OR else everything - either

    assert set(found(every, part)) == evaluate(part)


@pytest.mark.parametrize("key", ["k' OR 1=1 --", 'k") OR 1=1 --', "k; DROP TABLE g1_node"])
@pytest.mark.parametrize("value", ["x' OR '1'='1", "'); DROP TABLE g1_node; --"])
def test_nothing_can_be_smuggled_in(every: SqliteStore, key: str, value: str) -> None:
    assert found(every, where(key, "==", value)) == []
    assert found(every, where("k", "==", value)) == []
    assert every.catalog.counts().nodes == len(METADATA)


@pytest.mark.parametrize(
    ("operator", "value", "words"),
    [
        ("in", "a", "wants a list"),
        ("any", 3, "wants a list"),
        ("==", ["a"], "wants one value"),
        (">", None, "a number or a text"),
        (">", ["a"], "wants one value"),
        ("text_match", 3, "wants a text"),
    ],
)
def test_what_has_no_meaning_is_refused(
    every: SqliteStore, operator: str, value: Any, words: str
) -> None:
    with pytest.raises(StoreError, match=words):
        found(every, where("k", operator, value))


def test_every_operator_of_llama_index_is_known(every: SqliteStore) -> None:
    for operator in FilterOperator:
        value = ["a"] if operator.value in ("in", "nin", "any", "all") else "a"
        found(every, MetadataFilter(key="k", operator=operator, value=value))


# Files


@pytest.fixture
def files(tmp_path: Path) -> SqliteStore:
    store = make_store(tmp_path / "i.db")
    put(store, "a/b/c.md", ["one"], document_id="shared")
    put(store, "z/copy.md", ["one"], document_id="shared")
    put(store, "a/b.md", ["two"], document_id="two")
    put(store, "a/b0/d.md", ["three"], document_id="three")
    put(store, "中文/深 处/%_文.md", ["four"], document_id="four")
    store.vector_store.add([make_node("loose", "none", "five", source="own.md", folder="own")])
    return store


@pytest.mark.parametrize(
    ("key", "operator", "value", "documents"),
    [
        ("source", "==", "a/b/c.md", "shared"),
        ("source", "==", "z/copy.md", "shared"),
        ("source", "==", "own.md", "loose"),
        ("source", "!=", "z/copy.md", "four loose three two"),
        ("source", "in", ["a/b.md", "a/b0/d.md", "no"], "three two"),
        ("source", "nin", ["a/b.md", "own.md"], "four shared three"),
        ("source", "text_match", "copy", "shared"),
        ("source", "text_match_insensitive", "COPY", "shared"),
        ("source", "is_empty", None, ""),
        ("sources", "contains", "z/copy.md", "shared"),
        ("sources", "all", ["z/copy.md", "a/b/c.md"], "shared"),
        ("sources", "all", ["z/copy.md", "a/b.md"], ""),
        ("sources", "any", ["z/copy.md", "a/b.md"], "shared two"),
        ("sources", "is_empty", None, "loose"),
        ("folder", "==", "a/b", "shared"),
        ("folder", "==", "a/b/", "shared"),
        ("folder", "==", "./a", "shared three two"),
        ("folder", "==", "z", "shared"),
        ("folder", "==", "中文", "four"),
        ("folder", "==", "中文/深 处", "four"),
        ("folder", "==", "%", ""),
        ("folder", "==", "own", "loose"),
        ("folder", "!=", "a", "four loose"),
        ("folder", "in", ["z", "中文"], "four shared"),
        ("folder", "nin", ["z", "中文"], "loose three two"),
        ("folder", "==", "", "four shared three two"),
        ("ref_doc_id", "==", "two", "two"),
        ("doc_id", "in", ["two", "four"], "four two"),
        ("document_id", "!=", "two", "four loose shared three"),
    ],
)
def test_files_folders_and_documents(
    files: SqliteStore, key: str, operator: str, value: Any, documents: str
) -> None:
    ids = sorted(name.split("#")[0] for name in found(files, where(key, operator, value)))
    assert " ".join(ids) == documents


def test_folders_have_no_order(files: SqliteStore) -> None:
    with pytest.raises(StoreError, match="folder"):
        found(files, where("folder", ">", "a"))
