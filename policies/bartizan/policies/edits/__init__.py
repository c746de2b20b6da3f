"""Which edits of a call its policy permits: the repair classes, read, checked at load, and kept to.

``openings`` (what each class makes of a value), ``writing`` (values as JSON again), ``reading`` (from a policy to the
openings of a tool), ``check`` (the diagnostics) and ``lock`` (whether one call is a permitted edit of another). No
solver is needed, and none is trusted: whoever proposes an edit, it passes the lock or it is nothing.
"""

from __future__ import annotations

from .lock import permitted
from .openings import ABSENT, Alternative, Clamp, Drop, Listed, Opening, Template, sticky_paths
from .reading import openings_of

__all__ = [
    "ABSENT",
    "Alternative",
    "Clamp",
    "Drop",
    "Listed",
    "Opening",
    "Template",
    "openings_of",
    "permitted",
    "sticky_paths",
]
