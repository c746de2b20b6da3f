"""Where the tokens of a sample come from: a reader of texts in two channels, or a vision-language model.

T tokens, D d_in, B batch (always 1 here: a sample's numbers must not depend on its neighbours').
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from bartizan.monitors.capture import CaptureError, HookPoint, Tap, image_mask
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


class TextAndImages:
    """Rows ``{"text": "<image> ...", "images": ["a.png", ...]}`` read by a Hugging Face vision-language model.

    ``processor`` is the model's own: it turns text and images into inputs, with one token a patch. Image paths are
    relative to ``folder`` and may not leave it. Special tokens belong to neither channel.
    """

    channels = ("text", "image")

    def __init__(self, model: Any, processor: Any, hook_point: HookPoint, *, folder: str | Path) -> None:
        self._model, self._processor, self._hook_point = model.eval(), processor, hook_point
        self._folder = Path(folder).resolve()
        self._special = sorted(set(getattr(processor.tokenizer, "all_special_ids", [])))

    def identity(self) -> dict[str, Any]:
        from bartizan.monitors.capture import fingerprint

        found = fingerprint(self._model, self._processor.tokenizer).json()
        return {"kind": "text and images", "hook_point": str(self._hook_point), "fingerprint": found}

    @torch.inference_mode()
    def read(self, row: Mapping[str, Any]) -> Tokens:
        text, paths = row.get("text"), row.get("images", [])
        if not isinstance(text, str) or not isinstance(paths, list):
            raise MalformedSample("expected text, and images as a list of paths")
        images = [self._image(path) for path in paths]
        try:
            inputs = self._processor(text=[text], images=images or None, return_tensors="pt").to(
                self._model.device
            )
        except (ValueError, TypeError, IndexError, RuntimeError) as error:
            raise MalformedSample(f"the processor refuses it: {error}") from error
        ids_BT = inputs["input_ids"]
        try:
            with Tap(self._model, {self._hook_point: None}) as tap:
                self._model(**inputs)
            x_TD = tap.take(inputs.get("attention_mask", torch.ones_like(ids_BT)))[self._hook_point][
                0
            ].float()
        except (ValueError, RuntimeError, IndexError, CaptureError) as error:
            raise MalformedSample(f"the model cannot read it: {error}") from error
        image_T = image_mask(self._model, ids_BT)[0]
        special_T = torch.isin(ids_BT[0], torch.tensor(self._special, device=ids_BT.device)) & ~image_T
        channel_T = torch.where(special_T, -1, image_T.long())
        return Tokens(x_TD.cpu(), channel_T.cpu())

    def _image(self, name: object) -> Any:
        from PIL import Image  # comes with a model's image processor

        if not isinstance(name, str):
            raise MalformedSample(f"images: expected paths, found {type(name).__name__}")
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder):
            raise MalformedSample(f"image {name!r:.120}: leaves the folder of images")
        try:
            with Image.open(path) as image:
                return image.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise MalformedSample(f"image {name!r:.120}: {error}") from error
