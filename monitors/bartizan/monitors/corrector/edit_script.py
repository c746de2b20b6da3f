"""Our corrector at work: a proposer of calls and a rewriter of texts that write edit scripts.

Neither is trusted, and neither needs to be: what they propose leaves only through the gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bartizan.guard.correction import Refused
from bartizan.guard.gate import Proposal
from bartizan.guard.stream.rewriting import TextUnit

from . import script, spans, storage
from .decode import Written, write
from .errors import CorrectorError, CorrectorFiles, NoScript
from .grammar import CallGrammar
from .reading import CallQuestion, question_input, text_input
from .script import Word
from .storage import Corrector
from .work import Job, Worker

MOST_BYTES = 96
"""Of a script; the longest that training makes has some sixty."""


@dataclass(frozen=True, slots=True)
class _Asked:
    tokens: tuple[int, ...]
    grammar: CallGrammar | None = None


class _Writer:
    """Asks the network, many at a time, in a thread."""

    def __init__(self, corrector: Corrector, *, within: float, most: int, wait: float) -> None:
        self.corrector = corrector
        self._within = within
        self._worker: Worker[_Asked, Written] = Worker(self._write, name="corrector", most=most, wait=wait)

    async def written(self, asked: _Asked) -> Written | None:
        """The script, if it is complete and likely enough; None otherwise, whatever the reason."""
        if len(asked.tokens) + MOST_BYTES + 1 > self.corrector.model.config.context:
            return None
        try:
            found = await self._worker.ask(asked, within=self._within)
        except CorrectorError:
            return None
        return found if found.ended and found.log_p >= self.corrector.threshold else None

    def _write(self, jobs: Sequence[Job[_Asked, Written]]) -> Sequence[Job[_Asked, Written]]:
        def allowed(row: int, text: bytes) -> Sequence[int] | None:
            grammar = jobs[row].question.grammar
            return None if grammar is None else grammar(text)

        answers = write(
            self.corrector.model,
            [job.question.tokens for job in jobs],
            most=MOST_BYTES,
            allowed=allowed,
            stopped=lambda row: jobs[row].over,
        )
        for job, answer in zip(jobs, answers, strict=True):
            job.answer(answer)
        return ()

    def close(self) -> None:
        self._worker.close()


class EditScriptCorrector:
    """Proposes edits of refused calls (:class:`bartizan.guard.correction.Proposer`, named ``corrector``).

    It is bound to the policy that it was trained for: asked under another, it abstains, unless ``hints`` says that it
    may guess there as well (its calibration holds no longer; the gate decides as ever). It abstains, too, below its
    threshold, and whenever it fails, is late or writes no script that fits the call.
    """

    name = "corrector"

    def __init__(
        self,
        corrector: Corrector,
        *,
        hints: bool = False,
        within: float = 1.0,
        most: int = 32,
        wait: float = 0.002,
    ) -> None:
        if corrector.task != "calls":
            raise CorrectorFiles("expected a corrector of calls, found one of texts")
        self.corrector, self.hints = corrector, hints
        self._writer = _Writer(corrector, within=within, most=most, wait=wait)
        self._grammars = {tool: CallGrammar(reading.editable) for tool, reading in corrector.tools.items()}

    @classmethod
    def load(
        cls, folder: str | Path, *, device: str = "cpu", **options: bool | float | int
    ) -> EditScriptCorrector:
        """From a folder that training wrote. Raises :class:`CorrectorFiles`."""
        return cls(storage.load(Path(folder), device=device), **options)  # type: ignore[arg-type]

    def knows(self, policy: str) -> bool:
        """Whether it was trained for the policy of this hash; for any other it is no more than a source of hints."""
        return policy == self.corrector.policy

    async def propose(self, refused: Refused) -> Sequence[Proposal]:
        """One proposal, or none. Never raises."""
        if not self._asked(refused.program.hash):
            return ()
        return await self.answer(CallQuestion.of(refused))

    async def answer(self, question: CallQuestion) -> Sequence[Proposal]:
        """The same, from what a question says. Never raises."""
        if not self._asked(question.policy):
            return ()
        grammar = self._grammars.get(question.call.tool)
        found = await self._writer.written(
            _Asked(tuple(question_input(question, self.corrector.tools)), grammar)
        )
        if found is None:
            return ()
        try:
            edits = script.read(found.text)
            if isinstance(edits, Word):
                return ()
            args = script.applied(edits, question.call.arguments())
        except NoScript:
            return ()
        evidence = {"script": found.text.decode(), "log_p": round(found.log_p, 6)}
        if not self.knows(question.policy):
            evidence["trained_for"] = self.corrector.policy
        return (Proposal(args, self.name, evidence),)

    def _asked(self, policy: str) -> bool:
        return self.hints or self.knows(policy)

    def close(self) -> None:
        self._writer.close()


class EditScriptRewriter:
    """Proposes edits of refused text (:class:`bartizan.guard.stream.rewriting.Rewriter`)."""

    name = "corrector"

    def __init__(
        self, corrector: Corrector, *, within: float = 1.0, most: int = 32, wait: float = 0.002
    ) -> None:
        if corrector.task != "texts":
            raise CorrectorFiles("expected a corrector of texts, found one of calls")
        self.corrector = corrector
        self._writer = _Writer(corrector, within=within, most=most, wait=wait)

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu", **options: float | int) -> EditScriptRewriter:
        """From a folder that training wrote. Raises :class:`CorrectorFiles`."""
        return cls(storage.load(Path(folder), device=device), **options)  # type: ignore[arg-type]

    async def rewrite(self, unit: TextUnit) -> str | None:
        """The segment with some of its bytes replaced; None where nothing is known. Never raises."""
        try:
            tokens = tuple(text_input(unit.sent, unit.segment, about=unit.prompt))
            found = await self._writer.written(_Asked(tokens))
            if found is None:
                return None
            edits = spans.read(found.text)
            return None if isinstance(edits, Word) else spans.applied(edits, unit.segment)
        except (NoScript, UnicodeError):
            return None

    def close(self) -> None:
        self._writer.close()
