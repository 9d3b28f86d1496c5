"""InternLM2 as Llama with renamed weights; imported by ``internlm2.register`` only.

Architecture: InternLM2 Technical Report, https://arxiv.org/abs/2403.17297, section 2.2. It is
Llama (https://arxiv.org/abs/2302.13971) with grouped-query attention, whose query, key and value
projections are stored as one matrix.
"""

# mypy: disable-error-code="import-not-found, misc, no-untyped-call"
# (Base classes of type Any where transformers is not installed, partly typed ones where it is.)

from __future__ import annotations

import os
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel
from transformers.core_model_loading import ConversionOps, WeightConverter, WeightRenaming
from transformers.models.auto.tokenization_auto import get_tokenizer_config
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

__all__ = ["InternLM2Config", "InternLM2ForCausalLM", "InternLM2Model", "weight_mapping"]

_END_OF_TURN = "<|im_end|>"
# The arguments of from_pretrained that say where the files are.
_PLACE = ("cache_dir", "revision", "token", "local_files_only", "subfolder")


class InternLM2Config(LlamaConfig):
    """Llama's configuration, read from an InternLM2 ``config.json``.

    ``bias`` is InternLM2's name for ``attention_bias``, and is true where the file leaves it out.
    """

    model_type = "internlm2"
    attribute_map = {"bias": "attention_bias"}  # noqa: RUF012  # transformers' own declaration
    tokenizer_class = "InternLM2Tokenizer"  # for a folder without tokenizer_config.json

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """Build from the content of ``config.json``; see ``PreTrainedConfig.from_dict``."""
        # The published files pin "eager"; an implementation asked for by the caller is in kwargs.
        ours = {k: v for k, v in config_dict.items() if k != "attn_implementation"}
        if "attention_bias" not in ours:
            ours.setdefault("bias", True)
        return super().from_dict(ours, **kwargs)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``config.json``, with ``bias`` for readers of the original."""
        content: dict[str, Any] = super().to_dict()
        content["bias"] = self.attention_bias
        return content


class SplitWqkv(ConversionOps):
    """One ``wqkv`` tensor to query, key and value.

    Rows (of a weight, or elements of a bias) are laid out per key/value head as
    ``[q_0 … q_{g-1}, k, v]``, each ``head_dim`` long, with g query heads to a key/value head.
    """

    def convert(
        self,
        input_dict: dict[str, Any],
        source_patterns: list[str],
        target_patterns: list[str],
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the three tensors by target pattern; see ``ConversionOps.convert``."""
        wqkv = _only(next(iter(input_dict.values())))
        groups, heads, head_dim = _heads(kwargs["config"])
        rest = wqkv.shape[1:]
        blocks = wqkv.reshape(heads, groups + 2, head_dim, *rest)
        parts = (blocks[:, :groups], blocks[:, groups], blocks[:, groups + 1])
        # contiguous() so that no part keeps the whole of wqkv alive
        return {
            name: part.reshape(-1, *rest).contiguous()
            for name, part in zip(target_patterns, parts, strict=True)
        }

    @property
    def reverse_op(self) -> ConversionOps:
        """Return what ``save_pretrained`` applies."""
        return FuseWqkv()


