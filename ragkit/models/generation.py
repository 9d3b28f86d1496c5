"""One answer of a local model: generated in a thread of its own, handed over as it comes."""

# mypy: disable-error-code="import-not-found, misc, no-untyped-call"
# (Base classes of type Any where transformers is not installed, partly typed ones where it is.)

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.generation.streamers import BaseStreamer

from ragkit.errors import GenerationError
from ragkit.models.causal import Causal
from ragkit.models.device import free_memory
from ragkit.models.handover import GRACE, HEARTBEAT, Handover, Interruption, Piece, Usage
from ragkit.models.prefix import begin_cache, keep_cache
from ragkit.models.sampling import Draw
from ragkit.models.streamed_text import StreamedText
from ragkit.models.turns import Turn
from ragkit.models.watch import LeaveForward, Watch

__all__ = ["Generation", "Options"]

_OUT_OF_MEMORY = ("out of memory", "not enough memory")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How an answer is generated. ``temperature`` 0 takes the likeliest token each time.

    ``timeout`` is in seconds from the beginning of the turn; ``patience`` is how many seconds a
    reader may leave the answer unread before it counts as gone.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    timeout: float = 300.0
    patience: float = 30.0


class Generation:
    """An answer to the prompt ``ids``, read from ``pieces``; ``cancel`` ends it from any thread."""

    def __init__(self, causal: Causal, ids: Sequence[int], options: Options) -> None:
        self._causal, self._ids, self._options = causal, list(ids), options
        self._lock = threading.RLock()  # a collected reader may cancel inside a cancel
        self._cancelled = False
        self._turn: Turn | None = None
        self._handover: Handover | None = None

    def pieces(self) -> Iterator[Piece]:
        """Yield what there is; raise GenerationError where it fails.

        Nothing runs, and no place in the queue is taken, before the first piece is asked for.
        Closing or dropping the iterator cancels.
        """
        try:
            yield from self._queue()
            handover = self._start()
            while handover is not None and (piece := handover.take()) is not None:
                yield piece
        finally:
            self.cancel()

    def cancel(self) -> None:
        """End the generation, wherever it is. Idempotent; does not wait for the model."""
        with self._lock:
            self._cancelled = True
            if self._handover is not None:
                self._handover.close()  # whoever generates gives up the turn
            elif self._turn is not None:
                self._turn.leave()

    def _queue(self) -> Iterator[Piece]:
        with self._lock:
            if self._cancelled:
                return
            turn = self._turn = self._causal.turns.join()
        taken, before, moved = turn.wait(0), turn.place, time.monotonic()
        while not taken and not turn.left:
            place = turn.place
            if place < before:
                before, moved = place, time.monotonic()
            if time.monotonic() - moved > self._options.timeout + GRACE:
                raise GenerationError(
                    f"The model has not reacted for {time.monotonic() - moved:.0f} s, and "
                    f"{place} wait before you. Start ragkit again."
                )
            yield Piece(place=max(1, place))
            taken = turn.wait(HEARTBEAT)

    def _start(self) -> Handover | None:
        options = self._options
        with self._lock:
            if self._cancelled or self._turn is None:
                return None
            handover = Handover(timeout=options.timeout, patience=options.patience)
            # Not a daemon: at the end of the program a daemon dies inside torch, noisily.
            worker = threading.Thread(
                target=self._work, args=(self._turn, handover), name="ragkit-generate"
            )
            try:
                worker.start()
            except RuntimeError as error:  # the system gives no more threads
                raise GenerationError(f"No answer can be generated: {error}.") from error
            self._handover = handover
        return handover

    def _work(self, turn: Turn, handover: Handover) -> None:
        watch = Watch(handover, self._causal)
        outcome: Usage | GenerationError
        try:
            outcome = _generate(self._causal, self._ids, self._options, watch)
        except LeaveForward:
            outcome = Usage(len(self._ids), 0, 0.0, "length")
        except BaseException as error:  # noqa: BLE001  # the reader must hear of it, whatever it is
            # The frames hold the keys and values of a prompt that may just have filled the memory.
            traceback.clear_frames(error.__traceback__)
            outcome = _explained(error, self._causal, len(self._ids))
        if watch.reason is not None and isinstance(outcome, Usage):
            outcome = _interrupted(watch.reason, outcome, self._options)
        turn.leave()  # before the reader hears, whose next question then need not wait
        if isinstance(outcome, Usage):
            handover.end(outcome)
        else:
            handover.fail(outcome)


