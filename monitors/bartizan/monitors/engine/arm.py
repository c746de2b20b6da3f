"""Whether a probe may be relied on with the model that is here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bartizan.guard.canonical import canonical_json

from ..capture import HookPoint, Incomplete, UnknownHookPoint
from ..host import reasons
from ..probes.errors import FingerprintMismatch
from ..probes.probe import Probe
from ..reader import Reader, Reading

UNKNOWN_HOOK_POINT = "unknown hook point"
WRONG_WIDTH = "wrong width"
NOT_FINITE = "weights not finite"
INCOMPLETE = "activations incomplete"


@dataclass(frozen=True, slots=True)
class Refused:
    """``reason`` in a word or two, for ``Missing``; ``why`` in a sentence, for whoever runs the host."""

    reason: str
    why: str


def widths(reader: Reader, points: set[HookPoint]) -> dict[HookPoint, int | Refused]:
    """How wide the activations are at each hook point: found by reading a word."""
    return {point: _width(reader, point) for point in points}


def _width(reader: Reader, point: HookPoint) -> int | Refused:
    try:
        (found,) = reader.read(["a"], {point: None})
    except UnknownHookPoint as error:
        return Refused(UNKNOWN_HOOK_POINT, str(error))
    except Incomplete as error:
        return Refused(INCOMPLETE, str(error))
    assert isinstance(found, Reading)  # a reader that cannot read the letter a is not made
    return found.numbers[point].shape[-1]


def refusal(probe: Probe, reader: Reader, width: int | Refused) -> Refused | None:
    """Why the probe is not armed; None if it is."""
    try:
        probe.arm(reader.fingerprint)
    except FingerprintMismatch as error:
        return Refused(reasons.WRONG_FINGERPRINT, str(error))
    if isinstance(width, Refused):
        return width
    if probe.head.config.d_in != width:
        return Refused(
            WRONG_WIDTH,
            f"probe {probe.name!r} reads activations of width {probe.head.config.d_in}, and {probe.hook_point} "
            f"has {width}",
        )
    if not all(tensor.isfinite().all() for tensor in probe.head.state_dict().values()):
        return Refused(NOT_FINITE, f"probe {probe.name!r} has weights that are not finite: load it again")
    return None


def identity(probe: Probe, reader: Reader) -> str:
    """Names probe and model by their content: head, hook point, calibration, what is shown, and what is read."""
    calibration = None if probe.calibration is None else probe.calibration.model_dump(mode="json")
    content = {
        "head": probe.head.digest().hex(),
        "hook_point": str(probe.hook_point),
        "reads": list(probe.card.reads),
        "scripts": list(probe.card.scripts),
        "display": probe.card.display.model_dump(mode="json"),
        "calibration": calibration,
        "reader": reader.fingerprint.json(),
    }
    return hashlib.sha256(canonical_json(content)).hexdigest()