class FuseWqkv(ConversionOps):
    """Query, key and value to one ``wqkv`` tensor: the reverse of ``SplitWqkv``."""

    def convert(
        self,
        input_dict: dict[str, Any],
        source_patterns: list[str],
        target_patterns: list[str],
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the fused tensor by target pattern; see ``ConversionOps.convert``."""
        groups, heads, head_dim = _heads(kwargs["config"])
        query, key, value = (_only(input_dict[pattern]) for pattern in source_patterns)
        rest = query.shape[1:]
        blocks = torch.cat(
            (
                query.reshape(heads, groups, head_dim, *rest),
                key.reshape(heads, 1, head_dim, *rest),
                value.reshape(heads, 1, head_dim, *rest),
            ),
            dim=1,
        )
        return {target_patterns[0]: blocks.reshape(-1, *rest)}

    @property
    def reverse_op(self) -> ConversionOps:
        """Return what loading applies."""
        return SplitWqkv()


def _only(tensors: Any) -> torch.Tensor:
    tensor: torch.Tensor = tensors[0] if isinstance(tensors, list) else tensors
    return tensor


def _heads(config: Any) -> tuple[int, int, int]:
    """Return query heads to a key/value head, key/value heads, and rows to a head."""
    heads = config.num_key_value_heads
    return config.num_attention_heads // heads, heads, config.head_dim


def weight_mapping() -> list[Any]:
    """Return how the names in an InternLM2 checkpoint become Llama's; reversible."""
    names = {
        r"tok_embeddings\.": r"embed_tokens\.",
        r"^output\.": r"lm_head\.",
        r"\.attention\.wo\.": r"\.self_attn\.o_proj\.",
        r"\.attention_norm\.": r"\.input_layernorm\.",
        r"\.ffn_norm\.": r"\.post_attention_layernorm\.",
        r"\.feed_forward\.w1\.": r"\.mlp\.gate_proj\.",
        r"\.feed_forward\.w2\.": r"\.mlp\.down_proj\.",
        r"\.feed_forward\.w3\.": r"\.mlp\.up_proj\.",
    }
    renamings = [WeightRenaming(source, target) for source, target in names.items()]
    split = WeightConverter(
        source_patterns="attention.wqkv",
        target_patterns=["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
        operations=[SplitWqkv()],
    )
    return [*renamings, split]


class InternLM2RotaryEmbedding(LlamaRotaryEmbedding):
    """Rotary embedding whose dynamic NTK scaling depends on nothing but the positions.

    Llama's keeps the frequencies of the longest prompt seen so far in the module, so that the next
    prompt, or one in another thread, is rotated by another prompt's frequencies.
    """

    def forward(self, x: torch.Tensor, position_ids: torch.Tensor) -> Any:
        """Return cosines and sines, each (batch, tokens, head_dim), in the dtype of ``x``."""
        if self.rope_type != "dynamic":
            return super().forward(x, position_ids)
        angles = position_ids[..., None].float() * self._inverse_frequencies(position_ids)
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos().to(x.dtype), angles.sin().to(x.dtype)

    def _inverse_frequencies(self, position_ids: torch.Tensor) -> torch.Tensor:
        """Return frequencies (head_dim / 2) for prompts of this length.

        Up to the trained length they are the model's own. Past it the base grows with the length
        by NTK-aware scaling (https://arxiv.org/abs/2309.00071, section 3.1). Computed without
        a branch on a value, which would make a GPU wait and break a graph.
        """
        config: Any = self.config
        rope, trained, dim = config.rope_parameters, config.max_position_embeddings, config.head_dim
        factor = rope["factor"]
        length = position_ids.max() + 1
        growth = factor * length.clamp(min=trained) / trained - (factor - 1)
        base = rope["rope_theta"] * growth ** (dim / (dim - 2))
        exponents = torch.arange(0, dim, 2, device=position_ids.device).float() / dim
        plain = self.original_inv_freq.to(device=position_ids.device, dtype=torch.float)
        return torch.where(length > trained, 1.0 / base**exponents, plain)


class InternLM2Model(LlamaModel):
    """InternLM2 without its head: hidden states."""

    config_class = InternLM2Config
    _keys_to_ignore_on_load_unexpected = [r"^lm_head\.", r"^output\."]  # noqa: RUF012

    def __init__(self, config: InternLM2Config) -> None:
        super().__init__(config)
        self.rotary_emb = InternLM2RotaryEmbedding(config)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str] | None,
        *model_args: Any,
        **kwargs: Any,
    ) -> Any:
        """Load; ``trust_remote_code`` has nothing to run here. See ``PreTrainedModel``."""
        kwargs["trust_remote_code"] = False
        return super().from_pretrained(pretrained_model_name_or_path, *model_args, **kwargs)


class InternLM2ForCausalLM(LlamaForCausalLM):
    """InternLM2 with its language-model head: logits and generation."""

    config_class = InternLM2Config

    def __init__(self, config: InternLM2Config) -> None:
        super().__init__(config)
        self.model.rotary_emb = InternLM2RotaryEmbedding(config)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str] | None,
        *model_args: Any,
        **kwargs: Any,
    ) -> Any:
        """Load, and end generation at the end of a chat turn too. See ``PreTrainedModel``."""
        place = {key: kwargs[key] for key in _PLACE if key in kwargs}
        # Trusted code would also be looked for in the folder's custom_generate/generate.py.
        kwargs["trust_remote_code"] = False
        loaded = super().from_pretrained(pretrained_model_name_or_path, *model_args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        if pretrained_model_name_or_path is not None:
            settings = get_tokenizer_config(pretrained_model_name_or_path, **place)
            _end_at(model, _end_of_turn(settings))
        return loaded


def _end_of_turn(tokenizer_config: dict[str, Any]) -> int | None:
    """Return the id of ``<|im_end|>`` (92542 in the published vocabulary), None without one."""
    for identifier, token in tokenizer_config.get("added_tokens_decoder", {}).items():
        if (token["content"] if isinstance(token, dict) else token) == _END_OF_TURN:
            return int(identifier)
    return None


def _end_at(model: Any, token: int | None) -> None:
    """Add ``token`` to the tokens that end generation: the published list leaves it out."""
    known = model.generation_config.eos_token_id
    ends = [] if known is None else [known] if isinstance(known, int) else list(known)
    if token is not None and token not in ends and token < model.config.vocab_size:
        model.generation_config.eos_token_id = [*ends, token]
