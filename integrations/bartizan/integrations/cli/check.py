"""``bartizan check`` and ``bartizan test``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bartizan.policies import CaseResult, PolicyError, load_policy, run_tests

from .console import declared_tools, err, give_up, out, program_of

Files = Annotated[list[Path], typer.Argument(help="Policy files, or names of packs.", show_default=False)]
Tools = Annotated[Path | None, typer.Option("--tools", help="A file that declares further tools.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def check(policies: Files, tools: Tools = None, as_json: Json = False) -> None:
    """Load policies and say what is wrong with them, with the place."""
    results = []
    for path in policies:
        try:
            program = load_policy(path, declared_tools(tools))
        except PolicyError as error:
            problems = [
                {"code": d.code, "message": d.message, "help": d.help, "line": line, "column": column}
                for d in error.diagnostics
                for line, column in [error.source.position(d.span.start)]
            ]
            results.append({"policy": str(path), "ok": False, "problems": problems})
            if not as_json:
                err.print(str(error), markup=False)
            continue
        except OSError as error:
            give_up(f"cannot read {path}: {error.strerror or error}")
        counts = f"{len(program.tools)} tools, {len(program.policy.rules)} rules"
        results.append({"policy": str(path), "ok": True, "name": program.name, "hash": program.hash})
        if not as_json:
            out.print(
                f"[green]ok[/] {escape(str(path))}: {program.name}, {counts}, policy {program.hash[:12]}"
            )
    if as_json:
        out.print_json(json.dumps(results))
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


def test(policies: Files, tools: Tools = None, as_json: Json = False) -> None:
    """Run the tests that policies carry."""
    found: list[tuple[str, CaseResult]] = []
    for path in policies:
        program = program_of(path, tools)
        found += [(str(path), result) for result in run_tests(program)]
    failed = [result for _, result in found if not result.passed]
    if as_json:
        out.print_json(json.dumps([{"policy": p, "name": r.name, "passed": r.passed, "expected": r.expected,
                                    "found": r.found} for p, r in found]))  # fmt: skip
    else:
        for path_, result in found:
            mark = "[green]pass[/]" if result.passed else "[red]FAIL[/]"
            out.print(f"{mark} {escape(path_)}: {escape(result.name)}")
            if not result.passed:
                out.print(f"     expected {escape(result.expected)}\n     found    {escape(result.found)}")
        out.print(f"{len(found) - len(failed)} passed, {len(failed)} failed")
    if failed:
        raise typer.Exit(1)
