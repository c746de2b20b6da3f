"""What all parts of the configuration are made of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, model_validator

from bartizan.guard import BartizanError


class ConfigError(BartizanError):
    """The configuration cannot be used: which field, what was expected, what to do."""


class Model(BaseModel):
    """Refuses fields that it does not know, and repeats no value in an error: it may be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


def _beside(path: Path, info: ValidationInfo) -> Path:
    base: Path | None = (info.context or {}).get("base")
    return base / path if base is not None else path


File = Annotated[Path, AfterValidator(_beside)]
"""A file, relative to the configuration's."""


class Secret(Model):
    """A secret's place: exactly one of ``file`` and ``env``."""

    file: File | None = None
    env: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Secret:
        if (self.file is None) == (self.env is None):
            raise ValueError("expected exactly one of file and env")
        return self

    def read(self) -> bytes:
        """Raises :class:`ConfigError`. The end of a file's last line is not part of the secret."""
        try:
            found = self.file.read_bytes().rstrip(b"\r\n") if self.file else os.environb[_name(self.env)]
        except KeyError:
            raise ConfigError(
                f"a secret is not where it should be: no variable {self.env!r} is set"
            ) from None
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"a secret is not where it should be: {self.file or self.env!r}: {error}"
            ) from error
        if not found:
            raise ConfigError(f"a secret is empty: {self.file or self.env}")
        return found


def _name(variable: str | None) -> bytes:
    return os.fsencode(variable or "")
