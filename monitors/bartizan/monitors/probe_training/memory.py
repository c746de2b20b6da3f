"""Finished work in a folder, so that a run that was cut off goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..replacing import replace_text
from .examples import Example


class Memory:
    """JSON documents by what they are the result of. Written whole or not at all. Without a folder: kept in memory.

    It knows examples, settings and seeds, but not the code: remove the folder when that has changed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._kept: dict[str, Any] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def of(self, key: Mapping[str, Any], make: Callable[[], Any]) -> Any:
        """What was made for this key, or what ``make`` makes now, as JSON gives it back."""
        text = json.dumps(key, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:24]
        if name in self._kept:
            return self._kept[name]
        file = None if self._folder is None else self._folder / f"{name}.json"
        if file is not None and file.exists():
            document = json.loads(file.read_text(encoding="utf-8"))
        else:
            document = json.loads(json.dumps({"of": key, "found": make()}))  # the same types as after reading
            if file is not None:
                replace_text(file, json.dumps(document))
        self._kept[name] = document["found"]
        return document["found"]


def digest(examples: Sequence[Example]) -> str:
    """Stands for the examples: other texts, roles or activations have another one."""
    found = hashlib.sha256()
    for e in examples:
        marks = [
            None if part is None else np.packbits(part).tobytes().hex() for part in (e.mask_T, e.injected_T)
        ]
        found.update(
            repr((e.label, e.source, e.family, e.role, e.hard, e.words, e.x_TD.shape, marks)).encode()
        )
        found.update(np.ascontiguousarray(e.x_TD).tobytes())
        if e.before_D is not None:
            found.update(np.ascontiguousarray(e.before_D).tobytes())
    return found.hexdigest()[:24]
