"""What a service and its clients say to each other: calls, answers and approvals as JSON values, both ways.

shapes     reading strictly: what is not exactly the shape that the other side writes raises ``NotTheShape``
values     calls, results, approvals, reasons, principals
requests   what a client says
answers    what a service says

Standard library and kernel only.
"""

from __future__ import annotations

from .answers import NOT_TAKEN, enforcement_of, enforcement_to_json
from .requests import Outcomes, Proposed
from .shapes import NotTheShape
from .values import (
    approval_of,
    approval_to_json,
    call_of,
    call_to_json,
    inspection_of,
    inspection_to_json,
    labels_to_json,
    principal_of,
    principal_to_json,
    result_of,
    result_to_json,
)

__all__ = [
    "NOT_TAKEN",
    "NotTheShape",
    "Outcomes",
    "Proposed",
    "approval_of",
    "approval_to_json",
    "call_of",
    "call_to_json",
    "enforcement_of",
    "enforcement_to_json",
    "inspection_of",
    "inspection_to_json",
    "labels_to_json",
    "principal_of",
    "principal_to_json",
    "result_of",
    "result_to_json",
]
