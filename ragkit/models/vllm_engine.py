"""vLLM in this process: its own ``AsyncLLM`` on an event loop in a thread.

LlamaIndex's class for vLLM (``llama-index-llms-vllm`` 0.8) can't be used: in process it streams
nothing, applies no chat template, and passes ``best_of``, which vLLM's ``SamplingParams`` no longer
takes. ``AsyncLLM`` is what vLLM's own server runs on: it answers many readers at once, in pieces,
and ends an answer whose reader leaves. Written after the source of vLLM 0.33.
"""

# mypy: disable-error-code="import-not-found, import-untyped"
# (vLLM is never installed with ragkit: it pins its own torch.)

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

from ragkit.errors import ConfigError, GenerationError, ModelUnavailable
from ragkit.models.chat_template import check_template, turn_ends
from ragkit.models.generation import Options
from ragkit.models.handover import Handover, Piece, Usage
from ragkit.models.hub import find_weights, missing_weights
from ragkit.models.remote_code import remote_code_allowed

__all__ = ["VllmEngine", "VllmGeneration", "load_vllm_engine"]

_LONGEST_THAT_FITS = -1  # as vLLM's max_model_len: the model's own length, or what has room
_loading = threading.Lock()
_loaded: WeakValueDictionary[tuple[Any, ...], VllmEngine] = WeakValueDictionary()


@dataclass(frozen=True, eq=False)
class VllmEngine:
    """A model in vLLM. ``engine`` runs on ``loop``; ``ends`` are the ids that end an answer.

    It is shut down, and its memory given back, when nobody holds it any longer, and at exit.
    """

    name: str
    engine: Any
    loop: asyncio.AbstractEventLoop
    tokenizer: Any
    context_window: int
    ends: tuple[int, ...]


def load_vllm_engine(
    model: str,
    *,
    revision: str | None = None,
    trust_remote_code: bool = False,
    device: str = "auto",
    dtype: str = "auto",
    context_window: int | None = None,
    gpu_memory_utilization: float = 0.8,
    status: Callable[[str], None] | None = None,
) -> VllmEngine:
    """Start vLLM with ``model``, a local folder or a hub name whose weights are on this machine.

    ``context_window`` is by default the model's own, or as much of it as has room.
    ``gpu_memory_utilization`` is the share of the GPU's memory that vLLM takes for good. The same
    model with the same settings is started once. Never downloads, and sends no statistics.

    Raises ModelUnavailable where a GPU or the weights are missing or vLLM does not start, and
    ConfigError for a ``device`` that is no GPU.
    """
    folder = find_weights(model, revision=revision)
    if folder is None:
        raise ModelUnavailable(missing_weights(model, revision=revision))
    remote = remote_code_allowed(folder, revision=revision, trust_remote_code=trust_remote_code)
    arguments: dict[str, Any] = {
        "model": str(folder),
        "trust_remote_code": remote,
        "dtype": dtype,
        "max_model_len": context_window or _LONGEST_THAT_FITS,
        "gpu_memory_utilization": gpu_memory_utilization,
        "disable_log_stats": True,
    }
    arguments |= _place(device)
    key = tuple(str(value) for value in arguments.values())
    with _loading:
        found = _loaded.get(key)
        if found is None:
            found = _loaded[key] = _start(Path(model).name, folder, arguments, remote, status)
    return found


def _place(device: str) -> dict[str, Any]:
    if device in ("auto", "cuda"):
        return {}
    kind, _, number = device.partition(":")
    if kind != "cuda":
        raise ConfigError(
            f"llm.device is '{device}', and llm.kind = 'vllm' runs on a GPU. "
            "Set llm.device = 'auto', or llm.kind = 'huggingface'."
        )
    return {"device_ids": [int(number)]}


