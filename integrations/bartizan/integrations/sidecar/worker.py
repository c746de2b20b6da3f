"""``python -m bartizan.integrations.sidecar.worker CONFIG NUMBER LEVEL``: one of several workers; see :mod:`.serve`."""

from __future__ import annotations

import logging
import sys

from .serve import work

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    work(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
