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
from .justified import Justification
from .language import ast
from .language.environment import SignalDecl
from .language.syntax import Span
from .language.trees import quoted
from .language.types import ToolDecl
from .stages.graph import CheckedStages
from .texts.rules import CheckedText

SEMANTICS = 1
Effect = Literal["allow", "deny", "escalate", "redact", "label"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """Where a policy file declares a tool, and the findings about it that are meant, by code.

    ``arguments`` are the places of its arguments, by name.
    """

    source: Source = field(repr=False, compare=False)
    span: Span
    justified: Mapping[str, Justification] = field(default_factory=dict)
    arguments: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A rule with its condition checked once per tool in its scope.

    ``justified`` are the findings about it that are meant, by code; no part of what it means.
    """

    id: str
    effect: Effect
    conditions: Mapping[str, ast.Expr]
    reason: str = ""
    shadow: bool = False
    label: Literal["trusted", "untrusted"] | None = None
    source: Source | None = field(default=None, repr=False, compare=False)
    span: Span = field(default=Span(0, 0), compare=False)
    justified: Mapping[str, Justification] = field(default_factory=dict, compare=False)

    def text_of(self, node: ast.Expr) -> str:
        """The source text of a node, on one line; a question about the stage as an expression, wherever it is from."""
        if isinstance(node, ast.InStage):
            return f"session.stage({', '.join(map(quoted, node.names))})"
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
    """``never``: no call in any session satisfies the condition (per tool); ``possible``: some call in some does.

    The others carry their parameters: ``always-within`` has ``tool``, ``sum`` (None: the number of calls),
    ``window`` in microseconds and ``at-most`` in units of the argument's type; ``without`` has ``signals``.
    """

    kind: Literal["never", "possible", "always-within", "without"]
    conditions: Mapping[str, ast.Expr] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)
    text: str = ""
    source: Source | None = field(default=None, repr=False, compare=False)
    span: Span = field(default=Span(0, 0), compare=False)

    @property
    def written(self) -> str:
        """As it stands in the file, on one line."""
        if self.source is None:
            return f"{self.kind}: {self.text or dict(self.parameters)}"
        return " ".join(self.source.text[self.span.start : self.span.end].split())


@dataclass(frozen=True, slots=True)
class CheckedPolicy:
    """Everything that decides, and where it was written. ``hash`` is the SHA-256 of :meth:`canonical`.

    ``source`` is the policy's own file (rules may come from others), ``declarations`` the places of the tools
    that a file declares; neither is part of the hash.
    """

    name: str
    tools: Mapping[str, ToolDecl]
    signals: Mapping[str, SignalDecl]
    rules: tuple[CheckedRule, ...]
    invariants: tuple[CheckedInvariant, ...] = ()
    repair: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    tests: tuple[Json, ...] = ()
    source: Source | None = field(default=None, repr=False, compare=False)
    declarations: Mapping[str, Declaration] = field(default_factory=dict, repr=False, compare=False)
    texts: tuple[CheckedText, ...] = ()
    stages: CheckedStages | None = None

    def document(self) -> dict[str, Json]:
        """Everything that decides, as JSON; the order of tools and rules plays no part."""
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
        if self.texts:  # a policy that says nothing of texts keeps its hash
            document["text"] = [rule.to_json() for rule in self.texts]
        if self.stages is not None:
            document["stages"] = self.stages.machine.id
        return document

    def canonical(self) -> bytes:
        """The document as canonical JSON (sorted keys, no spaces)."""
        return canonical_text(self.document()).encode()

    @property
    def hash(self) -> str:
        return sha256(self.canonical()).hexdigest()


def canonical_text(value: Json) -> str:
    """JSON in the form that hashes are made of: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
