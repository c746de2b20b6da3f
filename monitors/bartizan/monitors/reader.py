"""A reader: a small model that reads what the agent reads, so that its activations can be probed.

The agent's own model is usually behind an API. A reader model in this process (or on a monitor host) is given the
same texts; monitors look at what happens inside it. Any Hugging Face model will do, encoder or decoder.

A long text is read in windows that overlap; each token is taken from exactly one of them, the one that shows more of
its surroundings, so that every token counts once. Nothing is cut off: a text that is too long is not read at all,
nor is one of which the tokenizer shows the model too little (:mod:`.legible`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerBase

from .capture import Fingerprint, HookPoint, Incomplete, Reduction, Tap, fingerprint, shallow
from .errors import ReaderError
from .legible import hides, plain, unreadable
from .loading import CannotLoad, load_model, load_tokenizer

Spans = tuple[tuple[int, int], ...]

_REMEMBERED = 1 << 16  # tokens of texts that were tokenised lately


@dataclass(frozen=True, slots=True)
class Layout:
    """How texts are cut. ``window`` and ``overlap`` in tokens of the text itself; ``longest`` in characters.

    ``batch`` bounds the tokens that the model is given at once, padding included.
    """

    window: int = 192
    overlap: int = 64
    longest: int = 400_000
    batch: int = 16_384

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.window or self.longest < 1 or self.batch < self.window:
            raise ReaderError(
                f"expected 0 <= overlap < window <= batch and longest >= 1, found {self}: check the reader's layout"
            )


@dataclass(frozen=True, slots=True)
class Reading:
    """One text as the reader saw it: y_TK by hook point, and each token's span of characters, T of both."""

    numbers: Mapping[HookPoint, Tensor]
    spans: Spans


@dataclass(frozen=True, slots=True)
class _Window:
    """Tokens ``start`` to ``end`` of a text, of which ``first`` to ``last`` are taken from here."""

    text: int
    start: int
    end: int
    first: int
    last: int


