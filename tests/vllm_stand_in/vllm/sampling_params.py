"""As vllm.sampling_params."""

from vllm import RequestOutputKind, SamplingParams

__all__ = ["RequestOutputKind", "SamplingParams"]
