"""``bartizan monitors``: serve probes, filter data, show a probe's card."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bartizan.guard.errors import BartizanError

from .console import err, give_up, out

if TYPE_CHECKING:  # torch, which the other commands do without
    from bartizan.monitors.engine import ReaderEngine
    from bartizan.monitors.probes.probe import Probe
    from bartizan.monitors.reader import Reader

NEEDED = ("torch", "transformers", "safetensors", "pydantic", "yaml")
SERVER = ("starlette", "uvicorn")

app = typer.Typer(help="Signals from model activations.", no_args_is_help=True)
Embedded = Annotated[bool, typer.Option("--embedded", help="The built-in reader model.")]
ReaderFolder = Annotated[
    Path | None,
    typer.Option("--reader", help="The folder of a reader model (safetensors)."),
]


@app.command("serve")
def serve(
    probe: Annotated[
        list[str] | None,
        typer.Option("--probe", help="A probe's folder; TENANT=FOLDER for one of a tenant. Repeatable."),
    ] = None,
    reader: ReaderFolder = None,
    embedded: Embedded = False,
    chat: Annotated[
        str | None,
        typer.Option("--chat", help="Serve this chat model, and signals from its own activations."),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Default: 8790; 8791 for chat.")] = None,
    uds: Annotated[
        str | None, typer.Option("--uds", help="A Unix domain socket to listen on instead.")
    ] = None,
    tokens: Annotated[
        Path | None, typer.Option("--tokens", help="A file of tenants and their bearer tokens.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token", envvar="BARTIZAN_CHAT_TOKEN", help="With --chat: the bearer token of clients."
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ...")] = None,
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds from a query to its answer.")] = 2.0,
    max_queued: Annotated[int, typer.Option(min=1, help="Queries that may wait.")] = 1024,
    max_batch: Annotated[int, typer.Option(min=1, help="Queries that are measured at once.")] = 64,
    quote: Annotated[
        bool, typer.Option("--quote", help="Evidence quotes the loudest words of a text.")
    ] = False,
) -> None:
    """Serve a reader model and probes to guards, over HTTP or a Unix domain socket, until it is stopped.

    With --chat MODEL: an OpenAI-compatible endpoint for any Hugging Face chat model, whose replies carry signals.
    """
    _needs(*NEEDED, *SERVER)
    if chat is not None:
        if reader is not None or embedded or tokens is not None:
            give_up("--chat serves a model of its own: leave --reader, --embedded and --tokens out")
        _serve_chat(chat, probe or [], host, port, uds, token, device)
        return
    if token is not None:
        give_up("--token belongs to --chat: without it, tokens and their tenants are in the file of --tokens")
    with _telling():
        # on use: torch and the server
        from bartizan.monitors.host import Limits
        from bartizan.monitors.host import serve as serving
        from bartizan.monitors.host.tenants import Tokens

        known = Tokens.load(tokens) if tokens is not None else None
        try:
            limits = Limits(timeout=timeout, max_queued=max_queued, max_batch=max_batch)
        except ValueError as error:
            give_up(str(error))
        engine = _engine(probe or [], reader, embedded, device, quote)
        for info in engine.probes():
            name = "/".join(filter(None, (info.tenant, info.name)))
            err.print(f"{name}: {'armed' if info.armed else f'NOT ARMED: {info.why}'}", markup=False)
        if not any(info.armed for info in engine.probes()):
            give_up("no probe is armed: nothing could be measured")
        serving.serve(
            engine,
            host=host,
            port=serving.PORT if port is None else port,
            uds=uds,
            limits=limits,
            tokens=known,
            announce=lambda hosted: out.print(f"serving on {hosted.address}", markup=False),
        )


@app.command("filter")
def filter_rows(
    data: Annotated[
        Path, typer.Argument(help="JSON lines: user and result, or passages.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--out", "-o", help="A folder for the kept rows and the report.")],
    sae: Annotated[
        Path, typer.Option("--sae", help="An autoencoder of the reader's activations, any format.")
    ],
    hook_point: Annotated[str, typer.Option("--hook-point", help="Where it reads: resid_post.4")],
    reader: ReaderFolder = None,
    embedded: Embedded = False,
    feature: Annotated[list[int] | None, typer.Option("--feature", help="Only these features.")] = None,
    fraction: Annotated[float, typer.Option(help="The share of rows to keep.")] = 0.5,
    injection: Annotated[
        bool, typer.Option("--injection", help="Show which features tell injections, and keep no rows.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Keep the rows whose features mean the same in both channels (SAE-V), or find features that tell injections.

    A run that was cut off goes on where it was.
    """
    _needs(*NEEDED)
    with _telling():
        from dataclasses import asdict  # on use: torch

        from bartizan.monitors import filtering, formats
        from bartizan.monitors.capture import HookPoint

        point = HookPoint.parse(hook_point)
        source = filtering.TextChannels(_reader(reader, embedded, None), point)
        encoder = formats.load(sae)
        try:
            if injection:
                verdicts, malformed = filtering.injection_features(
                    data, source=source, sae=encoder, features=feature
                )
                found = {"features": [asdict(one) for one in verdicts], "malformed": malformed}
                table = filtering.feature_table(verdicts)
            else:
                report = filtering.filter_data(
                    data, output, source=source, sae=encoder, features=feature, fraction=fraction
                )
                found, table = report.json(), filtering.filter_table(report)
        except OSError as error:
            give_up(f"cannot read {data} or write {output}: {error.strerror or error}")
    if as_json:
        typer.echo(json.dumps(found))
    else:
        out.print(table)