def _generate(causal: Causal, ids: list[int], options: Options, watch: Watch) -> Usage:
    """Generate in this thread, handing the text over; return what it took."""
    received = _Received(causal, watch)
    began = time.monotonic()
    try:
        watch.hook()
        cache = begin_cache(causal.kept, causal.model, ids)
        generated = causal.model.generate(
            **_arguments(causal, ids, options),
            past_key_values=cache,
            streamer=received,
            stopping_criteria=[watch],
        )
    finally:
        watch.unhook()
    keep_cache(causal.kept, causal.model, cache, generated[0].tolist(), prompt=len(ids))
    watch.handover.put(received.text.finish())
    count, seconds = len(received.times), time.monotonic() - began
    if count > 1:
        count, seconds = count - 1, received.times[-1] - received.times[0]
    return Usage(
        prompt_tokens=len(ids),
        completion_tokens=len(received.times),
        tokens_per_second=count / max(seconds, 1e-9),
        finish_reason="stop" if received.ended else "length",
    )


def _arguments(causal: Causal, ids: list[int], options: Options) -> dict[str, Any]:
    """Return what ``generate`` is called with: the one place that decides how tokens are made."""
    prompt = torch.tensor([ids], device=causal.device)
    arguments: dict[str, Any] = {
        "input_ids": prompt,
        "attention_mask": torch.ones_like(prompt),
        "max_new_tokens": options.max_new_tokens,
        "do_sample": False,
    }
    if options.temperature > 0:
        draw = Draw(
            temperature=options.temperature,
            top_p=options.top_p,
            seed=options.seed,
            device=causal.device,
        )
        arguments["logits_processor"] = [draw]
    return arguments


class _Received(BaseStreamer):
    """Takes the tokens from ``generate`` and hands their text over."""

    def __init__(self, causal: Causal, watch: Watch) -> None:
        self.text = StreamedText(causal.tokenizer)
        self.times: list[float] = []
        self.ended = False
        self._ends = frozenset(causal.ends)
        self._watch = watch
        self._prompt_seen = False

    def put(self, value: Any) -> None:
        if not self._prompt_seen:  # the first call brings the prompt
            self._prompt_seen = True
            return
        self._watch.unhook()
        for number in value.reshape(-1).tolist():
            if self.ended:
                return
            self.times.append(time.monotonic())
            self.ended = number in self._ends
            if not self.ended and (text := self.text.push([number])):
                self._watch.handover.put(text)

    def end(self) -> None:
        pass


def _interrupted(reason: Interruption, usage: Usage, options: Options) -> GenerationError:
    if reason == "timeout":
        return GenerationError(
            f"No complete answer in {options.timeout:g} s: {usage.completion_tokens} tokens, "
            f"{usage.tokens_per_second:.1f} a second, after a prompt of {usage.prompt_tokens}. Set "
            "llm.timeout higher, llm.max_new_tokens or top_k lower, or choose a smaller model."
        )
    if reason == "gone":
        return GenerationError(
            f"The answer was not read for {options.patience:g} s, and was ended. Ask again."
        )
    return GenerationError("The answer was stopped.")


def _explained(error: BaseException, causal: Causal, prompt_tokens: int) -> GenerationError:
    """Return ``error`` in the words of its reader, as its cause."""
    reason = (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(".")
    full = isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(sign in reason for sign in _OUT_OF_MEMORY)
    )
    if full:
        if causal.device.startswith("cuda"):
            torch.cuda.empty_cache()
        explained = GenerationError(
            f"Out of memory on {causal.device}: a prompt of {prompt_tokens} tokens, and "
            f"{free_memory(causal.device) / 2**30:.1f} GiB free. Use fewer sources (top_k), a "
            "smaller llm.context_window, or llm.quantization = 'int8'."
        )
    else:
        explained = GenerationError(
            f"The model failed while answering: {reason} ({type(error).__name__}). "
            "Ask again; if it stays, start ragkit again or choose another model."
        )
    explained.__cause__ = error
    return explained
