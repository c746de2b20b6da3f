"""Models from a folder in Hugging Face's layout, or from a hub: safetensors only, no remote code, every weight there.

A weight that a checkpoint lacks would be made up at random, with no more than a warning: what is then measured is
nobody's model. So it is refused, but for poolers, which stand behind every hook point.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from .errors import MonitorError

NAMED = 3
"""So many of the weights that are missing are named."""

LONGEST = 400
"""So much of what a library says is repeated."""


class CannotLoad(MonitorError):
    """A model, tokenizer or processor that cannot be loaded; the message says why, and not from where."""


def load_model(kind: Any, source: str | Path, *, device: str | None = None, **options: Any) -> Any:
    """A model by ``kind.from_pretrained`` (an auto class of transformers). Raises :class:`CannotLoad`."""
    model, info = load_part(
        kind, source, use_safetensors=True, ignore_mismatched_sizes=True, output_loading_info=True, **options
    )
    if sizes := sorted(str(key) for key, *_ in info["mismatched_keys"]):
        raise CannotLoad(
            f"weights of another size than the configuration says: {_some(sizes)}; files of two models?"
        )
    if missing := sorted(key for key in info["missing_keys"] if "pooler" not in key.split(".")):
        raise CannotLoad(
            f"weights are missing: {_some(missing)}; they would be made up at random: fetch the rest"
        )
    try:
        return model.to(device) if device is not None else model
    except (RuntimeError, AssertionError, ValueError) as error:
        raise CannotLoad(f"it cannot be brought to the device {device!r:.40}: {_short(error)}") from error


def load_tokenizer(source: str | Path, **options: Any) -> Any:
    """A tokenizer. Where its files are missing, transformers makes one without words: :class:`CannotLoad`."""
    tokenizer = load_part(AutoTokenizer, source, **options)
    if not set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens):
        raise CannotLoad("the tokenizer has no words: fetch its files (tokenizer.json), too")
    return tokenizer


def load_part(kind: Any, source: str | Path, **options: Any) -> Any:
    """Whatever ``kind.from_pretrained`` makes of a folder or hub name. Raises :class:`CannotLoad`."""
    text = str(source)
    if text.startswith((".", "/", "~")) and not Path(text).is_dir():
        raise CannotLoad("there is no such folder")  # and no hub needs to be asked
    try:
        return kind.from_pretrained(source, trust_remote_code=False, **options)
    except Exception as error:  # a damaged file may lead transformers to any exception at all
        raise CannotLoad(_short(error) or type(error).__name__) from error


def _some(keys: list[str]) -> str:
    more = len(keys) - NAMED
    return ", ".join(keys[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
