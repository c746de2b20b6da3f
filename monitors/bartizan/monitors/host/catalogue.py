"""Which probes a host has, whose they are, and whether they may be relied on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class ProbeInfo:
    """A probe of ``tenant`` ("" if it is everybody's). ``why`` says why it is not armed; it holds no text of users.

    ``fingerprint`` names the probe, and the model that it reads, by their content: two hosts with the same fingerprint
    measure the same.
    """

    name: str
    tenant: str = ""
    fingerprint: str = ""
    armed: bool = True
    why: str = ""


@runtime_checkable
class Catalogued(Protocol):
    """An engine that can name its probes. Called from the event loop: answers what is at hand, at once."""

    def probes(self) -> Sequence[ProbeInfo]: ...


class Catalogue:
    """Finds a tenant's probes. An engine that names none is asked for whatever it is asked for."""

    def __init__(self, engine: object) -> None:
        self._engine = engine if isinstance(engine, Catalogued) else None
        self._read: Sequence[ProbeInfo] = ()
        self._index: dict[tuple[str, str], ProbeInfo] = {}

    @property
    def known(self) -> bool:
        return self._engine is not None

    def of(self, tenant: str | None) -> list[ProbeInfo]:
        """The probes that a tenant may ask for; all of them for ``None``."""
        self._refresh()
        return [info for info in self._read if tenant is None or info.tenant in ("", tenant)]

    def find(self, tenant: str, name: str) -> ProbeInfo | None:
        """A tenant's own probe of that name, or else everybody's."""
        self._refresh()
        return self._index.get((tenant, name)) or self._index.get(("", name))

    def _refresh(self) -> None:
        if self._engine is None:
            return
        probes = self._engine.probes()
        if probes is not self._read:
            self._read = probes
            self._index = {(info.tenant, info.name): info for info in probes}
