"""The document: what a policy file may say, before names, types and conditions are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from .fields import (
    Condition,
    DurationText,
    Expression,
    Given,
    Include,
    JsonPath,
    JsonValue,
    Justifications,
    Number,
    Pointer,
    Probability,
    Scope,
    Slug,
    Strict,
    TimeText,
    ToolName,
    Version,
    only_one,
    problem,
)
from .repairs import Repair
from .stages import Stages
from .texts import TextRule

Label = Literal["trusted", "untrusted"]
EventKind = Literal["prompt", "result", "call", "text"]
Effect = Literal["allow", "deny", "escalate", "redact", "label"]
TypeText = Any  # read by typespec, which can point into it

EFFECTS: tuple[Effect, ...] = ("allow", "deny", "escalate", "redact", "label")


def _one_of(*alternatives: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": list(alternatives)}


def _exactly_one(*keys: str) -> dict[str, Any]:
    """JSON Schema for: exactly one of these keys."""
    return _one_of(*({"required": [key]} for key in keys))


class ResultLabels(Strict):
    """How far a tool's results are trusted: a default, and exceptions by JSON path."""

    label: Given[Label] = None
    except_: dict[JsonPath, Label] = Field(default_factory=dict)


class ToolSpec(Strict):
    """A tool: the types of its arguments, its effect, and how its results are labelled."""

    args: TypeText = Field(default_factory=dict)
    result: ResultLabels = ResultLabels()
    effect: Given[Literal["read", "write", "destructive"]] = None
    open: Given[bool] = None
    tags: tuple[Slug, ...] = ()
    description: str = ""
    justified: Justifications = Field(default_factory=dict)


class SignalSpec(Strict):
    """A signal: on what it is measured, by which monitor, and what its absence means."""

    on: EventKind
    monitor: Slug
    missing: Literal["escalate", "deny"] = "deny"


class Rule(Strict):
    """One rule. Exactly one of the five effects names the tools that it is about."""

    model_config = ConfigDict(
        json_schema_extra=_one_of(
            *({"required": [name], "not": {"required": ["as"]}} for name in EFFECTS if name != "label"),
            {"required": ["label", "as"]},
        )
    )

    id: Slug
    allow: Given[Scope] = None
    deny: Given[Scope] = None
    escalate: Given[Scope] = None
    redact: Given[Scope] = None
    label: Given[Scope] = None
    in_: Given[Annotated[tuple[Slug, ...], Field(min_length=1)]] = None
    when: Given[Condition] = None
    unless: Given[Expression] = None
    reason: Given[str] = None
    mode: Literal["enforce", "shadow"] = "enforce"
    as_: Given[Label] = None
    justified: Justifications = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        effect = only_one(self, EFFECTS, f"the rule `{self.id}`")
        if effect == "label" and self.as_ is None:
            raise problem("missing-key", "a label rule needs `as`", "write as: trusted, or as: untrusted")
        if effect != "label" and self.as_ is not None:
            raise problem("unknown-key", "`as` is for label rules", "remove it", ("as",))
        return self

    @property
    def effect(self) -> Effect:
        return next(effect for effect in EFFECTS if getattr(self, effect) is not None)

    @property
    def scope(self) -> tuple[str, ...]:
        """The selectors: tool names, ``@tag``, ``*``."""
        scope: tuple[str, ...] = getattr(self, self.effect)
        return scope


class AlwaysWithin(Strict):
    """In every window of this length, the calls of a tool that are let go are at most this many.

    With ``sum``: that argument, added up over them, is at most this.
    """

    tool: ToolName
    sum: Given[Annotated[str, Field(min_length=1)]] = None
    window: DurationText
    at_most: Number


def _text_or_list(value: Any) -> str:
    return "all" if isinstance(value, str) else "names"


class Without(Strict):
    """Nothing more becomes allowed when these signals are missing."""

    signals: Annotated[
        Annotated[Literal["all"], Tag("all")]
        | Annotated[tuple[Slug, ...], Field(min_length=1), Tag("names")],
        Discriminator(_text_or_list),
    ]


INVARIANTS = ("never", "possible", "always_within", "without")


class Invariant(Strict):
    """A property that the analyses prove of the whole policy."""

    model_config = ConfigDict(json_schema_extra=_exactly_one("never", "possible", "always-within", "without"))

    never: Given[Expression] = None
    possible: Given[Expression] = None
    always_within: Given[AlwaysWithin] = None
    without: Given[Without] = None

    @model_validator(mode="after")
    def _one_kind(self) -> Invariant:
        only_one(self, INVARIANTS, "an invariant")
        return self


class CallSpec(Strict):
    tool: ToolName
    args: dict[str, JsonValue] = Field(default_factory=dict)


