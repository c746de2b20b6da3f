"""A run on disk: tensors in one safetensors file, everything else as JSON in its header. Nothing is unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from bartizan.monitors.replacing import replacing

from .config import TrainingError

FORMAT = "bartizan-sae-training-1"


def write(
    path: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any], *, format: str = FORMAT
) -> None:
    """Replaces what was there in one step: a run killed meanwhile keeps its last checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"format": format, "state": json.dumps(state)}
    with replacing(path) as part:
        save_file({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, part, header)


def read(path: Path, *, format: str = FORMAT) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != format:
                raise TrainingError(
                    f"{path}: expected format {format}, found {header.get('format')}; start anew in another folder"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            return tensors, json.loads(header["state"])
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise TrainingError(
            f"{path}: cannot be read as a checkpoint, {error}; start anew in another folder"
        ) from error


def keep_until(metrics: Path, step: int) -> None:
    """Drop the lines of a run's metrics after its checkpoint: those steps will be made again."""
    if metrics.exists():
        lines = [line for line in metrics.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        metrics.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
