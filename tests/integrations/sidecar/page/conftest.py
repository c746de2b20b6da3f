from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import sync_playwright
from tests.integrations.sidecar.page.desk import SECRETS, Agent, Person, Running, configured, looking

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")  # no longer: while it is open, its event loop is the thread's
def browser() -> Iterator[Any]:
    """A real browser: Debian's Chromium, headless."""
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH: apt-get install chromium")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """``bartizan serve`` in a process of its own."""
    os.environ.update(SECRETS)
    with Running(configured(tmp_path_factory.mktemp("page"))) as running:
        yield running
        assert "Traceback" not in running.log


@pytest.fixture
def agent(service: Running) -> Agent:
    return Agent(service)


@pytest.fixture
def base(service: Running) -> str:
    return service.addresses[0]


@pytest.fixture
def person(browser: Any, base: str) -> Iterator[Callable[..., Person]]:
    """``person("ann-token")``: somebody signed in, in a window of their own; ``person()``: before signing in."""
    with ExitStack() as stack:

        def come(token: str | None = None, view: str = "approvals", **options: Any) -> Person:
            someone = stack.enter_context(looking(browser, base, **options))
            return someone.sign_in(token, view) if token is not None else someone

        yield come
