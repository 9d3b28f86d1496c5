"""As vllm.engine.arg_utils."""

from vllm import AsyncEngineArgs

__all__ = ["AsyncEngineArgs"]
