"""InternLM2 and InternLM2.5 on today's transformers, without their remote code.

The published checkpoints name Python files that transformers 5 can no longer run. ``register``
teaches the ``Auto*`` classes to load the same folders natively; docs/internlm2.md says how.
"""

# mypy: disable-error-code="import-not-found, no-untyped-call"
# (transformers may be absent, and is typed in part.)

from __future__ import annotations

from ragkit.errors import MissingExtra, ModelUnavailable

__all__ = ["register"]

_MODEL_TYPE = "internlm2"
_TESTED = ((5, 5, 4), (6, 0, 0))  # at least the first, below the second


def register() -> None:
    """Make transformers load original InternLM2 checkpoint folders natively.

    Afterwards ``AutoConfig``, ``AutoModel``, ``AutoModelForCausalLM`` and ``AutoTokenizer`` load a
    folder with the published ``config.json``, weights (safetensors or ``.bin``, single or sharded)
    and ``tokenizer.model`` as they are, and never run the code that the folder names, whatever
    ``trust_remote_code`` says. Idempotent. Importing this module loads neither torch nor
    transformers; this call does.

    Raises MissingExtra where the model libraries are not installed, and ModelUnavailable where
    transformers is older than 5.5.4 or of a later major version.
    """
    try:
        import transformers
    except ImportError:
        raise MissingExtra("InternLM2", "models") from None
    _check_version(transformers.__version__)
    try:
        from transformers.conversion_mapping import register_checkpoint_conversion_mapping
        from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

        from ragkit.models import _internlm2_model as model
        from ragkit.models import _internlm2_tokenizer as tokenizer
    except ImportError:  # transformers without torch
        raise MissingExtra("InternLM2", "models") from None

    transformers.AutoConfig.register(_MODEL_TYPE, model.InternLM2Config, exist_ok=True)
    transformers.AutoModel.register(model.InternLM2Config, model.InternLM2Model, exist_ok=True)
    transformers.AutoModelForCausalLM.register(
        model.InternLM2Config, model.InternLM2ForCausalLM, exist_ok=True
    )
    # Found by the class name in tokenizer_config.json. Under InternLM2Config itself it would count
    # as a fallback, and the remote tokenizer would win wherever trust_remote_code is set.
    transformers.AutoTokenizer.register(
        tokenizer.InternLM2TokenizerConfig,
        tokenizer_class=tokenizer.InternLM2Tokenizer,
        exist_ok=True,
    )
    # transformers lists the type with its generic tokenizer, which joins by id and not by score.
    TOKENIZER_MAPPING_NAMES[_MODEL_TYPE] = tokenizer.InternLM2Tokenizer.__name__
    register_checkpoint_conversion_mapping(_MODEL_TYPE, model.weight_mapping(), overwrite=True)


def _check_version(found: str) -> None:
    numbers = tuple(int(part) for part in found.split(".")[:3] if part.isdigit())
    if not _TESTED[0] <= numbers < _TESTED[1]:
        raise ModelUnavailable(
            f"InternLM2 needs transformers 5.5.4 or later, below 6, and {found} is installed. "
            'Install a fitting one: pip install "transformers>=5.5.4,<6".'
        )
