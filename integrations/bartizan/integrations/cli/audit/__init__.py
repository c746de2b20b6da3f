"""``bartizan audit``: verify, query, index, export and prune the audit log, and make keys to sign it with."""

from __future__ import annotations

import typer

from . import export, index, keys, prune, query, verify

app = typer.Typer(help="The audit log.", no_args_is_help=True)
app.command("verify")(verify.verify_log)
app.command("query")(query.query_log)
app.command("index")(index.index_logs)
app.command("export")(export.export_log)
app.command("prune")(prune.prune_log)
app.command("keygen")(keys.keygen)

__all__ = ["app"]
