"""What goes wrong with a sparse autoencoder, and where.

::

    SAEError
    ├── InvalidConfig      a configuration that means no autoencoder
    ├── InvalidTensors     tensors that do not fit the configuration: missing, extra, wrong shape, not finite
    ├── InvalidInput       activations that this autoencoder cannot read
    └── FormatError        something on disk (bartizan.monitors.formats)
        ├── UnknownFormat  no reader knows these files
        └── MalformedFile  a reader knows them, and they are not what their format says
"""

from __future__ import annotations

from pathlib import Path

from bartizan.guard.errors import BartizanError


class SAEError(BartizanError):
    """The root of what this package raises on purpose."""


class InvalidConfig(SAEError):
    """A configuration that means no autoencoder."""


class InvalidTensors(SAEError):
    """Tensors that do not fit the configuration."""


class InvalidInput(SAEError):
    """Activations that this autoencoder cannot read: wrong width, wrong type."""


class FormatError(SAEError):
    """``path`` cannot be read: ``problem`` says what was expected there and what was found."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class UnknownFormat(FormatError):
    """No reader knows these files."""


class MalformedFile(FormatError):
    """The format is known, and the file is not what the format says."""
