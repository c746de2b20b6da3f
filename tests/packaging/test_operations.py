"""The pages for whoever runs the service say what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bartizan.integrations.sidecar.config import (
    TLS,
    Certified,
    Limits,
    Proxy,
    Reload,
    ServiceConfig,
    Tenant,
    parse_config,
)
from bartizan.policies import load_policy
from bartizan.policies.casework import run_tests

ROOT = Path(__file__).parents[2]


def documented() -> dict[str, object]:
    page = (ROOT / "docs/operations.md").read_text()
    found = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    body: dict[str, object] = yaml.safe_load(found.group(1))
    return body


def test_the_documented_configuration_is_one_and_names_every_field() -> None:
    """It is accepted as it stands; a field that the service has and the page has not would be found."""
    body = documented()
    parse_config(body, ROOT)
    assert set(body) == set(ServiceConfig.model_fields)
    tenant = body["tenants"]["payments"]  # type: ignore[index]
    assert set(tenant) == set(Tenant.model_fields)
    assert set(tenant["reload"]) == set(Reload.model_fields)
    assert set(tenant["certificate"]) == set(Certified.model_fields)
    assert set(body["limits"]) == set(Limits.model_fields)  # type: ignore[call-overload]
    assert set(body["proxy"]) == set(Proxy.model_fields)  # type: ignore[call-overload]
    assert all(name in (ROOT / "docs/operations.md").read_text() for name in TLS.model_fields)


def test_the_defaults_on_the_page_are_those_of_the_service() -> None:
    """What the page shows in place of a default is the default."""
    body = documented()
    limits = Limits().model_dump()
    assert body["limits"] == limits
    shown = body["tenants"]["payments"]  # type: ignore[index]
    assert shown["certificate"] == Certified().model_dump()
    for name in ("deadline", "approval_ttl", "correct", "correct_within", "capture_content"):
        assert shown[name] == Tenant.model_fields[name].default


@pytest.mark.parametrize("name", ["service"])
def test_the_example_can_be_used(name: str) -> None:
    """Its configuration is read, and its policy's tests pass."""
    folder = ROOT / "examples" / name
    parse_config(yaml.safe_load((folder / "service.yaml").read_text()), folder)
    results = list(run_tests(load_policy(folder / "policy.yaml")))
    assert results
    assert all(result.passed for result in results)
