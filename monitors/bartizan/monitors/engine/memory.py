"""Measurements of texts that were seen before: agents read the same file twice, and each turn repeats the last."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import replace

from bartizan.guard.types import Missing

from ..types import Measurement

Key = tuple[tuple[str, str], bytes, str]
"""Whose probe, the digest of the text, the tool."""


class Memory:
    """The latest measurements, at most ``size`` of them. What is missing is not kept. One thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Key, Measurement] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key) -> Measurement | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: Key, measurement: Measurement) -> None:
        if self._size > 0 and not isinstance(measurement.value, Missing):
            remembered = {name: value for name, value in measurement.evidence.items() if name != "reader_ms"}
            self._kept[key] = replace(measurement, evidence={**remembered, "remembered": True})
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
