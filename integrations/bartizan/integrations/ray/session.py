"""A connection to a Ray cluster, or a Ray of one's own on this machine."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from bartizan.guard.errors import BartizanError

OBJECT_STORE = 512 * 1024 * 1024
"""Bytes of shared memory of a Ray of our own: a replay streams, and holds little at a time."""

TOKENS = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")

PATIENCE = 60
"""Seconds that Serve's proxy has to start in, and to answer. The proxy is a process of its own, and on a busy machine
Ray's 5 seconds are too few: its controller kills the proxy that is still starting, and Serve has not started."""


class CannotConnect(BartizanError):
    """There is no cluster at an address, or none could be started here."""


@contextmanager
def connected(address: str | None = None, *, cpus: int | None = None) -> Iterator[None]:
    """Connected to the cluster at ``address`` (``head:6379``, or ``auto`` on one of its machines), or to one that is
    started on this machine, with so many CPUs, and ended afterwards. Where Ray is connected already, nothing happens.

    Every machine of a cluster needs the same versions of Python, Ray and this package. A cluster that asks for a token
    wants ``RAY_AUTH_MODE=token`` in the environment. Raises :class:`CannotConnect`.
    """
    if ray.is_initialized():
        yield
        return
    where = "on this machine" if address is None else f"at {address}"
    # Ray Data makes no account of a run, which the cluster might report.
    os.environ.setdefault("RAY_DATA_USAGE_DISABLED", "1")
    if address is None:
        _prepare()
    try:
        if address is None:
            ray.init(
                "local",
                num_cpus=cpus,
                object_store_memory=OBJECT_STORE,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        else:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, OSError, RuntimeError, ValueError, AssertionError) as error:
        raise CannotConnect(f"{where}: expected a Ray cluster, found none: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _prepare() -> None:
    """Ray takes these from the environment, and its processes inherit them: they stay for the life of this one.

    A Ray of our own reports nothing to anybody, and lets nobody in without a token that only it knows (Ray's default
    is one in the user's folder, for whatever Ray the user runs).
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    for what in ("READY", "HEALTH"):
        os.environ.setdefault(f"RAY_SERVE_PROXY_{what}_CHECK_TIMEOUT_S", str(PATIENCE))
    if not any(name in os.environ for name in TOKENS):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
