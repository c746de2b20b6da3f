"""``bartizan proxy``: a guard between an MCP client and an MCP server."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bartizan.guard import ANONYMOUS, BartizanError, Gatekeeper, Principal
from bartizan.policies import PolicyError
from bartizan.policies.lean.certificates.levels import Level

from .console import err, give_up, read

if TYPE_CHECKING:  # on use: it needs the extra `mcp`, which the other commands do without
    from bartizan.integrations.mcp import HttpListener, Proxy


class Ask(StrEnum):
    """Who is asked about escalated calls."""

    CLIENT = "client"
    PAGE = "page"
    NOBODY = "nobody"


class Read(StrEnum):
    """What becomes of resources and prompts."""

    OBSERVE = "observe"
    DECIDE = "decide"
    REFUSE = "refuse"


Option = typer.Option


def proxy(
    command: Annotated[
        list[str] | None, typer.Argument(help="The server's command, after `--`.", show_default=False)
    ] = None,
    policy: Annotated[Path | None, Option(help="Decide here, by this policy file or pack.")] = None,
    url: Annotated[
        str | None, Option(help="The server's URL (Streamable HTTP), instead of a command.")
    ] = None,
    listen: Annotated[
        str | None, Option(help="Serve HTTP at host:port (path /mcp), instead of standard input and output.")
    ] = None,
    audit: Annotated[Path | None, Option(help="Directory of the audit log.")] = None,
    store: Annotated[str | None, Option(help="File of the sessions, or the URL of a Redis.")] = None,
    session: Annotated[str | None, Option(help="Name of the session; a new one by default.")] = None,
    principal: Annotated[str | None, Option(help="For whom the agent works.")] = None,
    role: Annotated[list[str] | None, Option(help="A role of the principal; may be repeated.")] = None,
    ask: Annotated[
        Ask | None,
        Option(
            help="Who is asked about escalated calls; the client, or with --sidecar nobody.",
            show_default=False,
        ),
    ] = None,
    page: Annotated[str | None, Option(help="Address of the approvals page, for --ask page.")] = None,
    approver: Annotated[
        str, Option(help="Name under which the client's answers are recorded.")
    ] = "mcp-client",
    reading: Annotated[Read, Option(help="What becomes of resources and prompts.")] = Read.OBSERVE,
    within: Annotated[
        float | None, Option(min=0.1, help="Seconds for the server's answer to a call.", show_default=False)
    ] = None,
    trust_annotations: Annotated[
        bool, Option("--trust-annotations", help="Believe what the server says of its tools' effects.")
    ] = False,
    require: Annotated[
        Level | None,
        Option(help="The level that the policy's certificate must reach.", show_default=False),
    ] = None,
    sidecar: Annotated[str | None, Option(help="Ask a sidecar at this URL instead of deciding here.")] = None,
    token_file: Annotated[Path | None, Option(help="File with the bearer token for the sidecar.")] = None,
) -> None:
    """Stand between an MCP client and an MCP server: `bartizan proxy --policy p.yaml -- server --its-options`.

    Ends with the client. If the server ends first: exit code 1.
    """
    try:
        from bartizan.integrations.mcp import HttpListener
    except ImportError as error:
        give_up(str(error))
    if bool(command) == (url is not None):
        give_up("expected the server's command after `--`, or --url: one of the two")
    if (policy is None) == (sidecar is None):
        give_up("expected --policy to decide here, or --sidecar to ask elsewhere: one of the two")
    here = audit is not None or store is not None or trust_annotations or require is not None
    if sidecar is not None and here:
        give_up(
            "--audit, --store, --trust-annotations and --require are for deciding here; a sidecar has its own"
        )
    asking = ask or (Ask.PAGE if page else Ask.NOBODY if sidecar else Ask.CLIENT)
    if (asking is Ask.PAGE) != (page is not None):
        give_up("expected --page with --ask page, and only with it")
    if asking is Ask.CLIENT and sidecar is not None:
        give_up("a sidecar takes no approvals from an agent: --ask page or --ask nobody")
    try:
        listener = HttpListener.of(listen) if listen is not None else None
    except ValueError as error:
        give_up(f"--listen: {error}")
    token = _token(token_file) if token_file is not None else None
    who = Principal(principal, frozenset(role or ())) if principal else ANONYMOUS

    async def run() -> bool:
        from bartizan.integrations.mcp import Asking, Proxy, connect, guard_for
        from bartizan.integrations.mcp.reading import Reading

        async with connect(url or command or []) as upstream:
            gate: Gatekeeper
            if sidecar is not None:
                from bartizan.integrations.client import RemoteGuard

                gate = RemoteGuard(sidecar, token=token)
            else:
                assert policy is not None
                try:
                    gate = guard_for(
                        policy,
                        upstream.tools,
                        audit=audit,
                        store=store,
                        trust_annotations=trust_annotations,
                        require=require,
                    )
                except (OSError, ValueError) as error:
                    raise _CannotGuard(f"cannot open what guards the server: {error}") from error
            try:
                served = Proxy(
                    gate, upstream, session or f"mcp-{uuid.uuid4().hex}", who,
                    Asking(asking), page or "", approver, Reading(reading), within,
                )  # fmt: skip
                return await _serve(served, listener)
            finally:
                await gate.aclose()

    _run(run)


class _CannotGuard(BartizanError):
    """The policy, the store or the log is not where it was said to be."""


async def _serve(served: Proxy, listener: HttpListener | None) -> bool:
    from bartizan.integrations.mcp import serve_http, serve_stdio

    if listener is None:
        return await serve_stdio(served)
    err.print(f"listening on http://{listener.host}:{listener.port}/mcp", markup=False)
    return await serve_http(served, listener)


class _InALine(logging.Formatter):
    """What the protocol's library logs, without a trace: what a server writes that is no JSON is no bug of ours."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.name}: {record.getMessage()}"


def _log_in_lines() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_InALine())
    library = logging.getLogger("mcp")
    library.addHandler(handler)
    library.propagate = False


def _run(work: Callable[[], Awaitable[bool]]) -> NoReturn:
    """Run until it is over, then end the process.

    Not by returning: a thread may sit in a read of standard input, and only the client could wake it. Everything that
    has to be written is written by then.
    """

    async def main() -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        with suppress(NotImplementedError):  # Windows has no such handlers
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, task.cancel)
        code = 0
        try:
            if not await work():
                code = 1
                err.print("the server ended, and so does the proxy", style="red")
        except asyncio.CancelledError:
            pass  # told to stop
        except PolicyError as error:
            code = _failed(str(error), 1)
        except BartizanError as error:
            code = _failed(str(error), 2)
        except BaseException as error:  # noqa: BLE001 (it has to end in any case)
            cause = error
            while isinstance(cause, BaseExceptionGroup):
                cause = cause.exceptions[0]
            said = cause if str(cause) else "it does not answer"
            code = _failed(f"cannot reach or serve the server: {type(cause).__name__}: {said}", 2)
        sys.stderr.flush()
        os._exit(code)

    _log_in_lines()
    asyncio.run(main())
    raise AssertionError("unreachable")


def _failed(message: str, code: int) -> int:
    try:
        give_up(message, code)
    except typer.Exit:
        return code


def _token(path: Path) -> str:
    token = read(path).decode("utf-8", errors="replace").strip()
    if not token:
        give_up(f"expected a token in {path}, found nothing")
    return token
