"""A chat host from a model's folder or name: what ``bartizan monitors serve --chat MODEL`` runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from starlette.applications import Starlette
from transformers import AutoModelForCausalLM

from ..capture import CaptureError, fingerprint
from ..listening import bind, names_of, serving, told_to_stop
from ..loading import CannotLoad, load_model, load_tokenizer
from ..probes.errors import ProbeError
from ..probes.probe import Probe
from .app import create_app
from .errors import ChatSetupError
from .formats import FORMATS, ToolFormat
from .generate import Generator
from .host import ChatHost
from .limits import ChatLimits
from .prompt import ChatPrompt

PORT = 8791
DTYPES = ("auto", "float32", "bfloat16", "float16")
GRACE = 5
"""Seconds that a reply has to end when the host stops."""


def chat_app(
    model: Any,
    tokenizer: Any,
    *,
    name: str,
    probes: Sequence[Probe] = (),
    tool_format: ToolFormat | None = None,
    token: str | None = None,
    only_hosts: Collection[str] | None = None,
    limits: ChatLimits = ChatLimits(),  # noqa: B008 (frozen)
) -> Starlette:
    """The application for a loaded model. Options as in :func:`serve_chat`.

    A probe of another model is not armed: :class:`ChatSetupError`, as for everything else that does not fit.
    """
    _check(name, tool_format, token)
    prompt = ChatPrompt(tokenizer)
    try:
        found = fingerprint(model, tokenizer)
        for probe in probes:
            probe.arm(found)
            if probe.card.scripts:
                raise ChatSetupError(
                    f"probe {probe.name!r} has a word on text in {', '.join(probe.card.scripts)} letters only, and a "
                    "chat host does not look at scripts: serve it with a reader, or train one that is not limited"
                )
        shown = f"fp_{found.model.partition(':')[2][:32]}"
        generator = Generator(
            model, tokenizer, probes, name=name, fingerprint=shown, max_seconds=limits.max_seconds
        )
    except (CaptureError, ProbeError) as error:
        raise ChatSetupError(str(error)) from error
    form = tool_format if tool_format is not None else prompt.tool_format
    host = ChatHost(generator, prompt, name=name, form=form, limits=limits)
    return create_app(host, fingerprint=shown, token=token, only_hosts=only_hosts)


def serve_chat(
    model: str | Path,
    *,
    probes: Sequence[Probe] = (),
    host: str = "127.0.0.1",
    port: int = PORT,
    uds: str | None = None,
    token: str | None = None,
    name: str | None = None,
    device: str | None = None,
    dtype: str = "auto",
    revision: str | None = None,
    tool_format: ToolFormat | None = None,
    limits: ChatLimits = ChatLimits(),  # noqa: B008 (frozen)
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve the model of a folder, or of a hub name at a ``revision``, until SIGTERM or SIGINT.

    ``name`` is what clients call the model (the folder's or the hub's name unless said otherwise), ``device`` where
    it runs (a GPU if there is one). ``tool_format`` is how it writes calls; it is told from the chat template.
    ``announce`` is given the base URL for clients.

    Listens on the Unix domain socket ``uds``, or else on ``host`` and ``port``; on an address that others can reach
    only with a ``token``. Remote code of a model is never run, pickled weights are never read. Raises
    :class:`ChatSetupError`, and :class:`~bartizan.monitors.listening.CannotServe` for an address that it cannot have.
    """
    authenticated = token is not None
    local = Path(model).is_dir()
    called = name if name is not None else Path(model).resolve().name if local else str(model)
    if local and revision is not None:
        raise ChatSetupError(f"{model}: a folder has no revision; leave it out, or name the hub's model")
    if dtype not in DTYPES:
        raise ChatSetupError(f"expected a dtype, one of {', '.join(DTYPES)}; found {dtype!r:.40}")
    _check(called, tool_format, token)  # before it is loaded
    with bind(host, port, uds, authenticated=authenticated) as bound:
        loaded, tokenizer = load(model, device=device, dtype=dtype, revision=revision)
        app = chat_app(
            loaded,
            tokenizer,
            name=called,
            probes=probes,
            tool_format=tool_format,
            token=token,
            only_hosts=names_of(host, uds, authenticated=authenticated),
            limits=limits,
        )

        async def run() -> None:
            stop = told_to_stop()
            async with serving(app, bound, GRACE):
                if announce is not None:
                    announce(bound.address if uds is not None else f"{bound.address}/v1")
                await stop.wait()

        asyncio.run(run())


def _check(name: str, tool_format: str | None, token: str | None) -> None:
    if not name.strip() or not name.isprintable():
        raise ChatSetupError(f"expected a name of printable characters for the model, found {name!r:.120}")
    if tool_format is not None and tool_format not in FORMATS:
        raise ChatSetupError(
            f"expected a tool format, one of {', '.join(FORMATS)}; found {tool_format!r:.40}"
        )
    if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
        raise ChatSetupError("expected a token of printable ASCII characters")


def load(
    model: str | Path, *, device: str | None = None, dtype: str = "auto", revision: str | None = None
) -> tuple[Any, Any]:
    """A model and its tokenizer: safetensors only, no remote code. Raises :class:`ChatSetupError`."""
    chosen = device if device is not None else "cuda" if torch.cuda.is_available() else "cpu"
    try:
        tokenizer = load_tokenizer(model, revision=revision)
        loaded = load_model(AutoModelForCausalLM, model, device=chosen, revision=revision, dtype=dtype)
    except CannotLoad as error:
        raise ChatSetupError(
            f"{model}: expected the folder or the name of a causal language model with its tokenizer and "
            f"safetensors weights: {error}"
        ) from error
    return loaded.eval(), tokenizer
