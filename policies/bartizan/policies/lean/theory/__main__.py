"""Makes the theory from its sources, has the kernel check it, and writes it where the package keeps it."""

from __future__ import annotations

import gzip
from pathlib import Path

from . import KEPT
from .make import made

if __name__ == "__main__":
    Path(__file__).with_name(KEPT).write_bytes(gzip.compress(made().encode(), mtime=0))
