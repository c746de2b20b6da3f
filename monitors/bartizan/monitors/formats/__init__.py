"""Sparse autoencoders on disk: whatever published format, one :class:`~bartizan.monitors.sae.SparseAutoencoder`.

:func:`load` finds out the format of a folder or file; :func:`save` writes SAELens's. One module a format; each has
``detect(path)`` and ``read(path)``. Nothing is ever unpickled. The formats are described in docs/sae-formats.md.
"""

from __future__ import annotations

from .load import load, save

__all__ = ["load", "save"]
