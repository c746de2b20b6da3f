"""What an audit keeps of a checkpoint: for every prompt, the top features of each token and the mean of each feature.

Activations are read prompt by prompt and encoded in pieces, so memory does not grow with the autoencoder's width times
the number of tokens. T tokens, F features.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bartizan.monitors.capture import CaptureError, Fingerprint, HookPoint
from bartizan.monitors.errors import ReaderError
from bartizan.monitors.reader import Layout, Reader
from bartizan.monitors.sae import SAEError, SparseAutoencoder

from .errors import AuditError
from .overlap import TopFeatures, top_features

CHUNK_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model under a name. ``load`` is called when its turn comes, so that one model is in memory at a time."""

    name: str
    load: Callable[[], Reader]

    @classmethod
    def folder(
        cls, path: str | Path, layout: Layout | None = None, *, device: str | None = None
    ) -> Checkpoint:
        return cls(Path(path).name, lambda: Reader.load(path, layout, device=device))


@dataclass(frozen=True, slots=True, eq=False)
class PromptState:
    """One prompt at one checkpoint: the top features of its tokens, and the mean latent of each feature."""

    top: TopFeatures
    mean_F: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """One checkpoint: its fingerprint and its prompts, general and specific, in the order in which they were given."""

    fingerprint: Fingerprint
    general: tuple[PromptState, ...]
    specific: tuple[PromptState, ...]

    def means(self, which: str) -> Tensor:
        """Mean latents [P, F] of a set of prompts."""
        return torch.stack([prompt.mean_F for prompt in getattr(self, which)])


def read_state(
    reader: Reader,
    general: Sequence[str],
    specific: Sequence[str],
    *,
    sae: SparseAutoencoder,
    hook_point: HookPoint,
    features: Sequence[int] | None,
    n: int,
    progress: Callable[[int], None],
) -> State:
    """``AuditError`` names the prompt that cannot be read."""
    encode = encoder(sae, features)
    done = 0

    def read(prompts: Sequence[str], which: str) -> tuple[PromptState, ...]:
        nonlocal done
        states = []
        for number, prompt in enumerate(prompts, 1):
            try:
                (reading,) = reader.read([prompt], {hook_point: None})
            except CaptureError as error:
                raise AuditError(f"{which} prompt {number}: {error}") from error
            if isinstance(reading, ReaderError) or not len(reading.spans):
                why = reading if isinstance(reading, ReaderError) else "it holds no token"
                raise AuditError(f"{which} prompt {number} cannot be read: {why}")
            try:
                states.append(_state(reading.numbers[hook_point], encode, n))
            except SAEError as error:
                raise AuditError(
                    f"the autoencoder (d_in {sae.config.d_in}) does not belong to {hook_point} of this checkpoint: "
                    f"{error}"
                ) from error
            done += 1
            progress(done)
        return tuple(states)

    return State(reader.fingerprint, read(general, "general"), read(specific, "specific"))


def encoder(sae: SparseAutoencoder, features: Sequence[int] | None) -> Callable[[Tensor], Tensor]:
    """All latents, or those of ``features`` (exactly: see :mod:`bartizan.monitors.sae.slicing`)."""
    if features is None:
        return sae.encode
    from bartizan.monitors.sae import SlicedEncoder

    try:
        return SlicedEncoder(sae, features)
    except SAEError as error:
        raise AuditError(str(error)) from error


@torch.inference_mode()
def _state(x_TD: Tensor, encode: Callable[[Tensor], Tensor], n: int) -> PromptState:
    tops, total_F = [], torch.zeros(())
    for start in range(0, len(x_TD), CHUNK_TOKENS):
        latents_TF = encode(x_TD[start : start + CHUNK_TOKENS])
        tops.append(top_features(latents_TF, n))
        total_F = total_F + latents_TF.double().sum(0)
    top = TopFeatures(torch.cat([t.values_TN for t in tops]), torch.cat([t.index_TN for t in tops]))
    return PromptState(top, total_F / len(x_TD))


def read_prompts(path: str | Path) -> list[str]:
    """One prompt a line: plain text in a ``.txt`` file, JSON lines with ``text`` in a ``.jsonl`` file.

    :class:`AuditError` names the line that cannot be read; a file without any prompt is refused.
    """
    path = Path(path)
    if path.suffix not in (".txt", ".jsonl"):
        raise AuditError(
            f"{path}: expected a file of prompts that ends in .txt or .jsonl, which says how it is read"
        )
    if path.suffix == ".txt":
        prompts = [line for line in _lines(path) if line.strip()]
    else:
        prompts = [_text(row, path, number) for number, row in _objects(path)]
    if not prompts:
        raise AuditError(f"{path}: holds no prompt; write one a line")
    return prompts


def read_episodes(path: str | Path) -> list[tuple[str, str, str]]:
    """(episode, tool, text) of each JSON line; a line without ``episode`` is one by itself.

    :class:`AuditError` as for prompts.
    """
    path = Path(path)
    episodes = [
        (
            _text(row, path, number, "episode", f"line {number}"),
            _text(row, path, number, "tool", ""),
            _text(row, path, number),
        )
        for number, row in _objects(path)
    ]
    if not episodes:
        raise AuditError(f"{path}: holds no episode; write an object with text a line")
    return episodes


def _text(row: dict[str, Any], path: Path, number: int, key: str = "text", default: str | None = None) -> str:
    value = row.get(key, default)
    if key == "episode" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise AuditError(f"{path}, line {number}: {key}: expected text, found {type(value).__name__}")
    return value


def _objects(path: Path) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise AuditError(f"{path}, line {number}: expected JSON, {error}") from error
            if not isinstance(row, dict):
                raise AuditError(f"{path}, line {number}: expected an object, found {type(row).__name__}")
            found.append((number, row))
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise AuditError(f"{path}: cannot be read, {error.strerror or error}") from error
    except ValueError as error:  # bytes that are no UTF-8, or a path with a NUL
        raise AuditError(f"{path}: cannot be read, {error}") from error
