"""Reading a configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bartizan.integrations.assembly import REDIS
from bartizan.policies import PolicyError, Source
from bartizan.policies.document.loading import plain
from bartizan.policies.document.source import MAX_BYTES, parse_yaml

from .fields import ConfigError, Secret
from .service import ServiceConfig
from .tenant import Tenant

_SECRET = "{file: where it stands} or {env: VARIABLE}"


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
    tenants = {each: tenant.beside(base) for each, tenant in config.tenants.items()}
    _apart(tenants, name)
    return config.model_copy(update={"tenants": tenants})


def _apart(tenants: Mapping[str, Tenant], name: str) -> None:
    """Raises :class:`ConfigError` for a file of sessions, or a log, of two tenants. In a Redis their keys differ."""
    owners: dict[str, str] = {}
    for each, tenant in tenants.items():
        for field, where in (("store", tenant.store), ("audit", tenant.audit)):
            if where is None or str(where).startswith(REDIS):
                continue
            with suppress(ValueError):  # no path at all: who opens it says so
                owner = owners.setdefault(os.path.realpath(where), each)
                if owner != each:
                    raise ConfigError(
                        f"{name}: tenants.{each}.{field}: expected one of its own, found that of {owner!r}"
                    )


def _line(found: Mapping[str, Any]) -> str:
    place = ".".join(map(str, found["loc"])) or "the document"
    said = found["msg"].removeprefix("Value error, ")
    if found["type"] == "model_type":  # its words are about classes of ours
        said = f"expected {_SECRET if said.endswith(Secret.__name__) else 'a mapping of fields'}"
    elif found["type"] == "extra_forbidden":
        said = "there is no such field here"
    return f"{place}: {said}"
