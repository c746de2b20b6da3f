"""``bartizan monitors``: serve probes and models, filter data, audit checkpoints, show a probe's card.

serve     a reader model with probes; with ``--chat``, a chat model with signals of its own activations
on_ray    the same reader model in replicas, on Ray Serve
filter    rows of data by what their features mean in two channels
audit     a tuned checkpoint against its base
card      a probe's card
options   what these commands have in common
"""

from __future__ import annotations

import typer

from . import audit, card, filter, serve

app = typer.Typer(help="Signals from model activations.", no_args_is_help=True)
app.command("serve")(serve.serve)
app.command("filter")(filter.filter_rows)
app.command("audit")(audit.audit)
app.command("card")(card.card)

__all__ = ["app"]
