"""What all parts of the configuration are made of."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from bartizan.guard import BartizanError


class ConfigError(BartizanError):
    """The configuration cannot be used: which field, what was expected, what to do."""


class Model(BaseModel):
    """Refuses fields that it does not know, and repeats no value in an error: it may be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Secret(Model):
    """A secret's place: exactly one of ``file`` and ``env``."""

    file: Path | None = None
    env: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Secret:
        if (self.file is None) == (self.env is None):
            raise ValueError("expected exactly one of file and env")
        return self

    def read(self) -> bytes:
        """Raises :class:`ConfigError`. The end of a file's last line is not part of the secret."""
        try:
            found = (
                self.file.read_bytes().rstrip(b"\r\n")
                if self.file
                else os.environb[(self.env or "").encode()]
            )
        except (OSError, KeyError) as error:
            raise ConfigError(
                f"a secret is not where it should be: {self.file or self.env}: {error}"
            ) from error
        if not found:
            raise ConfigError(f"a secret is empty: {self.file or self.env}")
        return found
