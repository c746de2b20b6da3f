"""What a model, or whoever proposes something, says of its answer: it is written down, and decides nothing."""

from __future__ import annotations

from typing import Any

from .canonical import canonical_json
from .errors import MalformedJSON


def evidence_of(given: Any, most: float = float("inf")) -> dict[str, Any]:
    """The evidence, as members of a JSON object; none if JSON cannot say it in ``most`` bytes."""
    try:
        found = dict(given)
        return found if len(canonical_json(found)) <= most else {}
    except (MalformedJSON, TypeError, ValueError):
        return {}
