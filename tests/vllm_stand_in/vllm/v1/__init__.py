"""As vllm.v1."""
