"""As vllm.v1.engine."""
