"""Guarding agents of Google's Agent Development Kit: ``App(..., plugins=[ADKGuard(guard)])``."""

# mypy does not see google.adk: it is installed in a layer of its own (`make test-adk`).
# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

try:
    import google.adk  # noqa: F401
except ImportError as error:
    raise ImportError('install the extra: pip install "bartizan[adk]"') from error

from ..door import Unguarded
from .plugin import ADKGuard

__all__ = ["ADKGuard", "Unguarded"]
