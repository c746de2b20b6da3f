"""What goes wrong with probes, on purpose.

::

    BartizanError
    └── ProbeError
        ├── BadActivations          activations or states of another shape, type or head
        ├── BadTrainingData         examples that nothing can be learned or measured from
        ├── BadCard                 a card or a weights file that cannot be trusted: names the file and the field
        └── FingerprintMismatch     the probe was trained on another model, tokenizer or template

A single sequence that cannot be scored is no exception (it must not spoil the others of its batch): its logit is
NaN, and its measurement ``Missing``.
"""

from __future__ import annotations

from collections.abc import Sequence

from bartizan.guard.errors import BartizanError


class ProbeError(BartizanError):
    """The root of what this package raises."""


class BadActivations(ProbeError):
    """Activations, numbers or states that this head cannot read."""


class BadTrainingData(ProbeError):
    """Examples that nothing can be learned or measured from."""


class BadCard(ProbeError):
    """A probe on disk that cannot be trusted. ``file`` is the file and ``field`` the place in it."""

    def __init__(self, file: str, field: str, problem: str) -> None:
        self.file = file
        self.field = field
        super().__init__(f"{file}: {field}: {problem}" if field else f"{file}: {problem}")


class FingerprintMismatch(ProbeError):
    """The model at hand is not the one that the probe was trained on. ``differences`` says where."""

    def __init__(self, probe: str, differences: Sequence[str]) -> None:
        self.probe = probe
        self.differences = tuple(differences)
        super().__init__(
            f"probe {probe!r} was trained on another model and is not armed: {'; '.join(self.differences)}; "
            "load the model that the card names, or train and calibrate the probe on this one"
        )
