"""As vllm.v1.engine.async_llm."""

from vllm import AsyncLLM

__all__ = ["AsyncLLM"]
