"""``bartizan monitors serve``: probes on a reader model, or, with ``--chat``, on a chat model that is served."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from bartizan.policies.diagnostics import visible

from ..console import err, give_up, out
from .on_ray import serve_on_ray
from .options import NEEDED, SERVER, Device, Embedded, ReaderFolder, needs, reader_of, telling

if TYPE_CHECKING:  # torch, which the other commands do without
    from bartizan.monitors.chat.formats import ToolFormat
    from bartizan.monitors.engine import Features, ReaderEngine
    from bartizan.monitors.probes.probe import Probe

TOKEN = "BARTIZAN_CHAT_TOKEN"
CHAT = "With --chat"
READER = "With --reader or --embedded"
RAY = "On several machines (with --reader or --embedded)"
OF_CHAT = (
    "name", "revision", "dtype", "tool_format", "ttl", "capacity", "max_tokens", "max_seconds", "waiting", "token",
)  # fmt: skip
OF_READER = (
    "reader", "embedded", "tokens", "timeout", "max_queued", "max_batch", "quote",
    "on_ray", "ray_address", "replicas", "gpus",
)  # fmt: skip


def serve(
    ctx: typer.Context,
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
    device: Device = None,
    tokens: Annotated[
        Path | None,
        typer.Option("--tokens", help="A file of tenants and their bearer tokens.", rich_help_panel=READER),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.01, help="Seconds from a query to its answer.", rich_help_panel=READER)
    ] = 2.0,
    max_queued: Annotated[
        int, typer.Option(min=1, help="Queries that may wait.", rich_help_panel=READER)
    ] = 1024,
    max_batch: Annotated[
        int, typer.Option(min=1, help="Queries that are measured at once.", rich_help_panel=READER)
    ] = 64,
    quote: Annotated[
        bool,
        typer.Option("--quote", help="Evidence quotes the loudest words of a text.", rich_help_panel=READER),
    ] = False,
    on_ray: Annotated[
        bool,
        typer.Option("--ray", help="On Ray Serve: replicas on a cluster, or here.", rich_help_panel=RAY),
    ] = False,
    ray_address: Annotated[
        str | None,
        typer.Option("--ray-address", help="The cluster: head:6379, or auto.", rich_help_panel=RAY),
    ] = None,
    replicas: Annotated[
        str, typer.Option(help="How many: 2, or 1-4 as the load asks.", rich_help_panel=RAY)
    ] = "1",
    gpus: Annotated[
        float, typer.Option(min=0.0, help="GPUs of a replica; 0.5 lets two share one.", rich_help_panel=RAY)
    ] = 0.0,
    name: Annotated[
        str | None,
        typer.Option(
            help="What clients call the model. Default: its folder's or hub's name.", rich_help_panel=CHAT
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="The commit, tag or branch of a hub's model.", rich_help_panel=CHAT)
    ] = None,
    dtype: Annotated[
        str,
        typer.Option(help="auto (that of the files), float32, bfloat16, float16.", rich_help_panel=CHAT),
    ] = "auto",
    tool_format: Annotated[
        str | None,
        typer.Option(
            help="How the model writes calls: hermes, llama, mistral. Default: told from its chat template.",
            rich_help_panel=CHAT,
        ),
    ] = None,
    ttl: Annotated[
        float, typer.Option(help="Seconds that a reply's signals are kept.", rich_help_panel=CHAT)
    ] = 3600.0,
    capacity: Annotated[
        int, typer.Option(help="Replies whose signals are kept; the oldest give way.", rich_help_panel=CHAT)
    ] = 4096,
    max_tokens: Annotated[int, typer.Option(help="Tokens of a reply.", rich_help_panel=CHAT)] = 4096,
    max_seconds: Annotated[
        float, typer.Option(help="Seconds that a reply may take.", rich_help_panel=CHAT)
    ] = 600.0,
    waiting: Annotated[
        int,
        typer.Option(
            help="Requests that may wait while one is answered; more get 429.", rich_help_panel=CHAT
        ),
    ] = 16,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar=TOKEN,
            help="The bearer token of clients. Others on this machine can read a command line, not the environment.",
            rich_help_panel=CHAT,
        ),
    ] = None,
) -> None:
    """Serve a reader model and probes to guards, over HTTP or a Unix domain socket, until it is stopped.

    With --chat MODEL: an OpenAI-compatible endpoint for any Hugging Face chat model, whose replies carry signals.

    Exit code 0: it was told to stop (SIGTERM, SIGINT); 2: it cannot serve what or where it was asked to.
    """
    needs(*NEEDED, *SERVER)
    if chat is not None:
        if given := _given(ctx, OF_READER):
            give_up(f"--chat serves a model of its own: leave {', '.join(given)} out")
        if os.environ.get(TOKEN) == "":
            give_up(f"{TOKEN} is empty: set a token, or unset it to do without")
        with telling():
            from bartizan.monitors.chat import ChatLimits
            from bartizan.monitors.chat.serve import PORT, serve_chat  # on use: torch and the server
            from bartizan.monitors.probes.storage import load_probe

            serve_chat(
                chat,
                probes=[load_probe(folder) for folder in probe or []],
                host=host,
                port=PORT if port is None else port,
                uds=uds,
                token=token,
                name=name,
                device=device,
                dtype=dtype,
                revision=revision,
                tool_format=cast("ToolFormat | None", tool_format),  # which it checks
                limits=ChatLimits(ttl, capacity, max_tokens, waiting, max_seconds),
                announce=_announce,
            )
        return
    if given := _given(ctx, OF_CHAT):
        belong = "belongs" if len(given) == 1 else "belong"
        give_up(f"{', '.join(given)} {belong} to --chat; tenants' tokens are in the file of --tokens")
    with telling():
        # on use: torch and the server
        from bartizan.monitors.host import Limits
        from bartizan.monitors.host import serve as serving
        from bartizan.monitors.host.tenants import Tokens

        known = Tokens.load(tokens) if tokens is not None else None
        try:
            limits = Limits(timeout=timeout, max_queued=max_queued, max_batch=max_batch)
        except ValueError as error:
            give_up(str(error))
        make = partial(_engine, probe or [], reader, embedded, device, quote)
        engine = make()
        for info in engine.probes():
            shown = "/".join(filter(None, (info.tenant, info.name)))
            armed = "armed" if info.armed else f"NOT ARMED: {info.why}"
            err.print(visible(f"{shown}: {armed}"), markup=False)
        if not any(info.armed for info in engine.probes()):
            give_up("no probe is armed: nothing could be measured")
        port = serving.PORT if port is None else port
        if on_ray or ray_address is not None:
            if uds is not None:
                give_up("--uds is a socket of one machine: leave it out with --ray")
            del engine  # each replica makes its own
            serve_on_ray(make, ray_address, host, port, limits, known, replicas, gpus)
            return
        serving.serve(
            engine,
            host=host,
            port=port,
            uds=uds,
            limits=limits,
            tokens=known,
            announce=lambda hosted: _announce(hosted.address),
        )


def _announce(address: str) -> None:
    out.print(visible(f"serving on {address}"), markup=False)


def _given(ctx: typer.Context, names: Iterable[str]) -> list[str]:
    """Those of the options that stand on the command line: a variable of the environment may be there for others."""
    sources = {name: ctx.get_parameter_source(name) for name in names}
    return [
        f"--{name.replace('_', '-')}"
        for name, source in sources.items()
        if source is not None and source.name == "COMMANDLINE"
    ]


def _engine(
    folders: list[str], reader: Path | None, embedded: bool, device: str | None, quote: bool
) -> ReaderEngine:
    from bartizan.monitors.engine import ReaderEngine
    from bartizan.monitors.probes.storage import load_probe

    reads = reader_of(reader, embedded, device)
    probes: dict[str | tuple[str, str], Probe] = {}
    named: Features | None = None
    if embedded:
        from bartizan.monitors.embedded import features, injection

        found, named = injection(), features()
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
    return ReaderEngine(reads, probes, named, quote=quote)
