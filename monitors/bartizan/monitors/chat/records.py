"""The signals of one reply, as the host keeps them and as they travel: what was measured over which tokens.

Positions count tokens from 0, those of ``prompt`` in the prompt, all others in the reply. Both sides of the wire read
and write this module's JSON, strictly: an answer that is not exactly of this form is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bartizan.guard.types import Missing

from ..types import Measurement

OBJECT = "bartizan.signals"
MAX_TEXT = 500

Readings = Mapping[str, Measurement]
"""By the name of the probe."""


@dataclass(frozen=True, slots=True)
class CallSignals:
    """One tool call of a reply: exactly this tool with exactly these arguments (``ToolCall.digest``)."""

    tool: str
    digest: str
    tokens: tuple[int, int]
    """The first of its tokens, and the one after its last."""
    readings: Readings


@dataclass(frozen=True, slots=True)
class ReplySignals:
    """One reply: ``prompt`` measured over the whole prompt, ``reply`` over the whole reply, and its calls."""

    handle: str
    model: str
    fingerprint: str
    generate_ms: float
    """How long the reply took, signals included; ``signals_ms`` of that went into reading them (hooks excluded)."""
    signals_ms: float
    prompt_tokens: int
    reply_tokens: int
    prompt: Readings
    reply: Readings
    calls: tuple[CallSignals, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "object": OBJECT,
            "handle": self.handle,
            "model": self.model,
            "fingerprint": self.fingerprint,
            "generate_ms": self.generate_ms,
            "signals_ms": self.signals_ms,
            "prompt_tokens": self.prompt_tokens,
            "reply_tokens": self.reply_tokens,
            "prompt": _readings_json(self.prompt),
            "reply": _readings_json(self.reply),
            "calls": [
                {
                    "tool": call.tool,
                    "digest": call.digest,
                    "tokens": list(call.tokens),
                    "readings": _readings_json(call.readings),
                }
                for call in self.calls
            ],
        }

    @classmethod
    def from_json(cls, value: Any) -> ReplySignals:
        """Raises ``ValueError`` that says where the value is not what :meth:`to_json` writes."""
        found = _object(value, "$", 11)
        if found.get("object") != OBJECT:
            raise ValueError(f"expected object {OBJECT!r} at $.object, found {found.get('object')!r:.40}")
        calls = found.get("calls")
        if not isinstance(calls, list):
            raise ValueError(f"expected a list at $.calls, found {type(calls).__name__}")
        return cls(
            handle=_text(found, "handle"),
            model=_text(found, "model"),
            fingerprint=_text(found, "fingerprint"),
            generate_ms=_duration(found.get("generate_ms"), "$.generate_ms"),
            signals_ms=_duration(found.get("signals_ms"), "$.signals_ms"),
            prompt_tokens=_count(found.get("prompt_tokens"), "$.prompt_tokens"),
            reply_tokens=_count(found.get("reply_tokens"), "$.reply_tokens"),
            prompt=_readings(found.get("prompt"), "$.prompt"),
            reply=_readings(found.get("reply"), "$.reply"),
            calls=tuple(_call(call, f"$.calls[{index}]") for index, call in enumerate(calls)),
        )


def _call(value: Any, path: str) -> CallSignals:
    found = _object(value, path, 4)
    tokens = found.get("tokens")
    if not isinstance(tokens, list) or len(tokens) != 2:
        raise ValueError(f"expected two positions at {path}.tokens")
    start, end = (_count(position, f"{path}.tokens") for position in tokens)
    if start >= end:
        raise ValueError(f"expected at least one token at {path}.tokens, found {start} to {end}")
    return CallSignals(
        tool=_text(found, "tool", path),
        digest=_text(found, "digest", path),
        tokens=(start, end),
        readings=_readings(found.get("readings"), f"{path}.readings"),
    )


def _readings_json(readings: Readings) -> dict[str, Any]:
    return {name: _measurement_json(reading) for name, reading in readings.items()}


def _measurement_json(reading: Measurement) -> dict[str, Any]:
    return {
        "value": _number_json(reading.value),
        "p_value": _number_json(reading.p_value),
        "evidence": dict(reading.evidence),
    }


def _number_json(value: float | Missing) -> float | dict[str, str]:
    return {"missing": value.reason[:MAX_TEXT]} if isinstance(value, Missing) else value


def _readings(value: Any, path: str) -> Readings:
    return {name: _measurement(reading, f"{path}.{name}") for name, reading in _object(value, path).items()}


def _measurement(value: Any, path: str) -> Measurement:
    found = _object(value, path, 3)
    return Measurement(
        value=_number(found.get("value"), f"{path}.value"),
        p_value=_number(found.get("p_value"), f"{path}.p_value"),
        evidence=_object(found.get("evidence"), f"{path}.evidence"),
    )


def _number(value: Any, path: str) -> float | Missing:
    if isinstance(value, dict) and set(value) == {"missing"} and isinstance(value["missing"], str):
        return Missing(value["missing"][:MAX_TEXT])
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"expected a number from 0 to 1, or what is missing, at {path}, found {value!r:.40}")
    return float(value)


def _object(value: Any, path: str, keys: int | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object at {path}, found {type(value).__name__}")
    if keys is not None and len(value) != keys:
        raise ValueError(f"expected {keys} fields at {path}, found {len(value)}")
    return value


def _text(found: Mapping[str, Any], key: str, path: str = "$") -> str:
    value = found.get(key)
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError(f"expected a text of at most {MAX_TEXT} characters at {path}.{key}")
    return value


def _count(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"expected a count at {path}, found {value!r:.40}")
    return value


def _duration(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        raise ValueError(f"expected milliseconds at {path}, found {value!r:.40}")
    return float(value)