def _start(
    name: str,
    folder: Path,
    arguments: dict[str, Any],
    remote: bool,
    status: Callable[[str], None] | None,
) -> VllmEngine:
    # Read when vLLM is imported, and by the process that it starts. stdout is for answers.
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    from transformers import AutoTokenizer
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.platforms import current_platform
    from vllm.v1.engine.async_llm import AsyncLLM

    if current_platform.is_unspecified():
        raise ModelUnavailable(
            "vLLM finds no GPU on this machine. Run it where there is one and ask it there "
            "(llm.kind = 'openai' and llm.base_url), or set llm.kind = 'huggingface'."
        )
    tokenizer = AutoTokenizer.from_pretrained(
        folder, trust_remote_code=remote, local_files_only=True
    )
    check_template(tokenizer, name)
    say = status or (lambda line: None)
    say(f"Starting vLLM with {name}")
    began = time.monotonic()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="ragkit-vllm", daemon=True)
    thread.start()

    async def start() -> Any:
        return AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))

    try:
        engine = asyncio.run_coroutine_threadsafe(start(), loop).result()
    except Exception as error:
        loop.call_soon_threadsafe(loop.stop)
        raise ModelUnavailable(
            f"vLLM did not start with '{name}': {_reason(error)}. Its messages are above. Where "
            "memory is short, lower llm.context_window or raise llm.gpu_memory_utilization."
        ) from error
    say(f"vLLM is ready with {name} in {time.monotonic() - began:.1f} s")
    ends = turn_ends(tokenizer) | {tokenizer.eos_token_id} - {None}
    window = int(engine.model_config.max_model_len)
    found = VllmEngine(name, engine, loop, tokenizer, window, tuple(sorted(ends)))
    weakref.finalize(found, _shut_down, engine, loop)
    return found


def _shut_down(engine: Any, loop: asyncio.AbstractEventLoop) -> None:
    engine.shutdown()
    loop.call_soon_threadsafe(loop.stop)


class VllmGeneration:
    """An answer to the prompt ``ids``, read from ``pieces``; ``cancel`` ends it from any thread."""

    def __init__(self, engine: VllmEngine, ids: Sequence[int], options: Options) -> None:
        self._engine, self._ids, self._options = engine, list(ids), options
        self._lock = threading.RLock()
        self._cancelled = False
        self._handover: Handover | None = None
        self._writing: Any = None

    def pieces(self) -> Iterator[Piece]:
        """Yield what there is; raise GenerationError where it fails.

        Nothing runs before the first piece is asked for. Closing or dropping the iterator cancels.
        """
        try:
            handover = self._begin()
            while handover is not None and (piece := handover.take()) is not None:
                yield piece
        finally:
            self.cancel()

    def cancel(self) -> None:
        """End the generation; vLLM aborts it. Idempotent."""
        with self._lock:
            self._cancelled = True
            if self._handover is not None:
                self._handover.close()
                self._writing.cancel()

    def _begin(self) -> Handover | None:
        with self._lock:
            if self._cancelled:
                return None
            options = self._options
            handover = Handover(timeout=options.timeout, patience=options.patience)
            self._handover = handover
            self._writing = asyncio.run_coroutine_threadsafe(
                self._write(handover), self._engine.loop
            )
            return handover

    async def _write(self, handover: Handover) -> None:
        try:
            async with asyncio.timeout(self._options.timeout):
                handover.end(await self._follow(handover))
        except TimeoutError:
            handover.fail(
                GenerationError(
                    f"No complete answer in {self._options.timeout:g} s. Set llm.timeout higher, "
                    "or llm.max_new_tokens or top_k lower."
                )
            )
        except GenerationError as error:
            handover.fail(error)
        except Exception as error:  # noqa: BLE001  # vLLM's own, other ones in each version
            failed = GenerationError(
                f"vLLM failed while answering: {_reason(error)}. "
                "Ask again; if it stays, start ragkit again."
            )
            failed.__cause__ = error
            handover.fail(failed)

    async def _follow(self, handover: Handover) -> Usage:
        """Hand over the text as it comes; return what it took."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        options = self._options
        parameters = SamplingParams(
            max_tokens=options.max_new_tokens,
            temperature=options.temperature,
            top_p=options.top_p if options.temperature > 0 else 1.0,
            seed=options.seed,
            stop_token_ids=list(self._engine.ends),
            output_kind=RequestOutputKind.DELTA,
        )
        prompt = {"prompt_token_ids": self._ids}
        stream = self._engine.engine.generate(prompt, parameters, uuid4().hex)
        times: list[float] = []
        tokens, reason = 0, None
        try:
            async for output in stream:
                (said,) = output.outputs
                tokens += len(said.token_ids)
                times.append(time.monotonic())
                reason = said.finish_reason or reason
                if said.text:
                    handover.put(said.text)
                if handover.interruption() is not None:
                    raise GenerationError("The answer was not read, and was ended. Ask again.")
        finally:
            await stream.aclose()  # an abort, where it was not at its end
        if reason not in ("stop", "length"):
            raise GenerationError("vLLM broke the answer off. Ask again.")
        seconds = times[-1] - times[0]
        return Usage(
            prompt_tokens=len(self._ids),
            completion_tokens=tokens,
            tokens_per_second=(tokens - 1) / seconds if seconds > 0 else float(tokens),
            finish_reason="length" if reason == "length" else "stop",
        )


def _reason(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(".")[:300]
