"""An engine over a reader model: many tenants' probes, named features as evidence, one pass over each text.

arm        whether a probe may be relied on with this model
together   everything that is read at one hook point, in one reduction
features   named features of an autoencoder
feature_card   what is known of them, and where they are kept
explain    where a text is loudest, and which features fire there
memory     measurements of texts that were seen before
reading    ``ReaderEngine``
"""

from __future__ import annotations

from .feature_card import FeatureCard, load_feature_card, load_features, save_features
from .features import Features
from .reading import ReaderEngine

__all__ = [
    "FeatureCard",
    "Features",
    "ReaderEngine",
    "load_feature_card",
    "load_features",
    "save_features",
]
