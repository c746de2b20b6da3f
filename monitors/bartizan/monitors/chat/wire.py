"""OpenAI's chat completions, as far as this host serves them: requests in, strictly; nothing is silently ignored.

A field that would change the answer and is not served is refused, unless it is set to what it means by default.
Fields that change nothing here (``user``, ``metadata``, ``store``, ...) are taken and forgotten.
Source: the OpenAI API reference, "Create chat completion", as its Python client 3.52 types it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
    model_validator,
)

from bartizan.guard.canonical import JSON, parse_json
from bartizan.guard.errors import MalformedJSON

from .errors import BadRequest

MAX_MESSAGES = 2048
MAX_TOOLS = 128
MAX_STOPS = 4
MAX_STOP = 256

_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "frequency_penalty": (0, 0.0),
    "presence_penalty": (0, 0.0),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
}
"""Fields that are served only as what they mean by default."""

_FORGOTTEN = frozenset(
    [
        "user",
        "metadata",
        "store",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
    ]
)

Name = Annotated[StrictStr, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.:/-]+$")]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(_Model):
    type: Literal["text"]
    text: StrictStr


Content = StrictStr | list[Text]


def _joined(content: Content | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text for part in content)


class FunctionCall(_Model):
    name: Name
    arguments: StrictStr


class CallMessage(_Model):
    """A call that the assistant made earlier, as this host or another wrote it."""

    id: Annotated[StrictStr, Field(min_length=1, max_length=256)]
    type: Literal["function"] = "function"
    function: FunctionCall


class _Message(_Model):
    name: Annotated[StrictStr, Field(max_length=128)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        """Clients send messages back as they came: null fields, and what a reply is annotated with, say nothing."""
        if not isinstance(value, dict):
            return value
        return {
            key: field
            for key, field in value.items()
            if key != "annotations" and (field is not None or key == "content")
        }


class Spoken(_Message):
    role: Literal["system", "developer", "user"]
    content: Content


class Assistant(_Message):
    role: Literal["assistant"]
    content: Content | None = None
    tool_calls: list[CallMessage] = Field(default_factory=list, max_length=MAX_TOOLS)


class Tool(_Message):
    role: Literal["tool"]
    content: Content
    tool_call_id: Annotated[StrictStr, Field(min_length=1, max_length=256)]


Message = Annotated[Spoken | Assistant | Tool, Field(discriminator="role")]


class Function(_Model):
    name: Name
    description: StrictStr | None = None
    parameters: dict[str, Any] | None = None
    strict: StrictBool | None = None


class ToolSpec(_Model):
    type: Literal["function"]
    function: Function

    def for_template(self) -> dict[str, Any]:
        """As chat templates expect it."""
        function: dict[str, Any] = {
            "name": self.function.name,
            "description": self.function.description or "",
            "parameters": self.function.parameters or {"type": "object", "properties": {}},
        }
        return {"type": "function", "function": function}


class Named(_Model):
    class _Name(_Model):
        name: Name

    type: Literal["function"]
    function: _Name


class StreamOptions(_Model):
    include_usage: StrictBool = False
    include_obfuscation: StrictBool = False


class ChatRequest(_Model):
    """A request, checked. Read the numbers through the properties: they know which of two names is meant."""

    model: StrictStr
    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    tools: list[ToolSpec] = Field(default_factory=list, max_length=MAX_TOOLS)
    tool_choice: Literal["auto", "none", "required"] | Named = "auto"
    parallel_tool_calls: StrictBool = True
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[StrictInt, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[StrictInt, Field(ge=1)] | None = None
    stop: list[Annotated[StrictStr, Field(min_length=1, max_length=MAX_STOP)]] = Field(
        default_factory=list, max_length=MAX_STOPS
    )
    seed: Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)] | None = None
    stream: StrictBool = False
    stream_options: StreamOptions = StreamOptions()

    @model_validator(mode="before")
    @classmethod
    def _served(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        kept = {}
        for key, field in value.items():
            if field is None or key in _FORGOTTEN:
                continue
            if key in _NEUTRAL:
                if not any(field == neutral and type(field) is type(neutral) for neutral in _NEUTRAL[key]):
                    raise BadRequest(
                        f"this host serves {key} only as {_NEUTRAL[key][0]!r}: leave it out",
                        param=key,
                        code="unsupported_value",
                    )
                continue
            kept[key] = field
        return kept

    @field_validator("stop", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> ChatRequest:
        names = [tool.function.name for tool in self.tools]
        if len(set(names)) != len(names):
            raise BadRequest("expected tools of distinct names", param="tools")
        if isinstance(self.tool_choice, Named) and self.tool_choice.function.name not in names:
            raise BadRequest("expected tool_choice to name one of the tools", param="tool_choice")
        if self.tool_choice == "required" and not names:
            raise BadRequest("expected tools, since a call is required", param="tools")
        if self.max_tokens is not None and self.max_completion_tokens not in (None, self.max_tokens):
            raise BadRequest("expected one limit: max_tokens or max_completion_tokens", param="max_tokens")
        _answered(self.messages)
        return self

    @property
    def most_tokens(self) -> int | None:
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens


def _answered(messages: list[Spoken | Assistant | Tool]) -> None:
    """Every tool message answers a call that was made before it, and no call's arguments are but an object."""
    made: set[str] = set()
    for index, message in enumerate(messages):
        if isinstance(message, Tool) and message.tool_call_id not in made:
            raise BadRequest(
                "expected the id of a call in an earlier assistant message",
                param=f"messages.{index}.tool_call_id",
            )
        if isinstance(message, Assistant):
            made |= {call.id for call in message.tool_calls}


