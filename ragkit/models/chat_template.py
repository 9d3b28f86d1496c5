"""Messages to token ids by the tokenizer's own chat template, applied exactly once."""

# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ragkit.errors import GenerationError, ModelUnavailable

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatMessage

__all__ = ["chat_text", "check_template", "encode_chat", "encode_text", "turn_ends"]

_MARK = "ragkit-mark"


def check_template(tokenizer: Any, name: str) -> None:
    """Raise ModelUnavailable for a tokenizer without a chat template: a base model.

    There is no fallback: a base model does not follow instructions, and continues a made-up
    dialogue for as long as it is let.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise ModelUnavailable(
            f"'{name}' has no chat template (tokenizer_config.json or chat_template.jinja): it "
            "continues texts and does not answer questions. Choose its chat or instruct version."
        )


def encode_chat(tokenizer: Any, messages: Sequence[ChatMessage]) -> list[int]:
    """Return the ids of ``messages`` and of the beginning of the assistant's turn.

    Names of special tokens inside a message (``<|im_end|>`` in a document) are text there, and end
    no turn: a space after their first character keeps the tokenizer from reading them as tokens.
    A template that wants the roles to alternate, or has no system role, gets neighbours of one
    role joined and the system's text at the head of the first question.
    """
    ids: list[int] = _applied(tokenizer, messages, tokenize=True)
    return ids


def chat_text(tokenizer: Any, messages: Sequence[ChatMessage]) -> str:
    """Return the text of which ``encode_chat`` gives the ids."""
    text: str = _applied(tokenizer, messages, tokenize=False)
    return text


def _applied(tokenizer: Any, messages: Sequence[ChatMessage], *, tokenize: bool) -> Any:
    import jinja2

    def apply(plain: list[dict[str, str]]) -> Any:
        return tokenizer.apply_chat_template(
            plain, add_generation_prompt=True, tokenize=tokenize, return_dict=False
        )

    plain = [
        {"role": message.role.value, "content": _defused(tokenizer, message.content or "")}
        for message in messages
    ]
    try:
        return apply(plain)
    except (jinja2.TemplateError, ValueError):  # a ValueError is transformers', for no messages
        pass
    try:
        return apply(_alternating(plain))
    except (jinja2.TemplateError, ValueError) as error:
        roles = ", ".join(message["role"] for message in plain) or "none"
        reason = str(error).rstrip(".")
        raise GenerationError(
            f"The model's chat template does not take these messages ({roles}): {reason}."
        ) from error


def encode_text(tokenizer: Any, text: str) -> list[int]:
    """Return the ids of a prompt that a template was already applied to, with one BOS at most."""
    bos = tokenizer.bos_token
    ids = tokenizer(text, add_special_tokens=not (bos and text.startswith(bos)))["input_ids"]
    return list(ids)


def turn_ends(tokenizer: Any) -> set[int]:
    """Return the ids of tokens that end a turn by the chat template, such as ``<|im_end|>``.

    The template itself is asked: it is the added token right after an assistant's text.
    """
    import jinja2

    dialogue = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _MARK}]
    try:
        text = tokenizer.apply_chat_template(dialogue, tokenize=False)
    except (jinja2.TemplateError, ValueError):
        return set()
    after = text.rpartition(_MARK)[2].lstrip()
    added = {token.content: number for number, token in tokenizer.added_tokens_decoder.items()}
    # The longest, where one token's name begins with another's.
    ends = sorted((token for token in added if after.startswith(token)), key=len)
    return {added[ends[-1]]} if ends else set()


def _alternating(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    joined: list[dict[str, str]] = []
    for message in messages:
        role = "assistant" if message["role"] == "assistant" else "user"
        if joined and joined[-1]["role"] == role:
            joined[-1]["content"] += "\n\n" + message["content"]
        else:
            joined.append({"role": role, "content": message["content"]})
    return joined


def _defused(tokenizer: Any, text: str) -> str:
    special = [t.content for t in tokenizer.added_tokens_decoder.values() if len(t.content) > 1]
    names = sorted(special, key=len, reverse=True)
    if not any(name in text for name in names):
        return text
    pattern = "|".join(re.escape(name) for name in names)
    return re.sub(pattern, lambda found: f"{found[0][0]} {found[0][1:]}", text)
