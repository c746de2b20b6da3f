"""Sparse autoencoders: encode, decode, and read a few features out of many, exactly.

::

    from bartizan.monitors import formats
    from bartizan.monitors.sae import SlicedEncoder

    sae = formats.load("path/to/sae")
    latents_BTK = SlicedEncoder(sae, [17, 4096])(x_BTD)

``config`` what an autoencoder is, ``sae`` its equations, ``slicing`` a few of its features, ``lazy_topk`` the same
where the features compete, ``union`` many tenants' features and linear probes together, ``columns`` the form that
slices share and their guard band, ``check`` what a loaded one is tested for.
"""

from __future__ import annotations

from .check import Quality, check, quality
from .config import Activation, Normalisation, SAEConfig, Units
from .errors import FormatError, InvalidConfig, InvalidInput, InvalidTensors, SAEError, UnknownFormat
from .sae import SparseAutoencoder
from .slicing import AMBIGUOUS, Exactness, Reading, SlicedEncoder
from .union import Directions, UnionEncoder

__all__ = [
    "AMBIGUOUS",
    "Activation",
    "Directions",
    "Exactness",
    "FormatError",
    "InvalidConfig",
    "InvalidInput",
    "InvalidTensors",
    "Normalisation",
    "Quality",
    "Reading",
    "SAEConfig",
    "SAEError",
    "SlicedEncoder",
    "SparseAutoencoder",
    "UnionEncoder",
    "Units",
    "UnknownFormat",
    "check",
    "quality",
]
