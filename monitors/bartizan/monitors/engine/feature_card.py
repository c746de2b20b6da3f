"""Named features on disk: ``features.yaml`` beside a slice of an autoencoder in SAELens's layout. Nothing executes.

The slice holds the columns that are read and no others. The card names them, says above which level each is shown, and
what is known of it; it holds the hash of the weights and the fingerprint of the model.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from .. import formats
from ..capture import CaptureError, Fingerprint, HookPoint
from ..errors import EngineError
from ..formats.saelens import WEIGHTS
from ..probes.errors import BadCard
from ..probes.storage import read_card, read_weights
from ..sae import SAEError, SlicedEncoder, SparseAutoencoder
from .features import Features, is_name

CARD = "features.yaml"
MOST_FEATURES = 1024

_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(ge=0)]


class Word(BaseModel):
    """The word that explains a feature best: it fires on tokens of this word, and there only, with this F1."""

    model_config = _STRICT

    word: Annotated[str, Field(max_length=64)]
    f1: Share


class NamedFeature(BaseModel):
    """One feature. ``id`` is its number in the whole autoencoder; ``level`` is what it must exceed to be shown.

    ``density`` is the share of benign tokens on which it fires at all, ``benign`` the share of held-out benign
    results in which it passes its level, ``lookalikes`` that of benign texts that quote attacks or ask people.
    ``auroc`` says by source how well its largest value tells injected texts from benign ones. ``cosine`` compares what
    it fires on in users' words and in injections; ``seeds`` is the share of other seeds' autoencoders that have it
    too.
    """

    model_config = _STRICT

    id: Annotated[int, Field(ge=0)]
    name: str
    level: Positive
    density: Share
    benign: Share
    lookalikes: Share | None = None
    auroc: dict[str, Share] = {}
    cosine: Annotated[float, Field(ge=-1, le=1)] | None = None
    seeds: Share | None = None
    word: Word | None = None

    @field_validator("name")
    @classmethod
    def _short_and_printable(cls, name: str) -> str:
        if not is_name(name):
            raise ValueError("expected a short printable name")
        return name


class Autoencoder(BaseModel):
    """The whole autoencoder that the slice is of: how it was trained, and how well it does on held-out text."""

    model_config = _STRICT

    architecture: str
    d_sae: Annotated[int, Field(ge=1)]
    k: Annotated[int, Field(ge=1)]
    seed: int
    tokens: Annotated[int, Field(ge=1)]
    fvu: Positive
    l0: Positive
    never_fired: Share
    dead: Share


class FeatureCard(BaseModel):
    """What ships beside a slice; ``features.yaml``. ``weights`` is the SHA-256 of its safetensors file."""

    model_config = _STRICT

    format: Literal["bartizan-features/1"] = "bartizan-features/1"
    version: Annotated[str, Field(min_length=1, max_length=64)]
    description: Annotated[str, Field(max_length=4000)]
    licence: Annotated[str, Field(min_length=1, max_length=200)]
    hook_point: str
    fingerprint: dict[str, Any]
    weights: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    autoencoder: Autoencoder
    features: Annotated[tuple[NamedFeature, ...], Field(min_length=1, max_length=MOST_FEATURES)]
    limits: tuple[Annotated[str, Field(max_length=4000)], ...] = ()

    @model_validator(mode="after")
    def _means_a_place_in_a_model(self) -> FeatureCard:
        try:
            HookPoint.parse(self.hook_point)
            Fingerprint.of(self.fingerprint)
        except CaptureError as error:
            raise ValueError(str(error)) from error
        if len({feature.id for feature in self.features}) != len(self.features):
            raise ValueError("a feature stands twice")
        return self


def load_feature_card(folder: Path | str) -> FeatureCard:
    """The card alone. Raises :class:`EngineError`, naming the file, for what cannot be trusted."""
    try:
        return read_card(Path(folder) / CARD, FeatureCard)
    except BadCard as error:
        raise EngineError(str(error)) from error


def load_features(folder: Path | str) -> Features:
    """The features in a folder, for an engine. Raises :class:`EngineError` for what cannot be trusted."""
    folder = Path(folder)
    card = load_feature_card(folder)
    try:
        read_weights(folder / WEIGHTS, card.weights)
        sae = formats.load(folder)
        encoder = SlicedEncoder(sae, range(sae.config.d_sae))
    except BadCard as error:
        raise EngineError(str(error)) from error
    except SAEError as error:
        raise EngineError(f"{folder}: {error}") from error
    _exact(encoder, folder)
    names, levels = zip(*((feature.name, feature.level) for feature in card.features), strict=True)
    fingerprint = Fingerprint.of(card.fingerprint)
    return Features(HookPoint.parse(card.hook_point), encoder, names, levels, fingerprint)


def save_features(folder: Path | str, sae: SparseAutoencoder, card: FeatureCard) -> FeatureCard:
    """Write the slice of ``card.features`` out of the whole autoencoder, and the card with the hash of the weights.

    Raises :class:`EngineError` for features that the autoencoder has not, or that could not be read back.
    """
    folder = Path(folder)
    try:
        formats.save(sliced(sae, [feature.id for feature in card.features]), folder)
    except SAEError as error:
        raise EngineError(f"{folder}: {error}") from error
    weights = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    card = card.model_copy(update={"weights": weights})
    text = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)
    (folder / CARD).write_text(text, encoding="utf-8")
    load_features(folder)
    return card


def sliced(sae: SparseAutoencoder, ids: list[int]) -> SparseAutoencoder:
    """Of these latents and no others. :class:`EngineError` or :class:`SAEError` if it cannot be."""
    _exact(SlicedEncoder(sae, ids), "this autoencoder")
    by_latent = {"W_enc": 1, "W_dec": 0, "b_enc": 0, "threshold": 0, "b_gate": 0, "r_mag": 0, "b_mag": 0}
    tensors = {
        name: tensor[:, ids] if by_latent.get(name) == 1 else tensor[ids] if name in by_latent else tensor
        for name, tensor in sae.named_parameters()
    }
    return SparseAutoencoder(replace(sae.config, d_sae=len(ids)), tensors)


def _exact(encoder: SlicedEncoder, where: object) -> None:
    if encoder.exactness != "exact":
        raise EngineError(
            f"{where}: expected features that decide for themselves, found activation {encoder.config.activation!r}: "
            "which of those fire depends on features that a slice has not"
        )