@app.command("card")
def card(
    folder: Annotated[Path, typer.Argument(help="A probe's folder.", show_default=False)],
    unverified: Annotated[
        bool, typer.Option("--card-only", help="Do not check the weights; the folder may lack them.")
    ] = False,
) -> None:
    """Print a probe's card as Markdown: what it reads, how well it does, what it promises, where it fails."""
    _needs(*NEEDED)
    with _telling():
        from bartizan.monitors.probes.markdown import markdown  # on use: torch
        from bartizan.monitors.probes.storage import CARD, load_card, load_probe

        shown = load_card(folder / CARD) if unverified else load_probe(folder).card
        typer.echo(markdown(shown))


def _serve_chat(
    model: str,
    probes: list[str],
    host: str,
    port: int | None,
    uds: str | None,
    token: str | None,
    device: str | None,
) -> None:
    with _telling():
        from bartizan.monitors.chat.serve import PORT, serve_chat  # on use: torch and the server
        from bartizan.monitors.probes.storage import load_probe

        serve_chat(
            model,
            probes=[load_probe(folder) for folder in probes],
            host=host,
            port=PORT if port is None else port,
            uds=uds,
            token=token,
            device=device,
            announce=lambda address: out.print(f"serving on {address}", markup=False),
        )


def _engine(
    folders: list[str], reader: Path | None, embedded: bool, device: str | None, quote: bool
) -> ReaderEngine:
    from bartizan.monitors.engine import ReaderEngine
    from bartizan.monitors.probes.storage import load_probe

    reads = _reader(reader, embedded, device)
    probes: dict[str | tuple[str, str], Probe] = {}
    if embedded:
        from bartizan.monitors.embedded import injection

        found = injection()
        probes["", found.name] = found
    for given in folders:
        tenant, equals, folder = given.partition("=")
        found = load_probe(folder if equals else given)
        name = (tenant if equals else "", found.name)
        if name in probes:
            give_up(
                f"{given}: there is a probe {found.name!r} already: give one of them to a tenant, TENANT=FOLDER"
            )
        probes[name] = found
    if not probes:
        give_up("nothing to serve: name probes with --probe FOLDER, or take --embedded")
    return ReaderEngine(reads, probes, quote=quote)


def _reader(folder: Path | None, embedded: bool, device: str | None) -> Reader:
    from bartizan.monitors.reader import Reader

    if (folder is None) == (not embedded):
        give_up("expected either --reader FOLDER or --embedded")
    if folder is not None:
        return Reader.load(folder, device=device)
    from bartizan.monitors.embedded import reader_folder

    return Reader.load(reader_folder(), device=device)


def _needs(*packages: str) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        give_up(f"this needs {', '.join(missing)}, which is not installed: pip install 'bartizan[monitors]'")


@contextmanager
def _telling() -> Iterator[None]:
    """Our own errors say what to do; they need no trace."""
    try:
        yield
    except BartizanError as error:
        give_up(str(error))
