"""What a person may answer to a pending approval, and how it is read.

An interrupt of this package is answered by ``Command(resume=answer)``, or ``Command(resume={interrupt_id: answer})``
where several are pending. An answer is one of::

    {"type": "approve"}
    {"type": "edit", "args": {...}}             or {"type": "edit", "edited_action": {"name": ..., "args": {...}}}
    {"type": "reject", "message": "why"}        the message is shown to the model

or such an answer in the shape of LangChain's human-in-the-loop middleware, ``{"decisions": [answer]}``. Unknown
fields are refused: an ``approve`` that carries arguments was perhaps meant as an ``edit``. ``by`` says who answered
(unless the application says so, see :class:`~.guard.LangGraphGuard`), and ``approval_id`` which approval was meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, TypeAdapter, ValidationError

from .errors import InvalidAnswer


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: str | None = None
    approval_id: str | None = None


class Approve(_Answer):
    """Let the call go as it was proposed."""

    type: Literal["approve"]
    message: str | None = None


class Reject(_Answer):
    """Do not let the call go; ``message`` is shown to the model."""

    type: Literal["reject"]
    message: str | None = None


class EditedAction(BaseModel):
    """The edited call in the shape of LangChain's human-in-the-loop middleware."""

    model_config = ConfigDict(extra="forbid")

    name: str
    args: dict[str, Any]


class Edit(_Answer):
    """Let the call go with other arguments; they are decided like any others."""

    type: Literal["edit"]
    args: dict[str, Any] | None = None
    edited_action: EditedAction | None = None
    message: str | None = None

    def arguments(self, tool: str) -> dict[str, Any]:
        """The new arguments. Raises :class:`InvalidAnswer` if there are none, or they are for another tool."""
        if self.edited_action is not None and self.args is None:
            if self.edited_action.name != tool:
                raise InvalidAnswer(
                    f"an edit can change the arguments of {tool!r}, not the tool: found {self.edited_action.name!r}"
                )
            return self.edited_action.args
        if self.args is not None and self.edited_action is None:
            return self.args
        raise InvalidAnswer("an edit needs either 'args' or 'edited_action', and not both")


def _single(answer: Any) -> Any:
    """The one answer in ``{"decisions": [answer]}``."""
    if isinstance(answer, Mapping) and set(answer) == {"decisions"}:
        decisions = answer["decisions"]
        if not isinstance(decisions, list) or len(decisions) != 1:
            raise ValueError("expected exactly one decision: one approval is about one call")
        return decisions[0]
    return answer


Answer = Annotated[Approve | Edit | Reject, Discriminator("type"), BeforeValidator(_single)]

_ADAPTER: TypeAdapter[Approve | Edit | Reject] = TypeAdapter(Answer)

ANSWER_SCHEMA: dict[str, Any] = _ADAPTER.json_schema()
"""The JSON Schema of an answer; an interrupt carries it, so that a client can render a form."""


def read(value: Any, *, approval_id: str, tool: str) -> Approve | Edit | Reject:
    """A resume value as an answer to this approval. Raises :class:`InvalidAnswer`; then nothing has happened."""
    try:
        answer = _ADAPTER.validate_python(value)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'answer'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise InvalidAnswer(
            f"the resume value for the approval of {tool!r} is not an answer: {problems}. Expected "
            '{"type": "approve"}, {"type": "edit", "args": {...}} or {"type": "reject", "message": "..."}'
        ) from error
    if answer.approval_id is not None and answer.approval_id != approval_id:
        raise InvalidAnswer(
            f"the resume value is for approval {answer.approval_id}, but {approval_id} of {tool!r} is pending"
        )
    if isinstance(answer, Edit):
        answer.arguments(tool)
    return answer
