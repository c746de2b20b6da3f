"""``ReaderEngine``: measures texts by what a reader model makes of them.

The last passage of a query is read by itself. (What came before it is for engines whose probes look at more.)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bartizan.guard.types import Missing

from ..capture import CaptureError, HookPoint
from ..errors import EngineError, ReaderError
from ..host import reasons
from ..host.catalogue import ProbeInfo
from ..legible import foreign
from ..probes.probe import Probe
from ..reader import Reader, Reading
from ..types import Measurement, Query
from . import arm, explain
from .features import Features
from .memory import Memory, digest
from .together import Together

logger = logging.getLogger(__name__)

Name = tuple[str, str]
"""A tenant and its probe's name."""

NOT_FINITE = "no score: activations or weights too large"

LOOKED = 4096
"""Texts of which it is remembered whether their scripts are those of a probe."""

NOTHING_TO_READ = Measurement(0.0, 1.0, {"tokens": 0})
"""What says nothing cannot instruct."""


@dataclass(frozen=True, slots=True)
class _Armed:
    name: Name
    probe: Probe
    point: HookPoint
    number: int  # among the heads at its hook point


class ReaderEngine:
    """An :class:`~bartizan.monitors.types.Engine` over one reader and many probes. One thread measures.

    ``probes`` are everybody's by their name, or a tenant's by (tenant, name). One that was not made for this reader
    is not armed: it answers ``Missing`` and says why in :meth:`probes`; the others work. ``features`` are named in
    the evidence where they fire, ``quote`` adds the text of the loudest stretch, ``remember`` measurements are kept.

    ``rows`` is how many windows of one size the model reads at once, always exactly so many, so that an answer is
    the same to the last bit whatever else is in its batch; by default 1 on a CPU and 16 elsewhere.

    Raises :class:`EngineError` for features that do not fit the model.
    """

    def __init__(
        self,
        reader: Reader,
        probes: Mapping[str, Probe] | Mapping[Name, Probe] | Mapping[str | Name, Probe],
        features: Features | None = None,
        *,
        quote: bool = False,
        remember: int = 4096,
        rows: int | None = None,
    ) -> None:
        device = reader.model.device
        if rows is not None and rows < 1:
            raise EngineError(f"expected rows from 1, found {rows}")
        self._features = features
        self._quote = quote
        self._rows = rows or (1 if device.type == "cpu" else 16)
        self._memory = Memory(remember)
        self._looked: dict[tuple[bytes, tuple[str, ...]], bool] = {}
        self._armed: dict[Name, _Armed | arm.Refused] = {}
        named = {("", name) if isinstance(name, str) else name: probe for name, probe in probes.items()}
        points = {probe.hook_point for probe in named.values()}
        widths = arm.widths(reader, points | ({features.hook_point} if features else set()))
        self._reader = reader.down_to(point for point, width in widths.items() if isinstance(width, int))
        if features is not None:
            _fits(features, reader, widths[features.hook_point])
        heads: dict[HookPoint, list[Probe]] = {point: [] for point in widths}
        for name, probe in named.items():
            refused = arm.refusal(probe, reader, widths[probe.hook_point])
            if refused is not None:
                logger.warning("probe %s is not armed: %s", "/".join(filter(None, name)), refused.why)
                self._armed[name] = refused
                continue
            at = heads[probe.hook_point]
            self._armed[name] = _Armed(name, probe, probe.hook_point, len(at))
            at.append(probe)
        self._together: dict[HookPoint, Together] = {}
        for point, found in heads.items():
            encoder = features.encoder if features is not None and features.hook_point == point else None
            if found or encoder is not None:
                self._together[point] = Together([probe.head for probe in found], encoder, device)
        self._infos = tuple(self._info(name, named[name], found) for name, found in self._armed.items())

    def probes(self) -> Sequence[ProbeInfo]:
        """Every probe, armed or not, for a host's catalogue."""
        return self._infos

    def tokens(self, query: Query) -> int:
        """Tokens of the last passage, at least 1; 0 if it cannot be read. What needs no reading costs 1."""
        if not query.passages:
            return 0
        if isinstance(self._at_once(query), Measurement):
            return 1
        try:
            return max(1, len(self._reader.spans(query.passages[-1].text)))
        except ReaderError:
            return 0

    def measure(self, queries: Sequence[Query]) -> list[Measurement]:
        """One measurement a query, in order."""
        answers: list[Measurement | _Armed] = [self._at_once(query) for query in queries]
        texts = [
            query.passages[-1].text
            for query, answer in zip(queries, answers, strict=True)
            if isinstance(answer, _Armed)
        ]
        points = {answer.point for answer in answers if isinstance(answer, _Armed)}
        started = time.perf_counter()
        readings = self._read(list(dict.fromkeys(texts)), points) if texts else {}
        milliseconds = round((time.perf_counter() - started) * 1e3, 3)
        return [
            self._measured(query, answer, readings[query.passages[-1].text], milliseconds)
            if isinstance(answer, _Armed)
            else answer
            for query, answer in zip(queries, answers, strict=True)
        ]

    # --- what can be said without reading

    def _at_once(self, query: Query) -> Measurement | _Armed:
        armed = self._armed.get((query.tenant, query.probe)) or self._armed.get(("", query.probe))
        if armed is None:
            return Measurement.missing(reasons.UNKNOWN_PROBE)
        if isinstance(armed, arm.Refused):
            return Measurement.missing(armed.reason)
        if not query.passages:
            return Measurement.missing("no passage")
        passage = query.passages[-1]
        if passage.channel not in armed.probe.card.reads:
            return Measurement.missing(f"not for channel {passage.channel}")
        if not passage.text.strip():
            return NOTHING_TO_READ
        seen = digest(passage.text)
        if (known := self._memory.get((armed.name, seen, query.tool))) is not None:
            return known
        short = len(passage.text) <= self._reader.layout.longest  # else it is not read anyway
        if short and self._foreign(passage.text, seen, armed.probe.card.scripts):
            return Measurement.missing(reasons.OTHER_SCRIPT)
        return armed

    def _foreign(self, text: str, seen: bytes, scripts: tuple[str, ...]) -> bool:
        """Whether it says too much in other scripts. A text is looked at once: it is counted before it is read."""
        if not scripts:
            return False
        found = self._looked.get((seen, scripts))
        if found is None:
            found = self._looked[seen, scripts] = foreign(text, frozenset(scripts))
            if len(self._looked) > LOOKED:
                del self._looked[next(iter(self._looked))]
        return found

    # --- what is read

    def _read(self, texts: Sequence[str], points: set[HookPoint]) -> dict[str, Reading | ReaderError]:
        if self._features is not None:
            points = points | {self._features.hook_point}
        reductions = {point: self._together[point] for point in sorted(points)}
        try:
            return dict(zip(texts, self._reader.read(texts, reductions, self._rows), strict=True))
        except CaptureError as error:  # incomplete, or the model was changed under us
            if len(texts) > 1:  # whichever it was must not spoil the others
                return {text: self._read([text], points)[text] for text in texts}
            logger.warning("a text could not be measured: %s", error)
            return {texts[0]: ReaderError(str(error), arm.INCOMPLETE)}

    def _measured(
        self, query: Query, armed: _Armed, reading: Reading | ReaderError, milliseconds: float
    ) -> Measurement:
        if isinstance(reading, ReaderError):
            return Measurement.missing(reading.reason)
        if not reading.spans:
            return Measurement.missing("not readable")  # there is text, and the model would see none of it
        y_1TK = self._together[armed.point].head(armed.number, reading.numbers[armed.point])
        logit = float(armed.probe.head.pool(y_1TK)[0])
        answer = armed.probe.measure(logit, query.tool, len(reading.spans))
        if isinstance(answer.value, Missing):
            return Measurement.missing(NOT_FINITE)
        text = query.passages[-1].text
        stretch = explain.loudest(armed.probe.head.weigh(y_1TK)[0])
        firing = None
        if self._features is not None:
            latents_TK = self._together[self._features.hook_point].latents(
                reading.numbers[self._features.hook_point]
            )
            firing = explain.firing(latents_TK, self._features, stretch)
        found = explain.evidence(text, reading.spans, stretch, firing, logit, self._quote)
        answer = replace(answer, evidence={**found, "reader_ms": milliseconds})
        self._memory.keep((armed.name, digest(text), query.tool), answer)
        return answer

    def _info(self, name: Name, probe: Probe, found: _Armed | arm.Refused) -> ProbeInfo:
        tenant, own = name
        why = found.why if isinstance(found, arm.Refused) else ""
        return ProbeInfo(own, tenant, arm.identity(probe, self._reader), not why, why)


def _fits(features: Features, reader: Reader, width: int | arm.Refused) -> None:
    if features.fingerprint and (differences := features.fingerprint.mismatch(reader.fingerprint)):
        raise EngineError(
            f"features at {features.hook_point} were found in another model: {'; '.join(differences)}; load that "
            "model, or train an autoencoder on this one"
        )
    if isinstance(width, arm.Refused):
        raise EngineError(f"features at {features.hook_point}: {width.why}")
    if features.encoder.config.d_in != width:
        raise EngineError(
            f"expected features of activations of width {width} at {features.hook_point}, found an autoencoder for "
            f"{features.encoder.config.d_in}: load the one that was trained on this model and hook point"
        )
