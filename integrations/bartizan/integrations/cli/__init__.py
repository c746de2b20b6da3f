"""The command ``bartizan``. This is where the rooms are put together; nothing imports it.

Exit codes: 0 for yes (valid, passed, allowed, intact), 1 for no, 2 for bad usage or an input that cannot be used.
"""

from __future__ import annotations

import io
import sys

import typer

from . import (
    audit,
    certify,
    check,
    demo,
    diff,
    explain,
    hook,
    lint,
    monitors,
    prove,
    proxy,
    replay,
    serve,
    stages,
    suggest,
    tools,
)

app = typer.Typer(
    help="Guard AI agents: write policies, test and prove them, explain decisions, verify the audit log.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("check")(check.check)
app.command("test")(check.test)
app.command("explain")(explain.explain)
app.command("lint")(lint.lint)
app.command("prove")(prove.prove)
app.command("certify")(certify.certify)
app.command("import-lean")(certify.import_lean)
app.command("stages")(stages.stages)
app.command("diff")(diff.diff)
app.command("schema")(tools.schema)
app.command("replay")(replay.replay)
app.command("proxy")(proxy.proxy)
app.command("serve")(serve.serve)
app.command("demo", context_settings=demo.PASS_ON)(demo.demo)
app.add_typer(tools.app, name="tools")
app.add_typer(suggest.app, name="suggest")
app.add_typer(audit.app, name="audit")
app.add_typer(hook.app, name="hook")
app.add_typer(monitors.app, name="monitors")


def main() -> None:
    """The console script. What a terminal has no letter for is shown by its number."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()


__all__ = ["app", "main"]
