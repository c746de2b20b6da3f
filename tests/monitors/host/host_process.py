"""A host in a process of its own, to be killed and stopped: `python host_process.py unix:PATH|tcp:PORT [seconds]`."""

from __future__ import annotations

import sys

import torch
from engines import FaultyEngine

from bartizan.monitors.host import Limits
from bartizan.monitors.host.catalogue import ProbeInfo
from bartizan.monitors.host.serve import serve


class Engine(FaultyEngine):
    def probes(self) -> tuple[ProbeInfo, ...]:
        return PROBES


PROBES = (ProbeInfo("injection", fingerprint="f1"), ProbeInfo("drift", fingerprint="f2"))

if __name__ == "__main__":
    torch.set_num_threads(1)
    kind, _, where = sys.argv[1].partition(":")
    engine = Engine(seconds=float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)
    serve(
        engine,
        port=int(where) if kind == "tcp" else 0,
        uds=where if kind == "unix" else None,
        limits=Limits(timeout=30.0),
        announce=lambda hosted: print(hosted.address, flush=True),
    )
    print("stopped", flush=True)
