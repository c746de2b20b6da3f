"""Ray Serve with applications on it, on the Ray that is connected, for as long as a context lasts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ray import serve
from ray.exceptions import RayError
from ray.serve.config import HTTPOptions, ProxyLocation
from ray.serve.schema import LoggingConfig

from bartizan.monitors.listening import KEEP_ALIVE, CannotServe, is_loopback

_LOGS = LoggingConfig(log_level=logging.ERROR, enable_access_log=False)


@contextmanager
def deployed(
    applications: Mapping[str, serve.Application],
    *,
    host: str = "127.0.0.1",
    port: int = 8790,
    authenticated: bool = False,
    everywhere: bool = False,
) -> Iterator[str]:
    """The address at which the applications are served, each under its prefix (``/`` for one alone).

    There is a proxy on this machine, or with ``everywhere`` on every machine that has replicas. Unless all applications
    are ``authenticated``, only on a loopback address. Requests are not logged. Serve ends with the context. Raises
    :class:`CannotServe`.
    """
    if not authenticated and not is_loopback(host):
        raise CannotServe(
            f"{host}: expected tokens for an address that others can reach, found none; "
            "give them, or listen on 127.0.0.1"
        )
    where = ProxyLocation.EveryNode if everywhere else ProxyLocation.HeadOnly
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    options = HTTPOptions(host=host, port=port, keep_alive_timeout_s=KEEP_ALIVE)
    try:
        serve.start(where, http_options=options, logging_config=_LOGS)
        serve.run_many(
            [
                serve.RunTarget(application, f"bartizan{prefix}".rstrip("/"), prefix, _LOGS)
                for prefix, application in applications.items()
            ]
        )
    except (RayError, RuntimeError, TimeoutError, ValueError) as error:
        serve.shutdown()  # type: ignore[no-untyped-call]
        raise CannotServe(f"{host}:{port}: Ray Serve could not start: {error}") from error
    try:
        yield f"http://{host}:{port}"
    finally:
        serve.shutdown()  # type: ignore[no-untyped-call]
