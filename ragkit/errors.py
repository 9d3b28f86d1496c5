"""Everything ragkit raises on purpose.

::

    RagkitError
    ├── ConfigError        a setting, preset or argument cannot be used
    ├── MissingExtra       an optional package is not installed
    ├── ModelUnavailable   weights are not on this machine, or cannot be loaded
    ├── IngestError        a file or folder cannot be read
    ├── IndexMismatch      the index was built with other settings
    ├── StoreError         the index cannot be opened, read or written
    └── GenerationError    the model failed while answering

A message says what happened, the value, and what to do, in at most three short sentences.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "GenerationError",
    "IndexMismatch",
    "IngestError",
    "MissingExtra",
    "ModelUnavailable",
    "RagkitError",
    "StoreError",
]


class RagkitError(Exception):
    """Base of every error that ragkit raises on purpose; faces print its message alone."""


class ConfigError(RagkitError):
    """A setting, preset or argument cannot be used."""


class MissingExtra(RagkitError):
    """An optional package is not installed; the message carries the pip line."""

    def __init__(self, feature: str, extra: str) -> None:
        """Say which ``feature`` needs which ``extra``."""
        super().__init__(
            f"{feature} needs packages that are not installed. "
            f'Install them: pip install "ragkit[{extra}]"'
        )


class ModelUnavailable(RagkitError):
    """Weights are not on this machine, or cannot be loaded."""


class IngestError(RagkitError):
    """A file or folder cannot be read; for a file the message is the reason in its report."""


class IndexMismatch(RagkitError):
    """The index was built with other settings than the ones in force."""


class StoreError(RagkitError):
    """The index cannot be opened, read or written."""


class GenerationError(RagkitError):
    """The model failed while answering."""
