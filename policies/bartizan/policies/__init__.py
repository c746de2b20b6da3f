"""The policy language: documents, checking, evaluation, provenance, sessions, regular languages."""

from __future__ import annotations

from .casework import CaseResult, load_case, prepare, run_tests
from .diagnostics import Diagnostic, PolicyError, Source
from .explain import Explanation, RuleTrace
from .language.types import ToolDecl
from .load import check_policy, compile_policy, load_policy, packs, read_source
from .policy import CheckedPolicy, CheckedRule
from .program import Program

__all__ = [
    "CaseResult",
    "CheckedPolicy",
    "CheckedRule",
    "Diagnostic",
    "Explanation",
    "PolicyError",
    "Program",
    "RuleTrace",
    "Source",
    "ToolDecl",
    "check_policy",
    "compile_policy",
    "load_case",
    "load_policy",
    "packs",
    "prepare",
    "read_source",
    "run_tests",
]
