"""Checks ``stages:`` and makes the machine that runs: names, tools, times and conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..diagnostics import Diagnostic, PolicyError
from ..document.loading import Located, Path
from ..document.stages import Stages, Transition
from ..language import ast
from ..language.checker import check_condition
from ..language.environment import SignalDecl, event_environment
from ..language.parser import parse_expression
from ..language.problems import CheckError, did_you_mean, noting
from ..language.types import ToolDecl
from ..language.values import parse_duration
from ..scopes import selected
from .graph import CheckedStages, Drawn, machine_of


def check_stages(
    documents: Sequence[Located], tools: Mapping[str, ToolDecl], signals: Mapping[str, SignalDecl]
) -> CheckedStages | None:
    """The stages that one of the documents declares, if one does. Raises :class:`PolicyError` with every problem."""
    declaring = [located for located in documents if located.document.stages is not None]
    if len(declaring) > 1:
        span = declaring[1].key_span(("stages",))
        message = f"stages are declared in {declaring[0].source.file} already"
        raise PolicyError(
            declaring[1].source, [Diagnostic("stage", message, span, "declare them in one file")]
        )
    return _Check(declaring[0], tools, signals).checked() if declaring else None


class _Check:
    def __init__(
        self, located: Located, tools: Mapping[str, ToolDecl], signals: Mapping[str, SignalDecl]
    ) -> None:
        assert located.document.stages is not None
        self.located, self.tools, self.signals = located, tools, signals
        self.stages: Stages = located.document.stages
        self.problems: list[Diagnostic] = []

    def checked(self) -> CheckedStages:
        names = tuple(self.stages.states)
        self._name(self.stages.initial, ("stages", "initial"))
        for name, stage in self.stages.states.items():
            if stage.then is not None:
                self._name(stage.then, ("stages", "states", name, "then"))
        first = self.stages.states.get(self.stages.initial)
        if first is not None and first.for_ is not None:
            self._problem(
                "stage",
                "the initial stage has no end: nothing says when a session began",
                ("stages", "states", self.stages.initial, "for"),
                "let an event lead to the stage that lasts so long",
            )
        timed = self._timed()
        drawn = tuple(
            made
            for index, move in enumerate(self.stages.transitions)
            if (made := self._transition(index, move)) is not None
        )
        only = {
            name: tuple(self._selected(stage.only, ("stages", "states", name, "only")))
            for name, stage in self.stages.states.items()
            if stage.only is not None
        }
        if self.problems:
            raise PolicyError(self.located.source, self.problems)
        moves = tuple(move for each in drawn for move in each.moves)
        reasons = {name: stage.reason for name, stage in self.stages.states.items() if stage.reason}
        return CheckedStages(
            machine_of(names, self.stages.initial, timed, moves), drawn, only, reasons,
            frozenset(name for name, stage in self.stages.states.items() if stage.final),
            self.located.source,
            {name: self.located.key_span(("stages", "states", name)) for name in names},
            {
                name: self.located.justified(("stages", "states", name), stage.justified)
                for name, stage in self.stages.states.items()
            },
        )  # fmt: skip

    def _problem(self, code: str, message: str, path: Path, help: str | None) -> None:
        self.problems.append(Diagnostic(code, message, self.located.span(path), help))

    def _name(self, name: str, path: Path) -> bool:
        known = self.stages.states
        if name not in known:
            help = did_you_mean(name, known) or f"the stages are: {', '.join(known)}"
            self._problem("unknown-stage", f"no stage `{name}` is declared", path, help)
        return name in known

    def _timed(self) -> tuple[tuple[str, int, str], ...]:
        """The stages that end by themselves, those first that others come after."""
        then = {n: s.then for n, s in self.stages.states.items() if s.for_ is not None and s.then is not None}
        ordered: list[str] = []
        for name in then:
            chain = [name]
            while (following := then.get(chain[-1])) is not None and following not in chain:
                chain.append(following)
            if following is not None:
                path = ("stages", "states", name, "then")
                help = "let an event lead out of one of them"
                self._problem("stage", f"`{name}` and what follows it come round in a circle", path, help)
                return ()
            for each in reversed(chain):
                if each in then and each not in ordered:
                    ordered.insert(0, each)
        durations = {n: parse_duration(s.for_) for n, s in self.stages.states.items() if s.for_ is not None}
        return tuple((name, durations[name], then[name]) for name in ordered)

    def _transition(self, index: int, move: Transition) -> Drawn | None:
        path: Path = ("stages", "transitions", index)
        before = len(self.problems)
        self._name(move.to, (*path, "to"))
        sources: dict[str, None] = {}
        for position, name in enumerate(move.from_):
            if name == "*":
                others = (n for n, s in self.stages.states.items() if not s.final and n != move.to)
                sources |= dict.fromkeys(others)
            elif self._name(name, (*path, "from", position)):
                sources[name] = None
                if self.stages.states[name].final:
                    self._problem(
                        "stage", f"`{name}` is final, so nothing leads out of it", (*path, "from", position),
                        "remove final: there, or the stage here",
                    )  # fmt: skip
        scope: list[str | None] = [None]
        if move.tools is not None:
            scope = list(self._selected(move.tools, (*path, "tools")))
        moves: list[ast.Transition] = []
        with noting(self.problems):
            for tool in scope:
                match = ast.EventMatch(move.on, tool)
                body = self._body(path, move, match)
                moves.append(ast.Transition(tuple(sorted(sources)), move.to, match, body))
        if len(self.problems) > before:
            return None
        return Drawn(tuple(sources), move.to, _label(move), tuple(moves), self.located.span(path))

    def _body(self, path: Path, move: Transition, match: ast.EventMatch) -> ast.Expr:
        body: ast.Expr = ast.TRUE
        if isinstance(move.when, str):
            here = (*path, "when")
            node = parse_expression(move.when, self.located.text_offsets(here), self.located.source)
            body = check_condition(node, event_environment(match, self.tools, self.signals))
        elif move.when is not None:
            body = ast.Const(move.when, ast.TRUE.type, self.located.span((*path, "when")))
        if move.because is None:
            return body
        because = ast.Because(tuple(sorted(set(move.because))), self.located.span((*path, "because")))
        return because if body == ast.TRUE else ast.And(because, body, because.span)

    def _selected(self, selectors: Sequence[str], path: Path) -> Iterator[str]:
        try:
            return selected(selectors, self.tools, lambda position: self.located.span((*path, position)))
        except CheckError as error:
            self.problems.append(error.diagnostic)
            return iter(())


def check_because(located: Located, rules: Mapping[str, str]) -> list[Diagnostic]:
    """What is wrong with the rules that transitions name. ``rules`` are the effects of all rules, by id."""
    assert located.document.stages is not None
    known = [id for id, effect in rules.items() if effect == "deny"]
    problems = []
    for index, move in enumerate(located.document.stages.transitions):
        for position, name in enumerate(move.because or ()):
            if name not in known and name != "default":
                span = located.span(("stages", "transitions", index, "because", position))
                message = f"`{name}` is no deny rule" if name in rules else f"no rule `{name}` is declared"
                help = did_you_mean(name, known) or f"deny rules are: {', '.join(known) or 'none'}"
                problems.append(Diagnostic("unknown-rule", message, span, help))
    return problems


def _label(move: Transition) -> str:
    words: list[str] = [move.on]
    if move.tools is not None:
        words.append(" ".join(move.tools))
    if move.because is not None:
        words.append(f"because {' '.join(move.because)}")
    if move.when is not None:
        words.append(f"when {move.when if isinstance(move.when, str) else str(move.when).lower()}")
    return " ".join(words)
