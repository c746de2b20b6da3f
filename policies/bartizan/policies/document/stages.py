"""How a policy file says which stages a session goes through: a governance graph."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from .fields import Condition, DurationText, Given, Justifications, Scope, Selector, Slug, Strict, problem


class Stage(Strict):
    """A stage: the only tools that may be used in it, and whether it ends by itself, or never."""

    model_config = ConfigDict(
        json_schema_extra={"dependentRequired": {"for": ["then"], "then": ["for"]}}  # and neither if final
    )

    only: Given[tuple[Selector, ...]] = None
    for_: Given[DurationText] = None
    then: Given[Slug] = None
    final: bool = False
    reason: Given[str] = None
    justified: Justifications = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Stage:
        if self.for_ is not None and self.then is None:
            help = "then: is the stage that comes when the time is over"
            raise problem("missing-key", "a stage with `for` needs `then`", help)
        if self.then is not None and self.for_ is None:
            help = "for: is how long the stage lasts, like 1h"
            raise problem("missing-key", "a stage with `then` needs `for`", help)
        if self.final and self.for_ is not None:
            raise problem(
                "stage", "a final stage does not end", "remove final: or for: and then:", ("final",)
            )
        return self


class Transition(Strict):
    """A transition: from some stages, at an event, to another. ``denied`` is a call that rules did not let go."""

    from_: Annotated[tuple[Slug | Literal["*"], ...], Field(min_length=1)]
    on: Literal["prompt", "text", "call", "result", "denied"]
    tools: Given[Scope] = None
    because: Given[Annotated[tuple[Slug, ...], Field(min_length=1)]] = None
    when: Given[Condition] = None
    to: Slug

    @model_validator(mode="after")
    def _consistent(self) -> Transition:
        if self.because is not None and self.on != "denied":
            raise problem("unknown-key", "`because` is for `on: denied`", "remove it", ("because",))
        if self.tools is not None and self.on in ("prompt", "text"):
            raise problem("unknown-key", f"a {self.on} has no tool", "remove it", ("tools",))
        return self


class Stages(Strict):
    """The stages of a session: the first one, all of them, and how one leads to another."""

    initial: Slug
    states: Annotated[dict[Slug, Stage], Field(min_length=1)]
    transitions: tuple[Transition, ...] = ()
