"""An engine in any process, held up and broken by files in a folder; and what hosts of it are set up like."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from bartizan.monitors.host import Limits, WireLimits
from bartizan.monitors.host.catalogue import ProbeInfo
from bartizan.monitors.host.tenants import Tokens
from bartizan.monitors.types import Measurement, Query

from .engines import HashedEngine

ACME, GLOBEX, OPERATOR = "acme-token-0123456789", "globex-token-0123456789", "operator-token-0123456789"
TOKENS = Tokens.parse(f"acme {ACME}\nglobex {GLOBEX}\n* {OPERATOR}\n")
PROBES = (
    ProbeInfo("injection", fingerprint="f-shared"),
    ProbeInfo("drift", "acme", "f-acme"),
    ProbeInfo("drift", "globex", "f-globex", armed=False, why="100 of 299 benign episodes"),
)


class GatedEngine(HashedEngine):
    """Has a probe for everybody, one of acme's, and one of globex's that is not armed.

    A query that says "stop" waits until there is a file ``go``; "nan" is answered with none; a file ``broken`` makes
    the catalogue fail. What was measured is written down in ``seen``, its process in ``pid``.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        (folder / "pid").write_text(str(os.getpid()))
        torch.set_num_threads(1)

    def probes(self) -> tuple[ProbeInfo, ...]:
        if (self.folder / "broken").exists():
            raise RuntimeError("secret")
        return PROBES

    def measure(self, queries: Sequence[Query]) -> list[Measurement]:
        texts = [query.passages[-1].text for query in queries]
        with (self.folder / "seen").open("a") as file:
            file.writelines(f"{text}\n" for text in texts)
        if any("stop" in text for text in texts):
            while not (self.folder / "go").exists():
                time.sleep(0.005)
        return [
            Measurement(float("nan")) if "nan" in text else answer
            for text, answer in zip(texts, super().measure(queries), strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Setting:
    """A host's limits and tokens. Picklable: the host may be in another process."""

    limits: Limits = field(default_factory=lambda: Limits(timeout=30.0))
    tokens: Tokens | None = None
    wire: WireLimits = field(default_factory=WireLimits)


SETTINGS = {
    "roomy": Setting(tokens=TOKENS),
    "narrow": Setting(wire=WireLimits(max_body_bytes=2_000, max_body_wait=60.0, max_requests=2)),
    "impatient": Setting(Limits(timeout=0.1, stuck_after=0.1), wire=WireLimits(max_body_wait=0.2)),
}


@dataclass(frozen=True, slots=True)
class Running:
    """A host that runs somewhere, and the folder that its engine looks at."""

    address: str
    folder: Path

    def hold(self) -> None:
        """From now on "stop" stops."""
        (self.folder / "go").unlink(missing_ok=True)
        (self.folder / "seen").write_text("")

    def go(self) -> None:
        (self.folder / "go").touch()

    def seen(self) -> list[str]:
        return (self.folder / "seen").read_text().splitlines()
