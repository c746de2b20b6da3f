"""A probe's card: what it reads, what it learned from, how well it does on texts it never saw, what it promises."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..calibration import Contract, DriftReference, Platt, Verification
from ..capture.errors import CaptureError
from ..capture.fingerprint import Fingerprint
from ..capture.hook_point import HookPoint
from ..legible import SCRIPTS
from ..types import Channel
from .evaluation import Count, Row, beats
from .heads import HeadConfig

_STRICT = ConfigDict(frozen=True, extra="forbid")
FORMAT: Literal["bartizan-probe/1"] = "bartizan-probe/1"
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Text = Annotated[str, Field(max_length=4000)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class DataSource(BaseModel):
    """Where texts came from, how many, and what they were used for."""

    model_config = _STRICT

    name: Annotated[str, Field(min_length=1, max_length=200)]
    attacks: Count
    benign: Count
    role: Literal["train", "calibrate", "test"] = "train"
    licence: Text = ""
    note: Text = ""


class BinSize(BaseModel):
    """A bin of the calibration. Its scores lie in the weights file, under the same number."""

    model_config = _STRICT

    tool: str | None = None
    length: Annotated[int, Field(ge=0)] | None = None
    episodes: Annotated[int, Field(ge=1)]


class Calibrated(BaseModel):
    """The benign episodes behind the p-values."""

    model_config = _STRICT

    data: Text
    edges: tuple[Annotated[int, Field(ge=1)], ...] = ()
    minimum: Annotated[int, Field(ge=1)] = 59
    bins: Annotated[tuple[BinSize, ...], Field(min_length=1, max_length=10_000)]


class Promise(BaseModel):
    """A contract, and what fresh benign episodes said to it. Or, with ``refused``, why there is none."""

    model_config = _STRICT

    contract: Contract | None = None
    verification: Verification | None = None
    refused: Text = ""

    @model_validator(mode="after")
    def _one_of(self) -> Promise:
        if (self.contract is None) != bool(self.refused) or (self.verification and not self.contract):
            raise ValueError("expected a contract (which may be verified), or why it was refused")
        return self


class Card(BaseModel):
    """What ships beside a probe's weights; ``card.yaml``.

    ``reads`` are the channels whose tokens are scored, ``positions`` says which of them in words. ``scripts`` are those
    in which the probe can tell one text from another: it has no word on a text that says more in others (Unicode's
    names, :data:`~bartizan.monitors.legible.SCRIPTS`); none means that it is not limited. ``evaluation`` is the
    leave-one-dataset-out table of the probe and of the baselines, ``limits`` are known failures in words.
    ``weights`` is the SHA-256 of probe.safetensors.
    """

    model_config = _STRICT

    format: Literal["bartizan-probe/1"] = FORMAT
    name: Name
    version: Annotated[str, Field(min_length=1, max_length=64)]
    description: Text
    licence: Annotated[str, Field(min_length=1, max_length=200)]
    reads: Annotated[tuple[Channel, ...], Field(min_length=1)]
    positions: Text
    scripts: tuple[str, ...] = ()
    hook_point: str
    fingerprint: dict[str, Any]
    head: HeadConfig
    data: Annotated[tuple[DataSource, ...], Field(min_length=1)]
    seeds: tuple[int, ...] = ()
    training: dict[str, str | int | float | bool] = {}
    evaluation: tuple[Row, ...] = ()
    display: Platt = Platt()
    calibration: Calibrated | None = None
    promises: tuple[Promise, ...] = ()
    drift: DriftReference | None = None
    limits: tuple[Text, ...] = ()
    weights: Sha256 = "0" * 64

    @field_validator("hook_point")
    @classmethod
    def _a_hook_point(cls, name: str) -> str:
        try:
            return str(HookPoint.parse(name))
        except CaptureError as error:
            raise ValueError(str(error)) from error

    @field_validator("scripts")
    @classmethod
    def _known_scripts(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in names if name not in SCRIPTS]:
            raise ValueError(f"expected scripts of {', '.join(SCRIPTS)}; found {unknown[0]!r:.60}")
        return names

    @field_validator("fingerprint")
    @classmethod
    def _a_fingerprint(cls, data: dict[str, Any]) -> dict[str, Any]:
        try:
            return Fingerprint.of(data).json()
        except CaptureError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _promises_rest_on_a_calibration(self) -> Card:
        if self.calibration is None and any(promise.contract for promise in self.promises):
            raise ValueError("a contract is about p-values, and there is no calibration")
        if len(set(self.reads)) != len(self.reads):
            raise ValueError("a channel is named twice under reads")
        return self

    def beaten(self) -> list[str]:
        """The baselines whose mean AUROC over the sources the probe does not exceed. A card says so."""
        return [method for method, won in beats(self.evaluation).items() if not won]
