"""Our correctors on disk: ``model.safetensors`` and ``config.json`` in a folder. Nothing in it is executed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from .errors import CorrectorFiles
from .model import EditModel, ModelConfig
from .reading import ToolReading

FORMAT = "bartizan-corrector-1"


@dataclass(frozen=True, slots=True, eq=False)
class Corrector:
    """A trained network, and what it was trained for.

    ``policy`` is the hash of the policy whose calls it corrects (empty for texts), ``tools`` what may be edited of
    each tool, ``threshold`` the log-probability below which it abstains, ``notes`` whatever training wants kept.
    """

    model: EditModel
    task: Literal["calls", "texts"]
    policy: str = ""
    tools: Mapping[str, ToolReading] = field(default_factory=dict)
    threshold: float = float("-inf")
    notes: Mapping[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "format": FORMAT, "model": asdict(self.model.config), "task": self.task, "policy": self.policy,
            "tools": {name: {p: list(v) for p, v in r.editable.items()} for name, r in self.tools.items()},
            "threshold": self.threshold if self.threshold > float("-inf") else None, "notes": dict(self.notes),
        }  # fmt: skip
        weights = {n: t.detach().cpu().contiguous() for n, t in self.model.state_dict().items()}
        save_file(weights, folder / "model.safetensors", {"format": FORMAT})
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / "config.json").write_text(text, encoding="utf-8")


def load(folder: Path, *, device: str = "cpu") -> Corrector:
    """The corrector in a folder. Raises :class:`CorrectorFiles`, saying what is wrong with it."""
    try:
        document = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise CorrectorFiles(f"{folder}: expected a config.json of format {FORMAT}")
        model = EditModel(ModelConfig(**document["model"]))
        tools = {
            name: ToolReading({path: tuple(values) for path, values in editable.items()})
            for name, editable in document["tools"].items()
        }
        threshold = float("-inf") if document["threshold"] is None else float(document["threshold"])
        task, policy, notes = document["task"], document["policy"], document["notes"]
        if task not in ("calls", "texts") or not isinstance(policy, str):
            raise CorrectorFiles(f"{folder}: expected a task (calls or texts) and a policy's hash")
        model.load_state_dict(load_file(folder / "model.safetensors"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise CorrectorFiles(f"{folder}: cannot be read as a corrector, {error}") from error
    model.requires_grad_(False).eval().to(device)
    return Corrector(model, task, policy, tools, threshold, notes)
