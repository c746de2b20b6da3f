"""``bartizan serve``: the guard as a service beside its agents."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bartizan.guard import BartizanError
from bartizan.policies import PolicyError
from bartizan.policies.diagnostics import visible
from bartizan.policies.lean.certificates.levels import Level

from .console import err, give_up

Require = Annotated[
    Level | None,
    typer.Option(
        "--require", help="The level that the certificate of every policy must reach.", show_default=False
    ),
]


def serve(
    config: Annotated[Path, typer.Option("--config", "-c", help="The service's configuration (YAML).")],
    check: Annotated[
        bool, typer.Option("--check", help="Read the configuration, its policies, secrets and keys, and end.")
    ] = False,
    require: Require = None,
) -> None:
    """Serve decisions, approvals and the page over HTTP; see docs/operations.md."""
    try:
        from bartizan.integrations.sidecar.config import load_config
        from bartizan.integrations.sidecar.serve import serve as run
        from bartizan.integrations.sidecar.service import Service
        from bartizan.monitors.listening import CannotServe
    except ImportError as error:
        give_up(f'{error}: install the extra: pip install "bartizan[sidecar]"')
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        if check:
            Service.check(load_config(config).requiring(require))
            err.print(
                "The configuration can be used. Not opened: addresses, stores, logs, hosts of monitors."
            )
        else:
            run(config, _announce, require)
    except PolicyError as error:
        give_up(str(error), 1)
    except (BartizanError, CannotServe, OSError, ImportError) as error:
        give_up(str(error))


def _announce(addresses: Sequence[str]) -> None:
    for address in addresses:
        err.print(f"Serving on {visible(address)}", markup=False)