class ResultSpec(Strict):
    """A tool's result: what the model reads, and its structure where known."""

    tool: ToolName
    args: dict[str, JsonValue] = Field(default_factory=dict)
    text: Given[str] = None
    value: JsonValue = None
    error: bool = False


def _word_or_number(value: Any) -> str:
    return "missing" if isinstance(value, str) else "measured"


Measured = Annotated[
    Annotated[Literal["missing"], Tag("missing")] | Annotated[Probability, Tag("measured")],
    Discriminator(_word_or_number),
]


class Reading(Strict):
    """A signal with its p-value."""

    value: Measured
    p_value: Given[Measured] = Field(None, alias="p_value")  # as the function is called


def _reading_or_value(value: Any) -> str:
    return "reading" if isinstance(value, (Mapping, Reading)) else "value"


SignalValue = Annotated[
    Annotated[Reading, Tag("reading")] | Annotated[Measured, Tag("value")],
    Discriminator(_reading_or_value),
]


class PrincipalSpec(Strict):
    id: str = Field(min_length=1)
    roles: tuple[str, ...] = ()


class PastEvent(Strict):
    """One event of a test's history, ``at`` so long before now. A call that the policy denies is ``denied``."""

    model_config = ConfigDict(json_schema_extra=_exactly_one("prompt", "text", "call", "denied", "result"))

    prompt: Given[str] = None
    text: Given[str] = None
    call: Given[CallSpec] = None
    denied: Given[CallSpec] = None
    result: Given[ResultSpec] = None
    at: Given[DurationText] = None
    signals: dict[Slug, SignalValue] = Field(default_factory=dict)
    principal: Given[PrincipalSpec] = None

    @model_validator(mode="after")
    def _one_kind(self) -> PastEvent:
        only_one(self, ("prompt", "text", "call", "denied", "result"), "an event")
        if self.principal is not None and self.denied is None:
            help = "remove it; who made a call that was let go plays no part"
            raise problem("unknown-key", "`principal` is for `denied`", help, ("principal",))
        return self


class ExpectedResult(Strict):
    """What becomes of a result: its text after redaction, and its label."""

    text: Given[str] = None
    label: Given[Label] = None


class ExpectedCorrection(Strict):
    """A denial that is corrected: the arguments that change, and to what; null for one that is left out."""

    corrected: Annotated[dict[str, JsonValue], Field(min_length=1)]


def _kind_of_expectation(value: Any) -> str:
    if isinstance(value, str):
        return "outcome"
    corrected = "corrected" in value if isinstance(value, Mapping) else isinstance(value, ExpectedCorrection)
    return "correction" if corrected else "result"


Expectation = Annotated[
    Annotated[Literal["allow", "escalate", "deny"], Tag("outcome")]
    | Annotated[ExpectedCorrection, Tag("correction")]
    | Annotated[ExpectedResult, Tag("result")],
    Discriminator(_kind_of_expectation),
]


class TestCase(Strict):
    """A call (or a result) in a session, and what the policy must make of it."""

    __test__ = False  # not one of pytest's
    model_config = ConfigDict(
        json_schema_extra=_one_of(
            {
                "required": ["call"],
                "properties": {"expect": {"anyOf": [{"type": "string"}, {"required": ["corrected"]}]}},
            },
            {
                "required": ["result"],
                "properties": {"expect": {"type": "object", "not": {"required": ["corrected"]}}},
            },
        )
    )

    name: Given[str] = None
    call: Given[CallSpec] = None
    result: Given[ResultSpec] = None
    prompt: Given[str] = None
    history: tuple[PastEvent, ...] = ()
    signals: dict[Slug, SignalValue] = Field(default_factory=dict)
    approved: bool = False
    now: Given[TimeText] = None
    principal: Given[PrincipalSpec] = None
    expect: Expectation
    because: Given[tuple[Slug, ...]] = None

    @model_validator(mode="after")
    def _one_subject(self) -> TestCase:
        only_one(self, ("call", "result"), "a test")
        if (self.call is None) != isinstance(self.expect, ExpectedResult):
            outcomes = "allow, escalate, deny or {corrected: ...}"
            wanted = outcomes if self.call else "{text: ..., label: ...}"
            subject = "call" if self.call else "result"
            raise problem("type", f"the test of a {subject} expects {wanted}", None, ("expect",))
        return self


class PolicyDocument(Strict):
    """A policy file."""

    version: Version
    name: Slug
    description: Given[str] = None
    include: tuple[Include, ...] = ()
    tools: dict[ToolName, ToolSpec] = Field(default_factory=dict)
    signals: dict[Slug, SignalSpec] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    stages: Given[Stages] = None
    text: tuple[TextRule, ...] = ()
    repair: dict[ToolName, dict[Pointer, Repair]] = Field(default_factory=dict)
    invariants: tuple[Invariant, ...] = ()
    tests: tuple[TestCase, ...] = ()
