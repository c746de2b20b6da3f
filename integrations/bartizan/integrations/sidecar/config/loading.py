"""Reading a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bartizan.policies import PolicyError, Source
from bartizan.policies.document.loading import plain
from bartizan.policies.document.source import MAX_BYTES, parse_yaml

from .fields import ConfigError
from .service import ServiceConfig


def load_config(path: str | Path) -> ServiceConfig:
    """The configuration in a file; relative paths in it are relative to it. Raises :class:`ConfigError`.

    It is read as strictly as a policy is: a key that stands twice is a mistake, not the last one that counts.
    """
    file = Path(path)
    try:
        with file.open("rb") as opened:
            found = opened.read(MAX_BYTES + 1)
        body = plain(parse_yaml(Source.decode(str(file), found)))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except PolicyError as error:
        raise ConfigError(str(error)) from error
    return parse_config(body, file.parent, str(file))


def parse_config(body: Any, base: Path, name: str = "configuration") -> ServiceConfig:
    """The configuration of a parsed document. Raises :class:`ConfigError` that names each wrong field."""
    if not isinstance(body, Mapping):
        raise ConfigError(f"{name}: expected a mapping with tenants and tokens")
    try:
        config = ServiceConfig.model_validate(body, context={"base": base})
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise ConfigError("\n".join(f"{name}: {_line(each)}" for each in found)) from error
    tenants = {name: tenant.beside(base) for name, tenant in config.tenants.items()}
    return config.model_copy(update={"tenants": tenants})


def _line(found: Mapping[str, Any]) -> str:
    place = ".".join(map(str, found["loc"])) or "the document"
    return f"{place}: {found['msg'].removeprefix('Value error, ')}"
