"""How a policy file says what a model may not say: rules on its text."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from .fields import Given, Probability, Slug, Strict, only_one, problem

_BOUND = {"type": "integer", "minimum": 1, "maximum": 64}
Replacement = Annotated[str, Field(min_length=1, max_length=500)]


class Threshold(Strict):
    """A signal is too high: above this, for so many of the last so many segments."""

    signal: Slug
    above: Probability
    of: Annotated[
        tuple[int, int], Field(json_schema_extra={"prefixItems": [_BOUND, _BOUND], "examples": [[2, 3]]})
    ] = (1, 1)

    @model_validator(mode="after")
    def _counted(self) -> Threshold:
        needed, window = self.of
        if not 1 <= needed <= window <= 64:
            help = "like of: [2, 3], two of the last three"
            raise problem("bounds", "expected two numbers from 1 to 64, the first not above", help, ("of",))
        return self


class TextRule(Strict):
    """One rule on text: what is redacted wherever it occurs, or when a whole sentence is withheld."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["redact"]}, {"required": ["withhold", "with"]}]}
    )

    id: Slug
    redact: Given[Annotated[str, Field(min_length=1, description="a regular expression")]] = None
    except_: Given[Annotated[str, Field(min_length=1, description="a regular expression")]] = None
    withhold: Given[Threshold] = None
    with_: Given[Replacement] = None
    missing: Given[Literal["withhold", "pass"]] = None
    reason: Given[str] = None
    mode: Literal["enforce", "shadow"] = "enforce"

    @model_validator(mode="after")
    def _consistent(self) -> TextRule:
        if only_one(self, ("redact", "withhold"), f"the text rule `{self.id}`") == "redact":
            if self.missing is not None:
                raise problem("unknown-key", "`missing` is for `withhold`", "remove it", ("missing",))
        elif self.except_ is not None:
            raise problem("unknown-key", "`except` is for `redact`", "remove it", ("except",))
        elif self.with_ is None:
            help = "with: is the sentence that is said in its place"
            raise problem("missing-key", "a rule that withholds needs `with`", help)
        return self
