"""An engine over a reader model: many tenants' probes, named features as evidence, one pass over each text.

arm        whether a probe may be relied on with this model
together   everything that is read at one hook point, in one reduction
features   named features of an autoencoder
explain    where a text is loudest, and which features fire there
memory     measurements of texts that were seen before
reading    ``ReaderEngine``
"""

from __future__ import annotations

from .features import Features
from .reading import ReaderEngine

__all__ = ["Features", "ReaderEngine"]
