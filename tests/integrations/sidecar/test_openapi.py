"""The service's OpenAPI document says what its routes are."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
from starlette.routing import Route

from bartizan.integrations.sidecar import Service, openapi
from bartizan.integrations.sidecar.app import route_list

from .in_process import configured


def test_every_route_is_in_the_document_and_every_path_is_a_route(tmp_path: Path) -> None:
    """Both lists are the same, method by method; the page's files are no part of the interface."""
    service = Service.open(configured(tmp_path))
    routed = {
        (re.sub(r":path}", "}", route.path), method)
        for route in route_list(service)
        if isinstance(route, Route) and not route.path.startswith("/page/") and route.path != "/"
        for method in (route.methods or ()) - {"HEAD"}
    }
    said = {
        (path, method.upper())
        for path, operations in openapi.document()["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert said - routed == {("/v1/calls", "POST")}, "the hot path is no route"
    assert routed <= said


def test_the_document_is_one(tmp_path: Path) -> None:
    """Every schema in it is a valid JSON Schema, and every reference leads somewhere."""
    document = openapi.document()
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for where in re.findall(r"#/([\w/]+)", str(document)):
        found = document
        for step in where.split("/"):
            found = found[step]
