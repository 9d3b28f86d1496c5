"""The language model by configuration: in this process, or behind a server."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from ragkit.errors import ConfigError, MissingExtra, ModelUnavailable

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatMessage
    from llama_index.core.llms import LLM

    from ragkit.models.causal import Quantization

__all__ = ["count_tokens", "load_llm", "require_vllm"]

_MESSAGE_TOKENS = 8  # role, and the marks around a message
_WORD = re.compile(r"[A-Za-z]+|\s+|.", re.DOTALL)


def load_llm(
    kind: Literal["huggingface", "openai", "vllm"],
    model: str,
    *,
    revision: str | None = None,
    trust_remote_code: bool = False,
    base_url: str | None = None,
    api_key: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    quantization: Quantization = "none",
    max_new_tokens: int = 512,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int | None = None,
    context_window: int | None = None,
    timeout: float = 300.0,
    gpu_memory_utilization: float = 0.8,
    status: Callable[[str], None] | None = None,
) -> LLM:
    """Return a LlamaIndex LLM: ``openai`` behind ``base_url``, the others in this process.

    ``model`` is a folder or a hub name whose weights are on this machine, or the server's id.
    ``timeout`` is seconds for an answer; ``status`` gets lines about the loading. Streams follow
    one protocol, which ``ragkit.models.local_llm.LocalLLM`` states. ``vllm`` is vLLM's own engine,
    which takes ``gpu_memory_utilization`` of a GPU's memory.

    Raises ModelUnavailable where weights or server cannot be used, MissingExtra where packages are
    not installed, ConfigError for settings that do not fit the model.
    """
    if kind == "openai":
        from ragkit.models.server.openai_llm import load_openai_llm

        return load_openai_llm(
            model,
            base_url=base_url,
            api_key=api_key,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            context_window=context_window,
            timeout=timeout,
        )
    if kind == "vllm":
        if quantization != "none":
            raise ConfigError(
                f"llm.quantization = '{quantization}' is not for llm.kind = 'vllm'. "
                "Leave it out, and name quantised weights (AWQ, GPTQ, FP8) as llm.model."
            )
        require_vllm()
        from ragkit.models.vllm_engine import load_vllm_engine

        engine = load_vllm_engine(
            model,
            revision=revision,
            trust_remote_code=trust_remote_code,
            device=device,
            dtype=dtype,
            context_window=context_window,
            gpu_memory_utilization=gpu_memory_utilization,
            status=status,
        )
        from ragkit.models.vllm_llm import VllmLLM

        return VllmLLM.on(
            engine,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            timeout=timeout,
        )
    if kind != "huggingface":
        raise ConfigError(f"llm.kind = '{kind}' cannot be loaded. Use huggingface, openai or vllm.")
    from ragkit.models.causal import load_causal

    causal = load_causal(
        model,
        revision=revision,
        trust_remote_code=trust_remote_code,
        device=device,
        dtype=dtype,
        quantization=quantization,
        status=status,
    )
    try:
        from ragkit.models.local_llm import LocalLLM
    except ImportError:
        raise MissingExtra(f"The model '{model}'", "models") from None
    return LocalLLM(
        causal,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_p=top_p,
        seed=seed,
        context_window=context_window,
        timeout=timeout,
    )


def require_vllm() -> None:
    """Do nothing where vLLM is installed; else raise ModelUnavailable. Imports nothing."""
    if importlib.util.find_spec("vllm") is None:
        raise ModelUnavailable(
            "llm.kind = 'vllm' needs vLLM, which is not installed: it pins its own torch, so no "
            "extra of ragkit brings it. On a machine with a GPU: pip install vllm. "
            "Or ask a vLLM server elsewhere: llm.kind = 'openai' and llm.base_url."
        )


def count_tokens(llm: LLM, messages: Sequence[ChatMessage]) -> int:
    """Return the length in tokens of the prompt that ``messages`` become.

    Exact for a model in this process, its template included. For a server, whose tokenizer is not
    here, it errs on the high side, so that what is counted to fit does fit.
    """
    own: Callable[[Sequence[ChatMessage]], int] | None = getattr(llm, "count_tokens", None)
    if own is not None:
        return own(messages)
    return sum(_estimate(message.content or "") + _MESSAGE_TOKENS for message in messages)


def _estimate(text: str) -> int:
    """Return about as many tokens as the less thrifty of today's vocabularies need, and more."""
    total = 0.0
    for part in _WORD.findall(text):
        code = ord(part[0])
        if code < 128:
            total += math.ceil(len(part) / 3) if part.isalpha() else min(len(part), 2)
        elif code < 0x800:
            total += 1
        else:
            total += 1.5 if code < 0x10000 else 4
    return math.ceil(total)
