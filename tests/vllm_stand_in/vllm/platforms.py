"""As vllm.platforms."""

from vllm import Platform

current_platform = Platform()
