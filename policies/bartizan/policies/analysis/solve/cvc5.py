"""The boundary to cvc5, which is asked for a second opinion. Nothing else imports ``cvc5``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ..answers import Budget, Unknown
from ..formula import Flag, Formula, Model, Text, Whole
from .errors import SolverUnavailable
from .smtlib import Script, script

_RESOURCES_PER_STEP = 3


def second_opinion(
    conjunction: Sequence[Formula], budget: Budget, seconds: float
) -> Model | Literal["unsat"] | Unknown:
    """A model of the conjunction, "unsat" if there is none, or Unknown after so many seconds.

    Raises:
        SolverUnavailable: cvc5 is not installed.
    """
    written = script(conjunction)
    if isinstance(written, Unknown):
        return written
    try:
        import cvc5  # type: ignore[import-untyped]
    except ImportError as error:
        raise SolverUnavailable("expected the package cvc5, found none; install bartizan[prove]") from error
    try:
        return _asked(cvc5, written, budget, seconds)
    except RuntimeError as error:  # what all of cvc5's exceptions are
        return Unknown(f"cvc5 gave up: {error}")


def _asked(cvc5: Any, written: Script, budget: Budget, seconds: float) -> Model | Literal["unsat"] | Unknown:
    terms = cvc5.TermManager()
    solver = cvc5.Solver(terms)
    for option, value in (
        ("produce-models", "true"),
        ("strings-exp", "true"),
        ("tlimit-per", str(max(int(seconds * 1000), 1))),
        ("rlimit-per", str(budget.steps * _RESOURCES_PER_STEP)),
    ):
        solver.setOption(option, value)
    symbols = cvc5.SymbolManager(terms)
    parser = cvc5.InputParser(solver, symbols)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, written.text, "question")
    while not (command := parser.nextCommand()).isNull():
        said = command.invoke(solver, symbols)
        if said and "error" in said:
            return Unknown(f"cvc5 did not understand the question: {said}")
    found = solver.checkSat()
    if found.isUnsat():
        return "unsat"
    if not found.isSat():
        return Unknown(f"cvc5 gave up: {found.getUnknownExplanation()}")
    flags: dict[Flag, bool] = {}
    wholes: dict[Whole, int] = {}
    texts: dict[Text, str] = {}
    for term in symbols.getDeclaredTerms():
        variable = written.symbols[term.getSymbol()]
        value = solver.getValue(term)
        match variable:
            case Flag():
                flags[variable] = value.getBooleanValue()
            case Whole():
                wholes[variable] = int(value.getIntegerValue())
            case Text():
                texts[variable] = value.getStringValue()
    return Model(flags, wholes, texts)