class Reader:
    """A model and its tokenizer, in evaluation mode. Not thread-safe: one thread reads.

    Reads a text between the special tokens that the tokenizer puts around a single sequence; those are attended to,
    never scored.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, layout: Layout | None = None
    ) -> None:
        if not tokenizer.is_fast:
            raise ReaderError(
                "expected a fast tokenizer (it says which characters a token covers), found a slow one: "
                "save the tokenizer with a tokenizer.json"
            )
        self.model = model.eval()  # type: ignore[no-untyped-call]
        self.tokenizer = tokenizer
        self.layout = layout or Layout()
        self.fingerprint: Fingerprint = fingerprint(model, tokenizer)
        self._before, self._after = _around(tokenizer)
        self._unknown: int | None = tokenizer.unk_token_id
        vocabulary = getattr(tokenizer.backend_tokenizer, "model", None)
        self._longest_word: int | None = getattr(vocabulary, "max_input_chars_per_word", None)
        self._lately: dict[str, tuple[list[int], Spans]] = {}
        self._held = 0  # tokens in it
        room = getattr(model.config, "max_position_embeddings", None)
        needed = self.layout.window + len(self._before) + len(self._after)
        if isinstance(room, int) and room < needed:
            raise ReaderError(
                f"expected room for {needed} positions, found {room} in this model: make the window smaller"
            )

    @classmethod
    def load(cls, folder: str | Path, layout: Layout | None = None, *, device: str | None = None) -> Self:
        """A reader from a folder in Hugging Face's layout (safetensors only), or a name on a hub.

        Raises :class:`ReaderError` if it cannot be loaded, or not all of it.
        """
        try:
            tokenizer = load_tokenizer(folder, use_fast=True)
            model = load_model(AutoModel, folder, device=device)
        except CannotLoad as error:
            raise ReaderError(f"cannot load a reader model from {str(folder)!r}: {error}") from error
        return cls(model, tokenizer, layout)

    def down_to(self, points: Iterable[HookPoint]) -> Self:
        """A reader of the same texts and weights that runs no layer below those points, and has the same numbers there.

        Itself, if that saves nothing.
        """
        deepest = max((point.layer for point in points), default=None)
        model = self.model if deepest is None else shallow(self.model, deepest + 1)
        if model is self.model:
            return self
        reader = copy(self)
        reader.model, reader._lately, reader._held = model, {}, 0
        return reader

    def spans(self, text: str) -> Spans:
        """The characters of each token. Raises :class:`ReaderError` for a text that is too long or not readable."""
        return self._tokens(text)[1]

    @torch.inference_mode()
    def read(
        self,
        texts: Sequence[str],
        reductions: Mapping[HookPoint, Reduction | None],
        rows: int | None = None,
    ) -> list[Reading | ReaderError]:
        """A reading of each text, in order, or why there is none. Not cut: see the module.

        A product of matrices may round differently for another number of rows. With ``rows`` the model always reads
        exactly so many windows of one size at once (some of them twice if need be): on one device, a text's numbers
        are then the same to the last bit whatever else is read. Without it, as many as the layout allows.

        Raises :class:`Incomplete` if the model did not show everything that it read.
        """
        read = [self._tried(text) for text in texts]
        ids = [[] if isinstance(found, ReaderError) else found[0] for found in read]
        windows = [
            window for number, tokens in enumerate(ids) for window in self._windows(number, len(tokens))
        ]
        parts: list[list[tuple[_Window, dict[HookPoint, Tensor]]]] = [[] for _ in texts]
        for batch in self._batches(windows, rows):
            for window, numbers in zip(batch, self._run(batch, ids, reductions, rows), strict=True):
                parts[window.text].append((window, numbers))
        return [
            found if isinstance(found, ReaderError) else self._stitched(part, found[1], reductions)
            for part, found in zip(parts, read, strict=True)
        ]

    # --- tokens and windows

    def _tried(self, text: str) -> tuple[list[int], Spans] | ReaderError:
        try:
            return self._tokens(text)
        except ReaderError as error:
            return error

    def _tokens(self, text: str) -> tuple[list[int], Spans]:
        """Ids and spans. A host counts tokens before it reads, so the latest texts are remembered, in bounds."""
        found = self._lately.get(text)
        if found is None:
            found = self._lately[text] = self._read_tokens(text)
            self._held += len(found[0])
            while self._held > _REMEMBERED and len(self._lately) > 1:
                self._held -= len(self._lately.pop(next(iter(self._lately)))[0])
        return found

    def _read_tokens(self, text: str) -> tuple[list[int], Spans]:
        if len(text) > self.layout.longest:
            raise ReaderError(
                f"expected at most {self.layout.longest} characters, found {len(text)}", "too long"
            )
        folded, places = plain(text)
        if hides(folded):
            raise ReaderError(
                "expected a text that can be seen, found characters that cannot", "not readable"
            )
        ids, spans = self._encoded([folded])[0]
        ids, spans = self._broken_up(folded, ids, spans)
        if self._unknown is not None and unreadable(folded, spans, [one == self._unknown for one in ids]):
            raise ReaderError(
                "expected a text that the model has words for, found too many that it has not", "not readable"
            )
        if places is not None:
            spans = tuple((places[start][0], places[max(start, end - 1)][1]) for start, end in spans)
        return ids, spans

    def _broken_up(self, text: str, ids: list[int], spans: Spans) -> tuple[list[int], Spans]:
        """Words that are too long for the vocabulary's search, and so unknown as a whole, are read in pieces."""
        most = self._longest_word
        if most is None or all(end - start <= most for start, end in spans):
            return ids, spans
        pieces: list[tuple[int, int]] = []
        for one, (start, end) in zip(ids, spans, strict=True):
            if one == self._unknown and end - start > most:
                pieces += [(at, min(at + most // 2, end)) for at in range(start, end, most // 2)]
        read = dict(zip(pieces, self._encoded([text[a:b] for a, b in pieces]), strict=True)) if pieces else {}
        all_ids: list[int] = []
        all_spans: list[tuple[int, int]] = []
        for one, (start, end) in zip(ids, spans, strict=True):
            if one != self._unknown or end - start <= most:
                all_ids.append(one)
                all_spans.append((start, end))
                continue
            for at in range(start, end, most // 2):
                more, where = read[at, min(at + most // 2, end)]
                all_ids += more
                all_spans += [(at + first, at + last) for first, last in where]
        return all_ids, tuple(all_spans)

    def _encoded(self, texts: list[str]) -> list[tuple[list[int], Spans]]:
        try:
            encoded: Any = self.tokenizer(
                texts,
                add_special_tokens=False,
                return_offsets_mapping=True,
                return_attention_mask=False,
                verbose=False,
            )
        except (TypeError, ValueError, UnicodeError) as error:  # a lone surrogate is no text
            raise ReaderError(f"the tokenizer cannot read this text: {error}", "not readable") from error
        return [
            (list(ids), tuple((int(start), int(end)) for start, end in offsets))
            for ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        ]

    def _windows(self, text: int, tokens: int) -> Iterator[_Window]:
        window, overlap = self.layout.window, self.layout.overlap
        starts = [0]
        while starts[-1] + window < tokens:
            starts.append(min(starts[-1] + window - overlap, tokens - window))
        # Neighbours share what they both see, half and half.
        ends = [start + window for start in starts]
        cuts = [0, *((later + end) // 2 for end, later in zip(ends, starts[1:], strict=False)), tokens]
        for start, (first, last) in zip(starts, pairwise(cuts), strict=True):
            if last > first:
                yield _Window(text, start, min(start + window, tokens), first, last)

    def _batches(self, windows: Sequence[_Window], rows: int | None) -> Iterator[list[_Window]]:
        """Windows of one size together: nothing is padded, and so nothing depends on its neighbours' length."""
        by_size = sorted(windows, key=lambda window: window.end - window.start)
        for size, group in groupby(by_size, key=lambda window: window.end - window.start):
            alike = list(group)
            most = rows or max(1, self.layout.batch // (size + len(self._before) + len(self._after)))
            yield from (alike[row : row + most] for row in range(0, len(alike), most))

    # --- the model

    def _run(
        self,
        batch: Sequence[_Window],
        ids: Sequence[Sequence[int]],
        reductions: Mapping[HookPoint, Reduction | None],
        rows: int | None,
    ) -> list[dict[HookPoint, Tensor]]:
        read = [
            [*self._before, *ids[window.text][window.start : window.end], *self._after] for window in batch
        ]
        read += [read[0]] * ((rows or 0) - len(read))
        ids_BT = torch.tensor(read, device=self.model.device)
        mask_BT = torch.ones_like(ids_BT)
        with Tap(self.model, reductions) as tap:
            self.model(input_ids=ids_BT, attention_mask=mask_BT)
        taken = {point: y_BTK.cpu() for point, y_BTK in tap.take(mask_BT, ids=ids_BT).items()}
        shift = len(self._before)
        return [
            {
                point: y_BTK[row, shift + window.first - window.start : shift + window.last - window.start]
                for point, y_BTK in taken.items()
            }
            for row, window in enumerate(batch)
        ]

    def _stitched(
        self,
        parts: list[tuple[_Window, dict[HookPoint, Tensor]]],
        spans: Spans,
        reductions: Mapping[HookPoint, Reduction | None],
    ) -> Reading:
        parts.sort(key=lambda part: part[0].first)
        numbers = {
            point: torch.cat([part[point] for _, part in parts]) if parts else torch.empty(0, 0)
            for point in reductions
        }
        if any(len(y_TK) != len(spans) for y_TK in numbers.values()):
            raise Incomplete(
                f"expected numbers for {len(spans)} tokens, found another count: a bug in the reader"
            )
        return Reading(numbers, spans)


def _around(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """The special tokens that the tokenizer puts before and after a text."""
    encoded: Any = tokenizer("a", return_special_tokens_mask=True)
    ids, special = list(encoded["input_ids"]), list(encoded["special_tokens_mask"])
    if 0 not in special:
        raise ReaderError("expected a tokenizer that reads the letter a, found none of its own tokens in it")
    first, last = special.index(0), len(special) - 1 - special[::-1].index(0)
    return ids[:first], ids[last + 1 :]
