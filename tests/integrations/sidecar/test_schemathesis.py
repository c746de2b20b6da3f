"""What the OpenAPI document says, against a running service: schemathesis makes requests that fit it and that do not.

``BARTIZAN_EXAMPLES`` says how many for each operation; the suite has time for a few.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bartizan.integrations.sidecar.openapi import document

from .serving import PATIENCE, Running, written

EXAMPLES = int(os.environ.get("BARTIZAN_EXAMPLES", "8"))

TOKENS = {"approvals": "ann-token", "decisions": "ann-token", "sessions": "ann-token", "logs": "ann-token"}

schema = schemathesis.openapi.from_dict(document()).exclude(path="/v1/decisions")  # a stream has no end


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(written(tmp_path_factory.mktemp("service"))) as running:
        yield running
    assert "Traceback" not in running.log


def token(case: schemathesis.Case) -> str:
    """Of somebody who may ask this."""
    part = case.path.split("/")[2] if case.path.count("/") > 1 else ""
    if part in ("policy", "explain"):
        return "boss-token" if case.method == "PUT" else "ann-token"
    return TOKENS.get(part, "agent-token")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_promises(case: schemathesis.Case, service: Running) -> None:
    """A status, a content type and a body that it declares, and never a failure of the service."""
    host, port = service.address
    case.headers = {**(case.headers or {}), "authorization": f"Bearer {token(case)}"}
    response: Any = case.call(base_url=f"http://{host}:{port}", timeout=PATIENCE)
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
