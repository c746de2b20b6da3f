"""One Ray for all tests of a run: two CPUs of this machine, no dashboard, nothing reported, Serve on loopback only."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from tests.monitors.corrector_host.conformance import TOKEN
from tests.monitors.corrector_host.made import made, train
from tests.monitors.host.gated import SETTINGS, GatedEngine, Running, Setting

# One token for all processes of this run, and none left in the user's folder.
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex

with warnings.catch_warnings():  # Ray's own use of pydantic, when it is first imported
    warnings.simplefilter("ignore", DeprecationWarning)
    import ray.serve

from bartizan.integrations.ray import connected
from bartizan.integrations.ray.correctors import corrector_host
from bartizan.integrations.ray.monitors import monitor_host
from bartizan.integrations.ray.scale import Scale
from bartizan.integrations.ray.serving import deployed
from bartizan.monitors.host.tenants import Tokens
from bartizan.monitors.listening import CannotServe

from .shared import shared

HOSTS = {**SETTINGS, "mortal": Setting()}
SMALL = Scale(cpus=0.1, health_period=600.0)  # where nobody is to be replaced: a stuck engine shall stay


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes of this run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "ray"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def on_this_machine(common: Path) -> Iterator[None]:
    with shared(common, "cluster", _cluster) as address, connected(address):
        yield


@pytest.fixture(scope="session")
def hosts(on_this_machine: None, common: Path) -> Iterator[Mapping[str, Running]]:
    """One monitor host for each setting and a corrector's, all behind one proxy."""
    folders = {name: common / name for name in (*HOSTS, "corrector")}
    with shared(common, "hosts", partial(_hosts, folders)) as address:
        yield {name: Running(f"{address}/{name}", folder) for name, folder in folders.items()}


@contextmanager
def _cluster() -> Iterator[str]:
    with connected(cpus=2):
        yield ray.get_runtime_context().gcs_address


@contextmanager
def _hosts(folders: Mapping[str, Path]) -> Iterator[str]:
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    applications = {
        f"/{name}": monitor_host(
            partial(GatedEngine, folders[name]),
            limits=setting.limits,
            tokens=setting.tokens,
            wire=setting.wire,
            scale=replace(SMALL, health_period=0.5) if name == "mortal" else SMALL,
        )
        for name, setting in HOSTS.items()
    }
    train(folders["corrector"])
    applications["/corrector"] = corrector_host(
        partial(made, folders["corrector"]), tokens=Tokens.parse(f"guards {TOKEN}"), scale=SMALL
    )
    with ExitStack() as stack:
        try:
            address = stack.enter_context(deployed(applications, port=_free_port()))
        except CannotServe:
            # Ray gives its proxy a minute, which is not enough where tests keep all processors busy.
            address = stack.enter_context(deployed(applications, port=_free_port()))
        yield address


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
