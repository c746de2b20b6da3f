"""A checked policy: what the checker hands to every back end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any as Json
from typing import Literal

from .diagnostics import Source
from .document.typespec import format_type
from .language import ast
from .language.environment import SignalDecl
from .language.syntax import Span
from .language.types import ToolDecl

SEMANTICS = 1
Effect = Literal["allow", "deny", "escalate", "redact", "label"]


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A rule with its condition checked once per tool in its scope."""

    id: str
    effect: Effect
    conditions: Mapping[str, ast.Expr]
    reason: str = ""
    shadow: bool = False
    label: Literal["trusted", "untrusted"] | None = None
    source: Source | None = field(default=None, repr=False, compare=False)
    span: Span = field(default=Span(0, 0), compare=False)

    def text_of(self, node: ast.Expr) -> str:
        """The source text of a node, on one line."""
        span: Span = node.span
        return " ".join(self.source.text[span.start : span.end].split()) if self.source is not None else ""

    def to_json(self) -> Json:
        return {
            "id": self.id,
            "effect": self.effect,
            "conditions": {tool: ast.to_json(condition) for tool, condition in self.conditions.items()},
            "reason": self.reason,
            "shadow": self.shadow,
            "label": self.label,
        }


@dataclass(frozen=True, slots=True)
class CheckedInvariant:
    """``never``: no allowed call satisfies ``condition`` (per tool). The others carry their parameters."""

    kind: Literal["never", "always-within", "without"]
    conditions: Mapping[str, ast.Expr] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class CheckedPolicy:
    """Everything that decides, and nothing that does not. ``hash`` is the SHA-256 of :meth:`canonical`."""

    name: str
    tools: Mapping[str, ToolDecl]
    signals: Mapping[str, SignalDecl]
    rules: tuple[CheckedRule, ...]
    invariants: tuple[CheckedInvariant, ...] = ()
    repair: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    tests: tuple[Json, ...] = ()

    def canonical(self) -> bytes:
        """Canonical JSON (sorted keys, no spaces); the order of tools and rules plays no part."""
        document = {
            "semantics": SEMANTICS,
            "name": self.name,
            "tools": {
                name: {
                    "args": format_type(tool.args),
                    "tags": sorted(tool.tags),
                    "label": tool.label,
                    "exceptions": [list(pair) for pair in tool.exceptions],
                }
                for name, tool in self.tools.items()
            },
            "signals": {
                name: {"on": s.on, "monitor": s.monitor, "missing": s.missing} for name, s in self.signals.items()
            },
            "rules": sorted((rule.to_json() for rule in self.rules), key=lambda rule: rule["id"]),
            "invariants": [
                {"kind": i.kind, "conditions": {t: ast.to_json(c) for t, c in i.conditions.items()},
                 "parameters": dict(i.parameters)}
                for i in self.invariants
            ],
            "repair": {tool: dict(classes) for tool, classes in self.repair.items()},
        }  # fmt: skip
        text = json.dumps(
            document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return text.encode()

    @property
    def hash(self) -> str:
        return sha256(self.canonical()).hexdigest()
