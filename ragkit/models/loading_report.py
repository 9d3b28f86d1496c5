"""What transformers only logs while it reads weights, made an error where it matters."""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-call"
# (transformers may be absent, and is typed in part.)

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragkit.errors import ModelUnavailable
from ragkit.models.remote_code import explained_weights

__all__ = ["complete_weights"]

_LOGGER = "transformers.modeling_utils"
_MISSING = re.compile(r"^(?:\x1b\[[\d;]*m)*([\w.{}, …]+?)\s*\|.*\bMISSING\b", re.MULTILINE)
_UNUSED = ("pooler.", "position_ids")  # no sentence-transformer pools by BERT's own head


@contextmanager
def complete_weights(folder: Path) -> Iterator[None]:
    """Turn what goes wrong while a sentence-transformer is read into ModelUnavailable.

    That includes weights that the checkpoint leaves unset: the library starts them from random
    numbers and says so in a log. Libraries between us and ``from_pretrained`` give no other way to
    ask. Nothing is printed and no bar is drawn.
    """
    from transformers.utils import logging as verbosity

    reports: list[str] = []
    logger = logging.getLogger(_LOGGER)
    level, bars = logger.level, verbosity.is_progress_bar_enabled()

    def keep(record: logging.LogRecord) -> bool:
        reports.append(record.getMessage())
        return False

    logger.addFilter(keep)
    # An application may have turned it off. At WARNING, transformers would also check a plan for
    # several GPUs that nobody made, and print all layers as not in it.
    logger.setLevel(logging.INFO)
    verbosity.disable_progress_bar()
    try:
        with explained_weights(folder):
            yield
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        raise ModelUnavailable(
            f"The files in {folder} are incomplete or damaged: {error}. Download the model again."
        ) from error
    finally:
        logger.removeFilter(keep)
        logger.setLevel(level)
        if bars:
            verbosity.enable_progress_bar()
    missing = [key for report in reports for key in _MISSING.findall(report)]
    missing = [key for key in missing if not any(name in key for name in _UNUSED)]
    if missing:
        raise ModelUnavailable(
            f"The weights in {folder} are incomplete: {missing[0]} is missing. "
            "Download the model again."
        )
