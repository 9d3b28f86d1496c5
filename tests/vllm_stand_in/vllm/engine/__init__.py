"""As vllm.engine."""
