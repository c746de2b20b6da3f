"""Static analysis: what a policy means, before an agent finds out.

>>> from bartizan.policies.analysis import lint, prove, diff, refines

Needs the extra ``prove``. The files, from the bottom up: ``formula`` (what is asked, in terms of no solver),
``encode/`` (the checked AST as formulas), ``solve/`` (Z3 for Booleans and integers, our engine for texts),
``sequences/`` (whole sessions), ``witness/`` (models as replayed counterexamples), ``checks/`` (one question a file),
``linting``, ``proving``, ``differing`` and ``gate`` (the commands), ``suggest/`` (tests and tighter policies).
"""

from __future__ import annotations

from .answers import Answer, Budget, Counterexample, Proved, Refuted, Unknown
from .commands import diff, lint, prove, refines
from .findings import Change, Difference, Finding, Options, Proof, Report

__all__ = [
    "Answer",
    "Budget",
    "Change",
    "Counterexample",
    "Difference",
    "Finding",
    "Options",
    "Proof",
    "Proved",
    "Refuted",
    "Report",
    "Unknown",
    "diff",
    "lint",
    "prove",
    "refines",
]
