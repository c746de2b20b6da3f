"""``bartizan monitors filter``: rows of texts in two channels, or of text and images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bartizan.policies.diagnostics import visible

from ..console import err, give_up, out
from .options import (
    NEEDED,
    AsJson,
    Autoencoder,
    Device,
    Embedded,
    Features,
    Place,
    ReaderFolder,
    needs,
    reader_of,
    telling,
)

if TYPE_CHECKING:  # torch, which the other commands do without
    from bartizan.monitors.capture import HookPoint
    from bartizan.monitors.filtering import TokenSource

TOLD = 5
"""So many of the rows that cannot be read are told; all of them are in malformed.jsonl."""


def filter_rows(
    data: Annotated[
        Path,
        typer.Argument(
            help="JSON lines: user and result, or passages; with --vlm, text and images.", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option("--out", "-o", help="A folder for the kept rows and the report.")],
    sae: Autoencoder,
    hook_point: Place,
    reader: ReaderFolder = None,
    embedded: Embedded = False,
    vlm: Annotated[
        Path | None,
        typer.Option(
            "--vlm", help="The folder of a vision-language model: rows are text and images beside the data."
        ),
    ] = None,
    feature: Features = None,
    fraction: Annotated[float, typer.Option(help="The share of rows to keep.")] = 0.5,
    injection: Annotated[
        bool, typer.Option("--injection", help="Show which features tell injections, and keep no rows.")
    ] = False,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Keep the rows whose features mean the same in both channels (SAE-V), or find features that tell injections.

    A run that was cut off goes on where it was. Rows that cannot be read are counted, told, and kept aside with their
    line numbers. Exit code 0: done, whatever the rows are like; 2: what was given cannot be used.
    """
    needs(*NEEDED)
    if vlm is not None:
        if reader is not None or embedded:
            give_up("--vlm reads text and images itself: leave --reader and --embedded out")
        needs("PIL", extra="train")
    with telling():
        from bartizan.monitors import filtering, formats  # on use: torch
        from bartizan.monitors.capture import HookPoint

        source = _source(data, HookPoint.parse(hook_point), reader, embedded, vlm, device)
        encoder = formats.load(sae)
        if injection:
            verdicts, unread = filtering.injection_features(
                data, source=source, sae=encoder, features=feature
            )
            found = {"features": [asdict(one) for one in verdicts], "malformed": unread}
            table = filtering.feature_table(verdicts)
            number, first = len(unread), unread[:TOLD]
        else:
            report = filtering.filter_data(
                data, output, source=source, sae=encoder, features=feature, fraction=fraction
            )
            found, table = report.json(), filtering.filter_table(report)
            number, first = report.malformed, _malformed(output)
        _tell(number, first)
        if as_json:
            typer.echo(json.dumps(found))
        else:
            out.print(table)


def _source(
    data: Path, point: HookPoint, reader: Path | None, embedded: bool, vlm: Path | None, device: str | None
) -> TokenSource:
    from bartizan.monitors import filtering

    if vlm is None:
        return filtering.TextChannels(reader_of(reader, embedded, device), point)
    return filtering.TextAndImages.load(vlm, point, folder=data.parent, device=device)


def _malformed(output: Path) -> list[tuple[int, str]]:
    with (output / "malformed.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in islice(file, TOLD)]
    return [(row["line"], row["malformed"]) for row in rows]


def _tell(number: int, first: Sequence[tuple[int, str]]) -> None:
    for line, why in first:
        err.print(visible(f"line {line}: {why}"), markup=False)
    if number > len(first):
        err.print(f"and {number - len(first)} more rows that cannot be read")
