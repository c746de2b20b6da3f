"""Text and images, read by a vision-language model. Files of images are as hostile as any.

T tokens, D d_in, B batch (always 1 here: a sample's numbers must not depend on its neighbours').
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch

from bartizan.monitors.capture import CaptureError, HookPoint, Tap, fingerprint, image_mask
from bartizan.monitors.loading import CannotLoad, load_model, load_part

from .errors import FilterError, MalformedSample
from .sources import Tokens

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Formats that are decoded. Others that Pillow knows start programs (EPS) or fetch further files."""

MOST_PIXELS = 1 << 26
"""Of an image: 8,192 x 8,192, which is 200 MB when decoded."""

MOST_IMAGES = 64
"""Of a row."""

LONGEST = 400_000
"""Characters of a text."""


class TextAndImages:
    """Rows ``{"text": "<image> ...", "images": ["a.png", ...]}`` read by a Hugging Face vision-language model.

    ``"image": "a.png"`` stands for a single one. ``processor`` is the model's own: it turns text and images into
    inputs, with one token a patch. The text has the processor's placeholder where each image belongs. Paths are
    relative to ``folder`` and may not leave it; of an animation the first picture is read. Special tokens belong to
    neither channel.
    """

    channels = ("text", "image")

    def __init__(self, model: Any, processor: Any, hook_point: HookPoint, *, folder: str | Path) -> None:
        self._model, self._processor, self._hook_point = model.eval(), processor, hook_point
        self._folder = Path(folder).resolve()
        self._special = sorted(set(getattr(processor.tokenizer, "all_special_ids", [])))
        text = model.config.get_text_config()
        self._room: int | None = getattr(text, "max_position_embeddings", None)
        self._placeholder: str = getattr(processor, "image_token", None) or "the image placeholder"

    @classmethod
    def load(
        cls,
        model: str | Path,
        hook_point: HookPoint,
        *,
        folder: str | Path,
        device: str | None = None,
    ) -> Self:
        """With a model and its processor from a folder in Hugging Face's layout: safetensors only, no remote code.

        Raises :class:`FilterError` if there is no vision-language model in it, or no processor of images.
        """
        from transformers import AutoModelForImageTextToText, AutoProcessor

        if not Path(model).is_dir():
            raise FilterError(f"{model}: expected the folder of a vision-language model, found none")
        try:
            processor = load_part(AutoProcessor, model)
            if not hasattr(processor, "image_processor") or not hasattr(processor, "tokenizer"):
                raise CannotLoad(f"expected a processor of text and images, found {type(processor).__name__}")
            loaded = load_model(AutoModelForImageTextToText, model, device=device)
            image_mask(loaded, torch.zeros(1, 1, dtype=torch.long))  # a model without images is told now
        except (CannotLoad, CaptureError) as error:
            raise FilterError(f"cannot load a vision-language model from {str(model)!r}: {error}") from error
        return cls(loaded, processor, hook_point, folder=folder)

    def identity(self) -> dict[str, Any]:
        found = fingerprint(self._model, self._processor.tokenizer).json()
        return {"kind": "text and images", "hook_point": str(self._hook_point), "fingerprint": found}

    @torch.inference_mode()
    def read(self, row: Mapping[str, Any]) -> Tokens:
        text, paths = row.get("text"), row.get("images", [row["image"]] if "image" in row else [])
        if not isinstance(text, str) or not isinstance(paths, list) or {"image", "images"} <= row.keys():
            raise MalformedSample("expected text, and images as a list of paths, or image as one path")
        if len(text) > LONGEST or len(paths) > MOST_IMAGES:
            raise MalformedSample(
                f"expected at most {LONGEST:,} characters and {MOST_IMAGES} images, found {len(text):,} and "
                f"{len(paths):,}"
            )
        inputs = self._inputs(text, [self._image(path) for path in paths])
        ids_BT = inputs["input_ids"]
        if self._room is not None and ids_BT.shape[1] > self._room:
            raise MalformedSample(
                f"{ids_BT.shape[1]:,} tokens do not fit into the model's {self._room:,} positions"
            )
        image_T = image_mask(self._model, ids_BT)[0]
        if paths and not image_T.any():
            raise MalformedSample(
                f"its images have no place: write {self._placeholder!r} into the text where each of them belongs"
            )
        try:
            with Tap(self._model, {self._hook_point: None}) as tap:
                self._model(**inputs)
            x_TD = tap.take(inputs.get("attention_mask", torch.ones_like(ids_BT)))[self._hook_point][0]
        except (ValueError, RuntimeError, IndexError, CaptureError) as error:
            raise MalformedSample(f"the model cannot read it: {error}") from error
        special_T = torch.isin(ids_BT[0], torch.tensor(self._special, device=ids_BT.device)) & ~image_T
        channel_T = torch.where(special_T, -1, image_T.long())
        return Tokens(x_TD.float().cpu(), channel_T.cpu())

    def _inputs(self, text: str, images: list[Any]) -> Any:
        try:
            inputs = self._processor(text=[text], images=images or None, return_tensors="pt")
            return inputs.to(self._model.device)
        except Exception as error:  # processors meet what they do not expect with whatever comes of it
            raise MalformedSample(
                f"the processor refuses it ({error}): write {self._placeholder!r} once for each image"
            ) from error

    def _image(self, name: object) -> Any:
        if not isinstance(name, str):
            raise MalformedSample(f"images: expected paths, found {type(name).__name__}")
        try:
            path = (self._folder / name).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # a NUL, half a character, links in a circle
            raise MalformedSample(f"image {name!r:.120}: names no file") from error
        try:
            if not path.is_relative_to(self._folder):
                raise MalformedSample(f"image {name!r:.120}: leaves the folder of images")
            if not path.is_file():  # a pipe would be waited for
                what = "another thing than a file" if path.exists() else "nothing"
                raise MalformedSample(f"image {name!r:.120}: expected a file, found {what}")
            return _decoded(path)
        except MalformedSample:
            raise
        except Exception as error:  # a hostile name or file may lead to any exception at all
            raise MalformedSample(f"image {name!r:.120}: {_reason(error)}") from error


def _decoded(path: Path) -> Any:
    from PIL import Image  # comes with a model's image processor

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise ValueError(f"{width} x {height} are more than {MOST_PIXELS:,} pixels")
            return image.convert("RGB")


def _reason(error: BaseException) -> str:
    """In our words where Pillow's would show the whole path."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return f"is no image that is read here ({', '.join(FORMATS)})"
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"has more than {MOST_PIXELS:,} pixels"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
