"""Embedders: text in, vectors out, through LlamaIndex's own integration.

The vectors of every embedder are float32 and of length 1, so that a dot product is the cosine.
"""

# mypy: disable-error-code="import-not-found"
# (The model libraries may be absent.)

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from ragkit.errors import GenerationError, IngestError, MissingExtra, ModelUnavailable
from ragkit.models.backends import Backend, choose_backend
from ragkit.models.device import choose_device, choose_dtype, limit_threads
from ragkit.models.hub import find_weights, missing_weights
from ragkit.models.loading_report import complete_weights
from ragkit.models.prefixes import find_prefixes
from ragkit.models.remote_code import remote_code_allowed

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

    from ragkit.models.reach import Reach

__all__ = ["embed_documents", "load_embedder", "token_counter"]

Dtype = Literal["auto", "float32", "bfloat16", "float16"]


def load_embedder(
    model: str,
    *,
    revision: str | None = None,
    trust_remote_code: bool = False,
    device: str = "auto",
    dtype: Dtype = "auto",
    backend: Backend = "auto",
    batch_size: int = 32,
    query_prefix: str | None = None,
    document_prefix: str | None = None,
    status: Callable[[str], None] | None = None,
) -> BaseEmbedding:
    """Load a sentence-transformers model from this machine's disk; never download.

    ``model`` is a local folder or a hub name whose weights are in a cache of this machine. A
    prefix of None is the model's own. ``status`` is told in a line what is loaded, and how long it
    took. Raises ModelUnavailable when the weights are not there or do not load, MissingExtra when
    the libraries are not installed, ConfigError for a prefix that leaves no room for text or a
    ``backend`` that cannot be used here.
    """
    folder = find_weights(model, revision=revision)
    if folder is None:
        raise ModelUnavailable(missing_weights(model, revision=revision))
    tell = status or (lambda line: None)
    tell(f"Loading the embedder {model}")
    began = time.monotonic()
    try:
        from ragkit.models.sentence_embedder import SentenceEmbedder
    except ImportError:
        raise MissingExtra(f"The embedder '{model}'", "models") from None
    trusted = remote_code_allowed(folder, revision=revision, trust_remote_code=trust_remote_code)
    place = choose_device(device)
    with complete_weights(folder):
        engine, source = choose_backend(
            backend, folder, device=place, status=tell, trust_remote_code=trusted
        )
        embedder = SentenceEmbedder(
            model_name=str(source),
            device=place,
            embed_batch_size=batch_size,
            cache_folder=str(folder.parent),  # else one is made in the user's home
            trust_remote_code=trusted,
            local_files_only=True,
            backend=engine,
            model_kwargs=_weights_settings(engine, dtype, place, folder),
        )
        embedder.require_vocabulary(folder)
    if place == "cpu":
        limit_threads()
    embedder.prepare(
        find_prefixes(folder, model=model, query=query_prefix, document=document_prefix)
    )
    tell(f"Embedder ready on {place} ({engine}) in {time.monotonic() - began:.1f} s")
    return cast("BaseEmbedding", embedder)


def token_counter(embedder: BaseEmbedding) -> tuple[Callable[[str], int], int]:
    """Return the embedder's own counter of tokens and its limit: a text up to it is read whole.

    Both leave out the special tokens and the prefix. LlamaIndex's default of 1024 tokens a node
    would leave most of the text unread by an embedder that sees 128.
    """
    reach = _reach(embedder)
    return lambda text: reach.count([text])[0], reach.limit


def embed_documents(embedder: BaseEmbedding, texts: Sequence[str]) -> list[list[float]]:
    """Return one vector for each of ``texts``, in their order.

    Texts of like length are embedded together, so that little is padding; the more at once, the
    better. Raises IngestError for a text that the embedder would not read to its end, and
    GenerationError where the model fails, for want of memory for example.
    """
    reach = _reach(embedder)
    counts = reach.count(texts)
    for text, count in zip(texts, counts, strict=True):
        if count > reach.limit:
            raise IngestError(
                f"a piece of {count} tokens, and the embedder reads {reach.limit}: '{text[:40]}'"
            )
    # The longest first: what does not fit into memory shows at once.
    order = sorted(range(len(texts)), key=counts.__getitem__, reverse=True)
    try:
        found = embedder.get_text_embedding_batch([texts[place] for place in order])
    except (MemoryError, RuntimeError) as error:
        reason = str(error).partition("\n")[0][:200].rstrip(".")
        raise GenerationError(
            f"The embedder failed on {len(texts)} texts: {reason}. "
            "Lower embedder.batch_size, or set embedder.device = 'cpu'."
        ) from error
    vectors: list[list[float]] = [[]] * len(texts)
    for place, vector in zip(order, found, strict=True):
        vectors[place] = vector
    return vectors


class _Reaching(Protocol):
    @property
    def reach(self) -> Reach: ...


def _reach(embedder: BaseEmbedding) -> Reach:
    return cast(_Reaching, embedder).reach


def _weights_settings(engine: str, dtype: Dtype, device: str, folder: Path) -> dict[str, Any]:
    if engine == "torch":
        return {"dtype": _dtype(dtype, device, folder)}
    settings: dict[str, Any] = {"export": False}
    if engine == "openvino":
        # By itself it computes in bfloat16 where the CPU has it.
        precision = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}.get(dtype)
        hints = {"INFERENCE_PRECISION_HINT": precision} if precision else {}
        settings |= {"ov_config": hints, "subfolder": "openvino", "file_name": "openvino_model.xml"}
    else:
        settings |= {"provider": "CPUExecutionProvider", "subfolder": "onnx"}
        settings |= {"file_name": "model.onnx"}
    return settings


def _dtype(dtype: Dtype, device: str, folder: Path) -> str:
    """Return the number format of the weights; see docs/embedder.md for what was measured."""
    if dtype != "auto":
        return dtype
    if device == "cpu":
        return choose_dtype("auto", device)
    if device == "mps":
        return "float32"
    config = json.loads((folder / "config.json").read_text("utf-8"))
    own = config.get("dtype") or config.get("torch_dtype")
    # float16 is the more exact, but what was trained in bfloat16 may exceed its range.
    return "bfloat16" if own == "bfloat16" else "float16"
