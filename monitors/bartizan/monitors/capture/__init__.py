"""Capture: activations of Hugging Face models, read where they arise.

hook_point     where: a layer and a site, by any library's name
models         where that is in a model: decoders, encoders, vision-language models
tap            hooks that reduce in place, and are removed whatever happens
record         which positions were seen; what is not complete raises ``Incomplete``
inputs         what a forward pass was given: ids, masks, caches
fingerprint    which model, exactly, and what differs from another
positions      masks: image tokens, what a generation read, a piece of text
errors         the exceptions, as a tree
"""

from __future__ import annotations

from .errors import CaptureError, Incomplete, UnknownHookPoint
from .fingerprint import Fingerprint, fingerprint
from .hook_point import SITES, HookPoint, Site
from .models import Layout, Place, layout, offers, place, shallow
from .positions import generated_mask, image_mask, span_mask
from .record import Step
from .tap import Reduction, Tap

__all__ = [
    "HookPoint", "Site", "SITES",
    "Layout", "Place", "layout", "offers", "place", "shallow",
    "Reduction", "Step", "Tap",
    "Fingerprint", "fingerprint",
    "generated_mask", "image_mask", "span_mask",
    "CaptureError", "Incomplete", "UnknownHookPoint",
]  # fmt: skip
