"""The run behind ``bartizan monitors filter``: two passes over a file of any length, resumable, with atomic results.

In the folder of results: ``weights.safetensors`` (after the first pass), ``scores.jsonl`` (a line for each row,
appended by the second pass), then ``kept.jsonl`` (the rows kept, byte for byte, in their order), ``malformed.jsonl``
and ``report.json``. ``run.json`` says what the run is of; the same run started again goes on, another one is refused.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bartizan.monitors.replacing import replace_text, replacing
from bartizan.monitors.sae import SparseAutoencoder

from .encoding import Encoder
from .errors import FilterError, MalformedSample
from .samples import Progress, rows
from .scoring import keep, score
from .sources import TokenSource
from .weights import ChannelWeights, WeightsBuilder


@dataclass(frozen=True, slots=True)
class FilterReport:
    """What came of a run. ``scores`` are the quantiles 0, 10, 25, 50, 75, 90, 100% of the scored rows."""

    rows: int
    kept: int
    scored: int
    unscored: int
    malformed: int
    fraction: float
    threshold: float | None
    scores: tuple[float, ...]
    channels: tuple[str, str]
    features: int
    one_sided: int
    most_shared: tuple[tuple[int, float], ...]
    least_shared: tuple[tuple[int, float], ...]

    def json(self) -> dict[str, Any]:
        return asdict(self)


def filter_data(
    data: str | Path,
    out: str | Path,
    *,
    source: TokenSource,
    sae: SparseAutoencoder,
    features: Sequence[int] | None = None,
    fraction: float = 0.5,
    top: int = 10,
    centre: bool = True,
    weight_rows: int | None = None,
    weights: str | Path | None = None,
    progress: Progress = lambda phase, done: None,
) -> FilterReport:
    """Score every row of ``data`` by how much its features mean the same in both channels, and keep the best.

    ``features`` restricts what is looked at; ``top`` and ``centre`` are those of :mod:`.weights`; ``weight_rows``
    limits the first pass to so many rows; ``weights`` takes them from an earlier run instead. Raises
    :class:`FilterError` for what concerns the run; a row that cannot be read goes to ``malformed.jsonl`` with its line
    number and the reason.
    """
    keep([], fraction)
    data, out = Path(data), Path(out)
    out.mkdir(parents=True, exist_ok=True)
    encoder = Encoder(sae, features)
    given = {"fraction": fraction, "top": top, "centre": centre, "weight_rows": weight_rows}
    identity = {
        "data": _sha256(data),
        "source": source.identity(),
        "sae": encoder.identity,
        "features": None if features is None else list(features),
        "weights": None if weights is None else _sha256(Path(weights)),
        **given,
    }
    _same_run(out / "run.json", identity)
    if weights is not None:
        found = ChannelWeights.load(weights)
    elif (out / "weights.safetensors").exists():
        found = ChannelWeights.load(out / "weights.safetensors")
    else:
        found = _weigh(data, source, encoder, top, centre, weight_rows, progress)
        found.save(out / "weights.safetensors")
    if found.features != encoder.features or found.channels != tuple(source.channels):
        raise FilterError(
            f"the weights are of {len(found.features)} features and channels {found.channels}, the run of "
            f"{len(encoder.features)} and {tuple(source.channels)}; use the same for both"
        )
    _score(data, out / "scores.jsonl", source, encoder, found, progress)
    return _finish(data, out, found, fraction)


def _weigh(
    data: Path,
    source: TokenSource,
    encoder: Encoder,
    top: int,
    centre: bool,
    limit: int | None,
    progress: Progress,
) -> ChannelWeights:
    builder = WeightsBuilder(encoder.features, encoder.d_in, source.channels, top=top, centre=centre)
    done, unread = 0, ""
    for done, row in enumerate(rows(data), 1):
        if limit is not None and done > limit:
            break
        try:
            for x_TD, latents_TF, channel_T in encoder.chunks(source.read(row.object())):
                for channel in (0, 1):
                    builder.add(channel, x_TD[channel_T == channel], latents_TF[channel_T == channel])
        except MalformedSample as error:
            unread = unread or f"line {row.line}: {error}"  # the second pass reports all of them
        progress("weights", done)
    try:
        return builder.weights()
    except FilterError as error:
        why = f"; the first row that cannot be read is {unread}" if unread else ""
        raise FilterError(f"{data}, {done} rows: {error}{why}") from error


def _score(
    data: Path, path: Path, source: TokenSource, encoder: Encoder, weights: ChannelWeights, progress: Progress
) -> None:
    """Append a line for each row that has none yet."""
    done = _whole_lines(path)
    with path.open("a", encoding="utf-8") as file:
        for number, row in enumerate(rows(data), 1):
            if number <= done:
                continue
            line: dict[str, Any] = {"line": row.line}
            try:
                parts = [latents_TF for _, latents_TF, _ in encoder.chunks(source.read(row.object()))]
                if not parts:
                    raise MalformedSample("holds no token")
                a_1F = torch.stack([part.double().abs().sum(0) for part in parts])
                line["score"] = score(a_1F, weights.w_F)
            except MalformedSample as error:
                line["malformed"] = str(error)
            file.write(json.dumps(line) + "\n")
            file.flush()
            progress("scores", number)


def _finish(data: Path, out: Path, weights: ChannelWeights, fraction: float) -> FilterReport:
    scores, malformed = _scores(out / "scores.jsonl")
    kept = keep(scores, fraction)
    wanted = iter([*kept, -1])
    following = next(wanted)
    with replacing(out / "kept.jsonl") as part, part.open("wb") as file:
        for place, row in enumerate(rows(data)):
            if place == following:
                file.write(row.raw)
                following = next(wanted)
    with replacing(out / "malformed.jsonl") as part, part.open("wb") as file:
        file.writelines(json.dumps(line).encode() + b"\n" for line in malformed)
    scored = sorted(value for value in scores if value == value)
    order = sorted(
        (float(w), feature)
        for w, feature, one_sided in zip(
            weights.w_F.tolist(), weights.features, weights.one_sided_F.tolist(), strict=True
        )
        if not one_sided
    )
    report = FilterReport(
        rows=len(scores),
        kept=len(kept),
        scored=len(scored),
        unscored=len(scores) - len(scored) - len(malformed),
        malformed=len(malformed),
        fraction=fraction,
        threshold=min((scores[place] for place in kept), default=None),
        scores=tuple(
            scored[round(q * (len(scored) - 1))] for q in (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1) if scored
        ),
        channels=weights.channels,
        features=len(weights.features),
        one_sided=int(weights.one_sided_F.sum()),
        most_shared=tuple((feature, w) for w, feature in reversed(order[-10:])),
        least_shared=tuple((feature, w) for w, feature in order[:10]),
    )
    replace_text(out / "report.json", json.dumps(report.json(), indent=1) + "\n")
    return report


def _scores(path: Path) -> tuple[array[float], list[dict[str, Any]]]:
    """The scores in order, NaN where there is none, and the lines of malformed rows."""
    scores, malformed = array("d"), []
    with path.open(encoding="utf-8") as file:
        try:
            for text in file:
                line = json.loads(text)
                value = line.get("score")
                scores.append(float("nan") if value is None else value)
                if "malformed" in line:
                    malformed.append(line)
        except (ValueError, TypeError, AttributeError) as error:
            raise FilterError(
                f"{path}, line {len(scores) + 1}: is no score of this run; delete the file to score again"
            ) from error
    return scores, malformed


def _whole_lines(path: Path) -> int:
    """How many lines were written whole; a half-written last one is cut off."""
    if not path.exists():
        return 0
    count = size = 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            count, size = count + 1, size + len(line)
    with path.open("rb+") as file:
        file.truncate(size)
    return count


def _same_run(path: Path, identity: dict[str, Any]) -> None:
    text = json.dumps(identity, indent=1, sort_keys=True) + "\n"
    if not path.exists():
        replace_text(path, text)
        return
    try:
        begun = json.loads(path.read_text(encoding="utf-8"))
        differing = [key for key in identity if begun.get(key) != json.loads(text)[key]]
    except (OSError, ValueError, AttributeError) as error:
        raise FilterError(f"{path}: cannot be read, {error}; choose another folder") from error
    if differing:
        raise FilterError(
            f"{path.parent}: holds a run with other {', '.join(differing)}; choose another folder for the results"
        )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FilterError(f"{path}: cannot be read, {error}") from error
