"""Every seed of the fuzzer through its target: what was found once stays mended."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz_seeds import starting_seeds
from fuzz_targets import TARGETS

SEEDS = Path(__file__).parent / "seeds"
FOUND = sorted(path for path in SEEDS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("seed", FOUND, ids=[f"{p.parent.name}/{p.name}" for p in FOUND])
def test_seed(seed: Path) -> None:
    TARGETS[seed.parent.name](seed.read_bytes())


def test_each_target_has_seeds_and_they_are_small() -> None:
    assert {path.parent.name for path in FOUND} == set(TARGETS) == set(starting_seeds())
    assert sum(path.stat().st_size for path in FOUND) < 300_000


def test_the_targets_see_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that could not fail would prove nothing."""
    import ragkit.ingest.extract as module

    monkeypatch.setattr(module, "clean", lambda text: text)
    with pytest.raises(AssertionError, match="not clean"):
        TARGETS["txt"](b"a\x00b \x0c text")
