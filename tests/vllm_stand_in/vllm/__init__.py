"""Stands in for vLLM 0.33, which needs a GPU: the same names, arguments and order of events.

What ragkit uses of it behaves as the original's source says: arguments that vLLM does not know are
refused, outputs come in pieces (``DELTA``), an answer that nobody reads on is aborted, and a stop
token ends an answer without showing. The tokens are those of the real weights, by transformers.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__version__ = "0.33.0"

ABORTED: list[str] = []
STARTED: list[Any] = []
SHUT_DOWN: list[Any] = []


class RequestOutputKind(Enum):
    """As vllm.sampling_params.RequestOutputKind."""

    CUMULATIVE = 0
    DELTA = 1
    FINAL_ONLY = 2


@dataclass
class SamplingParams:
    """As vllm.SamplingParams: no ``best_of``, which older versions had."""

    n: int = 1
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    stop: str | list[str] | None = None
    stop_token_ids: list[int] | None = None
    ignore_eos: bool = False
    max_tokens: int | None = 16
    min_tokens: int = 0
    skip_special_tokens: bool = True
    output_kind: RequestOutputKind = RequestOutputKind.CUMULATIVE


@dataclass
class AsyncEngineArgs:
    """The arguments of vllm.engine.arg_utils.AsyncEngineArgs that concern ragkit."""

    model: str = "Qwen/Qwen3-0.6B"
    tokenizer: str | None = None
    trust_remote_code: bool = False
    dtype: str = "auto"
    seed: int = 0
    max_model_len: int | None = None
    gpu_memory_utilization: float = 0.92
    tensor_parallel_size: int = 1
    device_ids: list[int | str] | None = None
    revision: str | None = None
    enforce_eager: bool = False
    enable_prefix_caching: bool | None = None
    disable_log_stats: bool = False
    enable_log_requests: bool = False


@dataclass
class CompletionOutput:
    """As vllm.outputs.CompletionOutput."""

    index: int
    text: str
    token_ids: list[int]
    cumulative_logprob: float | None = None
    logprobs: Any = None
    finish_reason: str | None = None
    stop_reason: int | str | None = None


@dataclass
class RequestOutput:
    """As vllm.outputs.RequestOutput."""

    request_id: str
    outputs: list[CompletionOutput]
    finished: bool
    prompt_token_ids: list[int] = field(default_factory=list)


class Platform:
    """As vllm.platforms.current_platform, with a GPU unless told otherwise."""

    def is_unspecified(self) -> bool:
        return os.environ.get("STAND_IN_GPU") == "none"


class AsyncLLM:
    """As vllm.v1.engine.async_llm.AsyncLLM."""

    def __init__(self, engine_args: AsyncEngineArgs) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if engine_args.gpu_memory_utilization < 0.1:
            raise ValueError(
                "No available memory for the cache blocks. Try increasing "
                "`gpu_memory_utilization` when initializing the engine."
            )
        self.model = AutoModelForCausalLM.from_pretrained(engine_args.model).float()
        self.tokenizer = AutoTokenizer.from_pretrained(engine_args.model)
        own = self.model.config.max_position_embeddings
        wanted = engine_args.max_model_len
        if wanted is not None and wanted > own:
            raise ValueError(f"User-specified max_model_len ({wanted}) is greater than {own}")
        self.model_config = type("ModelConfig", (), {})()
        self.model_config.max_model_len = own if wanted in (None, -1) else wanted
        self.loop = asyncio.get_running_loop()

    @classmethod
    def from_engine_args(
        cls,
        engine_args: AsyncEngineArgs,
        start_engine_loop: bool = True,
        usage_context: Any = None,
        stat_loggers: Any = None,
    ) -> AsyncLLM:
        print("INFO: what vLLM logs", file=_log_stream())
        STARTED.append(engine_args)
        return cls(engine_args)

    async def generate(
        self,
        prompt: dict[str, Any],
        sampling_params: SamplingParams,
        request_id: str,
        *,
        prompt_text: str | None = None,
        lora_request: Any = None,
        tokenization_kwargs: dict[str, Any] | None = None,
        trace_headers: Any = None,
        priority: int = 0,
        data_parallel_rank: int | None = None,
    ) -> AsyncGenerator[RequestOutput, None]:
        assert asyncio.get_running_loop() is self.loop, "an engine lives on one loop"
        assert sampling_params.output_kind is RequestOutputKind.DELTA
        ids = list(prompt["prompt_token_ids"])
        room = self.model_config.max_model_len - len(ids)
        if room < 1:
            raise ValueError(f"The decoder prompt (length {len(ids)}) is longer than the maximum")
        stops = {*(sampling_params.stop_token_ids or ()), self.tokenizer.eos_token_id}
        written: list[int] = []
        shown, kept = "", None
        try:
            for count in range(1, min(sampling_params.max_tokens or room, room) + 1):
                more = ids if kept is None else written[-1:]
                token, kept = await asyncio.to_thread(self._next, more, kept)
                written.append(token)
                text = self.tokenizer.decode(written, skip_special_tokens=True)
                stopped = token in stops
                whole = count == min(sampling_params.max_tokens or room, room)
                reason = "stop" if stopped else "length" if whole else None
                new = text[len(shown) :] if not text.endswith("\ufffd") or reason else ""
                shown += new
                output = CompletionOutput(0, new, [token], finish_reason=reason)
                yield RequestOutput(request_id, [output], reason is not None)
                if reason:
                    return
        except (asyncio.CancelledError, GeneratorExit):
            ABORTED.append(request_id)
            raise

    def shutdown(self, timeout: float | None = None) -> None:
        SHUT_DOWN.append(self)

    def _next(self, ids: list[int], kept: Any) -> tuple[int, Any]:
        import torch

        with torch.inference_mode():
            found = self.model(torch.tensor([ids]), past_key_values=kept, use_cache=True)
        return int(found.logits[0, -1].argmax()), found.past_key_values


def _log_stream() -> Any:
    import sys

    return {"ext://sys.stderr": sys.stderr}.get(
        os.environ.get("VLLM_LOGGING_STREAM", "ext://sys.stdout"), sys.stdout
    )