def read_request(body: bytes) -> ChatRequest:
    """The request in a body. Raises :class:`BadRequest`, with the field that is at fault; it quotes no content."""
    try:
        value = parse_json(body)
    except MalformedJSON as error:
        raise BadRequest(f"expected strict JSON in UTF-8: {_unquoted(error)}") from None
    try:
        return ChatRequest.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadRequest(f"{place or 'the request'}: {first['msg']}", param=place or None) from None


def _unquoted(error: MalformedJSON) -> str:
    """What is wrong, without the part of a message that may quote the body."""
    return str(error).split(", found", 1)[0][:200]


def for_template(messages: list[Spoken | Assistant | Tool]) -> list[dict[str, JSON]]:
    """The messages as chat templates expect them: arguments as objects, and short ids that mean nothing.

    The ids of calls are replaced by their number. A model has no use for a handle (what it could repeat, a tool could
    learn), a random one would change what is generated, and some templates take ids of nine characters only.
    """
    ids: dict[str, tuple[str, str]] = {}
    shown: list[dict[str, JSON]] = []
    for index, message in enumerate(messages):
        if isinstance(message, Tool):
            id, name = ids[message.tool_call_id]
            content = _joined(message.content)
            shown.append({"role": "tool", "name": name, "tool_call_id": id, "content": content})
        elif isinstance(message, Assistant):
            spoken: dict[str, JSON] = {"role": "assistant", "content": _joined(message.content)}
            calls = []
            for number, call in enumerate(message.tool_calls):
                place = f"messages.{index}.tool_calls.{number}.function.arguments"
                ids[call.id] = (f"call{len(ids):05d}", call.function.name)
                function = {
                    "name": call.function.name,
                    "arguments": _arguments(call.function.arguments, place),
                }
                calls.append({"id": ids[call.id][0], "type": "function", "function": function})
            shown.append({**spoken, "tool_calls": calls} if calls else spoken)
        else:
            role = "system" if message.role == "developer" else message.role
            shown.append({"role": role, "content": _joined(message.content)})
    return shown


def _arguments(text: str, place: str) -> dict[str, JSON]:
    try:
        value = parse_json(text)
    except MalformedJSON:
        value = None
    if not isinstance(value, dict):
        raise BadRequest("expected an object as strict JSON text", param=place)
    return value


def error_body(message: str, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """As OpenAI's clients read errors."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
