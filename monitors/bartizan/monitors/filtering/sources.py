"""Where the tokens of a sample come from: texts in two channels, read by a reader (images: :mod:`.images`).

T tokens, D d_in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from bartizan.monitors.capture import HookPoint
from bartizan.monitors.errors import ReaderError
from bartizan.monitors.reader import Reader

from .errors import MalformedSample


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """x_TD and, by token, the channel: 0, 1, or -1 for what belongs to neither (and is not counted)."""

    x_TD: Tensor
    channel_T: Tensor


class TokenSource(Protocol):
    channels: tuple[str, str]

    def read(self, row: Mapping[str, Any]) -> Tokens:
        """The tokens of a row. Raises :class:`MalformedSample`."""
        ...

    def identity(self) -> dict[str, Any]:
        """JSON that changes when the numbers would: a run resumes only under the same."""
        ...


class TextChannels:
    """Rows ``{"passages": [{"channel": "user", "text": "..."}, ...]}`` or ``{"user": "...", "result": "..."}``.

    Passages of other channels are read by nobody. Each passage is read by itself.
    """

    def __init__(
        self, reader: Reader, hook_point: HookPoint, channels: tuple[str, str] = ("user", "result")
    ) -> None:
        self.channels = channels
        self._reader, self._hook_point = reader, hook_point

    def identity(self) -> dict[str, Any]:
        return {
            "kind": "text",
            "channels": list(self.channels),
            "hook_point": str(self._hook_point),
            "fingerprint": self._reader.fingerprint.json(),
        }

    def read(self, row: Mapping[str, Any]) -> Tokens:
        passages = self._passages(row)
        readings = self._reader.read([text for _, text in passages], {self._hook_point: None})
        parts, channels = [], []
        for (channel, _), reading in zip(passages, readings, strict=True):
            if isinstance(reading, ReaderError):
                raise MalformedSample(f"channel {self.channels[channel]!r}: {reading}")
            x_TD = reading.numbers[self._hook_point]
            if len(x_TD):
                parts.append(x_TD)
                channels.append(torch.full((len(x_TD),), channel))
        if not parts:
            raise MalformedSample("holds no token")
        return Tokens(torch.cat(parts), torch.cat(channels))

    def _passages(self, row: Mapping[str, Any]) -> list[tuple[int, str]]:
        if "passages" in row:
            given = row["passages"]
            if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
                raise MalformedSample("passages: expected a list of objects with channel and text")
            pairs = [(one.get("channel"), one.get("text")) for one in given]
        else:
            pairs = [(channel, row[channel]) for channel in self.channels if channel in row]
        found = [(self.channels.index(channel), text) for channel, text in pairs if channel in self.channels]
        if not found:
            raise MalformedSample(
                f"expected passages, or text under {' or '.join(self.channels)}, found neither"
            )
        for channel, text in found:
            if not isinstance(text, str):
                raise MalformedSample(
                    f"channel {self.channels[channel]!r}: expected text, found {type(text).__name__}"
                )
        return found
