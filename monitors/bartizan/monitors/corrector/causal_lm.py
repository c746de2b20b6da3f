"""Anybody's corrector: a Hugging Face causal language model that was trained to revise text.

Greedy, without a penalty on repetition (a copy repeats), in a thread of its own, many streams at once. It is a
:class:`bartizan.guard.stream.rewriting.Rewriter`, and as little trusted as any: the rules decide what leaves.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM

from bartizan.guard.stream.rewriting import TextUnit

from ..loading import load_model, load_tokenizer
from .drafting import Answer, Drafter
from .errors import CorrectorError, Unanswered
from .templates import StreamAligner, Template, encoded
from .work import Job, Worker


@dataclass(frozen=True, slots=True)
class Revision:
    """What a model makes of a piece of text. An ``unchanged`` text is the given one, byte for byte.

    ``passes`` through the model it took; ``reused`` tokens of its prompt had been read before; ``complete`` is False
    where it was cut at the most tokens it may have.
    """

    text: str
    unchanged: bool
    complete: bool
    passes: int
    reused: int
    tokens: int
    milliseconds: float


@dataclass(slots=True, eq=False)
class _Asked:
    question: str
    sent: str
    piece: str
    most: int
    answer: Answer | None = None
    begun: float = 0.0


class CausalLMCorrector:
    """Corrects text with a causal language model, in the words of a :class:`~.templates.Template`.

    ``within`` is how many seconds a correction may take, ``max_new_tokens`` how long it may be, ``most`` how many are
    written at once, ``wait`` how many seconds one waits for company, ``kept`` how many prompts are remembered for those
    that begin alike. Raises :class:`CorrectorError` for a model that cannot be used so.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        template: Template = StreamAligner(),  # noqa: B008 (frozen)
        *,
        name: str = "aligner",
        max_new_tokens: int = 256,
        within: float = 10.0,
        most: int = 8,
        wait: float = 0.003,
        kept: int = 8,
    ) -> None:
        if getattr(model.config, "is_encoder_decoder", False):
            raise CorrectorError(f"expected a decoder, found {type(model).__name__}")
        self._model, self._tokenizer, self._template, self._name = model.eval(), tokenizer, template, name
        self._most_tokens, self._within = max_new_tokens, within
        self._drafter = Drafter(model, _ends(model, tokenizer), kept=kept)
        self._context = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 32768
        self._worker: Worker[_Asked, Revision] = Worker(self._write, name=name, most=most, wait=wait)

    @classmethod
    def load(
        cls,
        source: str | Path,
        template: Template = StreamAligner(),  # noqa: B008 (frozen)
        *,
        device: str = "cpu",
        dtype: str = "auto",
        **options: Any,
    ) -> CausalLMCorrector:
        """From a folder in Hugging Face's layout, or a hub. Raises :class:`~bartizan.monitors.loading.CannotLoad`."""
        model = load_model(AutoModelForCausalLM, source, device=device, dtype=dtype)
        return cls(model, load_tokenizer(source), template, **options)

    @property
    def name(self) -> str:
        return self._name

    async def correct(
        self,
        question: str,
        sent: str,
        piece: str,
        *,
        within: float | None = None,
        max_new_tokens: int | None = None,
    ) -> Revision:
        """What the model makes of a piece of text. Raises :class:`Unanswered` if nothing comes in time.

        A caller that is cancelled, or whose time is over, costs no further pass.
        """
        asked = _Asked(question, sent, piece, max_new_tokens or self._most_tokens)
        return await self._worker.ask(asked, within=self._within if within is None else within)

    async def rewrite(self, unit: TextUnit) -> str | None:
        """The segment in other words, with its own white space around them; None where there are none. Never raises."""
        piece = unit.segment.strip()
        if not piece:
            return None
        try:
            found = await self.correct(unit.prompt, unit.sent, piece)
        except CorrectorError:
            return None
        if found.unchanged or not found.complete:
            return None
        before, after = unit.segment.split(piece, 1)
        return f"{before}{found.text.strip()}{after}"

    def close(self) -> None:
        """Stop the thread; whoever still waits gets :class:`Unanswered`."""
        self._worker.close()

    # --- in the thread

    def _write(self, jobs: Sequence[Job[_Asked, Revision]]) -> Sequence[Job[_Asked, Revision]]:
        running: list[tuple[Job[_Asked, Revision], Answer]] = []
        for job in jobs:
            try:
                running.append((job, self._begun(job.question)))
            except CorrectorError as error:
                job.answer(error)
        if running:
            self._drafter.step([answer for _, answer in running])
        left = []
        for job, answer in running:
            if answer.done:
                self._drafter.keep(answer)
                job.answer(self._revision(job.question, answer))
            else:
                left.append(job)
        return left

    def _begun(self, asked: _Asked) -> Answer:
        if asked.answer is None:
            asked.begun = time.monotonic()
            prompt = self._template.prompt(self._tokenizer, asked.question, asked.sent, asked.piece)
            opening = list(encoded(self._tokenizer, prompt.text))
            whole = list(encoded(self._tokenizer, prompt.text + asked.piece))
            joined = whole[: len(opening)] == opening
            source = whole[len(opening) :] if joined else list(encoded(self._tokenizer, asked.piece))
            tokens = [*prompt.before, *opening]
            if not tokens or len(tokens) + max(asked.most, len(source)) + 1 > self._context:
                raise Unanswered("too long")
            asked.answer = self._drafter.begin(tokens, source, asked.most)
        return asked.answer

    def _revision(self, asked: _Asked, answer: Answer) -> Revision:
        unchanged = answer.out == answer.source
        complete = len(answer.out) < answer.most
        text = asked.piece if unchanged else self._text(answer.out)
        return Revision(
            text, unchanged or text == asked.piece, complete, answer.passes, answer.reused, len(answer.out),
            round((time.monotonic() - asked.begun) * 1000, 3),
        )  # fmt: skip

    def _text(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    found = getattr(model.generation_config, "eos_token_id", None)
    ends = {found} if isinstance(found, int) else set(found or ())
    turn = tokenizer.get_vocab().get("<end_of_turn>")
    return frozenset(ends | ({tokenizer.eos_token_id, turn} - {None}))
