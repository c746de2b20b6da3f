"""Probes on disk: ``card.yaml`` and ``probe.safetensors``, nothing that executes.

The card holds the SHA-256 of the weights, so the two cannot be mixed up. Weights and the calibration's scores are
tensors ``head.<name>`` (float32) and ``calibration.<number of the bin>`` (float64).
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import torch
import yaml
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..calibration import Bin, Calibration
from ..replacing import replace_text, replacing
from .card import BinSize, Calibrated, Card
from .errors import BadCard
from .heads import Head, build_head
from .probe import Probe

AnyCard = TypeVar("AnyCard", bound=BaseModel)

CARD, WEIGHTS = "card.yaml", "probe.safetensors"
MAX_CARD, MAX_WEIGHTS = 4 << 20, 2 << 30  # bytes


def save_probe(folder: Path | str, probe: Probe, calibrated_on: str = "") -> Card:
    """Write the probe; returns the card as written, with the hash of the weights and the sizes of the bins.

    ``calibrated_on`` says in words which benign episodes the calibration is made of (default: what the card says).
    """
    folder = Path(folder)
    tensors = {
        f"head.{name}": value.detach().float().cpu() for name, value in probe.head.state_dict().items()
    }
    calibrated = None
    if (calibration := probe.calibration) is not None:
        for number, bin in enumerate(calibration.bins):
            tensors[f"calibration.{number}"] = torch.tensor(bin.scores, dtype=torch.float64)
        calibrated = Calibrated(
            data=calibrated_on or (probe.card.calibration.data if probe.card.calibration else ""),
            edges=calibration.edges,
            minimum=calibration.minimum,
            bins=tuple(BinSize(tool=b.tool, length=b.length, episodes=b.n) for b in calibration.bins),
        )
    data = save({name: value.contiguous() for name, value in tensors.items()})
    fields = {
        "head": probe.head.config,
        "calibration": calibrated,
        "weights": hashlib.sha256(data).hexdigest(),
    }
    card = Card.model_validate({**dict(probe.card), **fields})
    document = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)
    _loaded(card, data, folder / WEIGHTS)  # what could not be read back is not written
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / WEIGHTS) as part:
        part.write_bytes(data)
    replace_text(folder / CARD, document)
    return card


def load_probe(folder: Path | str) -> Probe:
    """Read a probe. Raises :class:`BadCard`, naming the file and the field, for what cannot be trusted."""
    folder = Path(folder)
    card = load_card(folder / CARD)
    return _loaded(card, read_weights(folder / WEIGHTS, card.weights), folder / WEIGHTS)


def load_card(file: Path | str) -> Card:
    """Read a card alone. Raises :class:`BadCard`."""
    return read_card(Path(file), Card)


def read_weights(file: Path, expected: str) -> bytes:
    """A file of weights whose SHA-256 a card says. Raises :class:`BadCard` for another one."""
    data = _read(file, MAX_WEIGHTS)
    if (found := hashlib.sha256(data).hexdigest()) != expected:
        raise BadCard(
            str(file),
            "",
            f"the card expects SHA-256 {expected[:16]}..., the file has {found[:16]}...: they do not belong "
            "together, or one was changed; fetch both again",
        )
    return data


def read_card(file: Path, kind: type[AnyCard]) -> AnyCard:
    """A card of this kind, from plain YAML. Raises :class:`BadCard`."""
    try:
        document = yaml.load(_read(file, MAX_CARD), PlainLoader)  # noqa: S506  (a SafeLoader that takes less)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadCard(str(file), "", f"not the YAML of a card: {error}") from error
    if not isinstance(document, dict):
        raise BadCard(str(file), "", f"expected the fields of a card, found {type(document).__name__}")
    try:
        return kind.model_validate(document, context={"file": str(file)})
    except ValidationError as error:
        first, *others = error.errors()
        place = ".".join(map(str, first["loc"]))
        more = f" (and {len(others)} more)" if others else ""
        raise BadCard(str(file), place, f"{first['msg']}, found {_short(first['input'])}{more}") from error


class PlainLoader(yaml.SafeLoader):
    """Plain YAML: an alias could make a small file huge, and of a double key only one would be believed."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"line {self.peek_event().start_mark.line + 1}: no aliases here")  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        found = super().construct_mapping(node, deep=deep)
        if len(found) != len(node.value):
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: a key stands twice")
        return found


def _loaded(card: Card, data: bytes, file: Path) -> Probe:
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise BadCard(str(file), "", f"not a safetensors file: {error}") from error
    head = _head(card, tensors, file)
    calibration = _calibration(card, tensors, file)
    if tensors:
        raise BadCard(str(file), ", ".join(sorted(tensors)), "the card knows no such tensor")
    return Probe(head, card, calibration)


def _head(card: Card, tensors: dict[str, Tensor], file: Path) -> Head:
    with torch.device("meta"):  # a card with huge sizes allocates nothing before the file has them
        head = build_head(card.head)
    weights = {}
    for name, expected in head.state_dict().items():
        weights[name] = _tensor(tensors, f"head.{name}", tuple(expected.shape), torch.float32, file)
    head.load_state_dict(weights, assign=True)
    return head.requires_grad_(False).eval()


def _calibration(card: Card, tensors: dict[str, Tensor], file: Path) -> Calibration | None:
    if card.calibration is None:
        return None
    bins = []
    for number, size in enumerate(card.calibration.bins):
        name = f"calibration.{number}"
        scores = _tensor(tensors, name, (size.episodes,), torch.float64, file).tolist()
        try:
            bins.append(Bin(tool=size.tool, length=size.length, scores=tuple(scores)))
        except ValidationError as error:
            raise BadCard(str(file), name, error.errors()[0]["msg"]) from error
    try:
        return Calibration(edges=card.calibration.edges, minimum=card.calibration.minimum, bins=tuple(bins))
    except ValidationError as error:
        raise BadCard(str(file.with_name(CARD)), "calibration", error.errors()[0]["msg"]) from error


def _tensor(
    tensors: dict[str, Tensor], name: str, shape: tuple[int, ...], dtype: torch.dtype, file: Path
) -> Tensor:
    if (found := tensors.pop(name, None)) is None:
        raise BadCard(str(file), name, "this tensor of the card's head or calibration is missing")
    if found.shape != shape or found.dtype != dtype:
        raise BadCard(
            str(file), name, f"expected {list(shape)} in {dtype}, found {list(found.shape)} in {found.dtype}"
        )
    if not found.isfinite().all():
        raise BadCard(str(file), name, "holds numbers that are not finite")
    return found


def _read(file: Path, limit: int) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise BadCard(str(file), "", f"cannot be read: {error.strerror or error}") from error
    if len(data) > limit:
        raise BadCard(str(file), "", f"is larger than {limit:,} bytes")
    return data


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
