"""Greedy decoding with the input as the draft: what stays as it was costs one pass for all of it.

A corrector mostly repeats what it is given. So what it was given stands where its answer will, one pass gives its
choice at every place, and all up to the first place where it chooses otherwise is settled. From there it decodes as
usual, and where what it wrote occurs in the rest of the input, the words that follow there are the next draft. The
result is that of plain greedy decoding, token by token.

Several answers are written in one pass; each has keys and values of its own, so they may begin, end and be given up at
any time. What two prompts have in common at their beginning is read once.

B answers, T new tokens, S tokens so far.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from .errors import CorrectorError

Layers = list[tuple[Tensor, Tensor]]
"""Of one answer, by layer, the keys and values [1, heads, S, width]."""

MOST_DRAFTED = 24
"""So many tokens are drafted again after a difference."""

SUFFIX = 3
"""A draft goes on where the last so many tokens, or fewer, occur in the input."""


@dataclass(slots=True, eq=False)
class Answer:
    """One answer while it is written. ``source`` is the input as tokens; ``out`` what was written so far."""

    prompt: list[int]
    source: list[int]
    most: int
    out: list[int] = field(default_factory=list)
    draft: list[int] = field(default_factory=list)
    layers: Layers = field(default_factory=list)
    known: int = 0
    """Tokens of prompt and answer whose keys and values are in ``layers``."""
    passes: int = 0
    reused: int = 0
    done: bool = False
    at: int = 0
    """The place in ``source`` up to which it was followed."""
    begins: int = 0
    """The place in ``source`` at which ``draft`` begins."""

    @property
    def unread(self) -> list[int]:
        P = len(self.prompt)
        return self.prompt[self.known :] + self.out[max(0, self.known - P) :]


class Drafter:
    """Writes answers with a Hugging Face decoder. Not thread-safe.

    Raises :class:`CorrectorError` for models whose cache is not one of keys and values that can be cut.
    """

    def __init__(self, model: Any, ends: frozenset[int], *, drafts: bool = True, kept: int = 8) -> None:
        parameters = inspect.signature(model.forward).parameters
        self._cache_name = "cache" if "cache" in parameters else "past_key_values"
        if self._cache_name not in parameters or "position_ids" not in parameters:
            raise CorrectorError(
                f"expected a decoder with positions and a cache of keys and values, found {type(model).__name__}"
            )
        self._keeps_logits = "logits_to_keep" in parameters
        self.model, self.ends, self._drafts = model, ends, drafts
        self._kept: OrderedDict[tuple[int, ...], Layers] = OrderedDict()
        self._room = kept

    def begin(self, prompt: Sequence[int], source: Sequence[int], most: int) -> Answer:
        """An answer to a prompt, drafted from ``source``; what a kept prompt has in common with it is read no more."""
        answer = Answer(list(prompt), list(source), most)
        if self._drafts:
            answer.draft = list(source[:most])
        best, shared = None, 0
        for tokens in self._kept:
            if (common := _common(tokens, answer.prompt)) > shared:
                best, shared = tokens, common
        # The last token is read anew: its choice is the answer's first.
        shared = min(shared, len(answer.prompt) - 1)
        if best is not None and shared > 0:
            answer.layers = [(k[:, :, :shared], v[:, :, :shared]) for k, v in self._kept[best]]
            answer.known = answer.reused = shared
        return answer

    def keep(self, answer: Answer) -> None:
        """Keep what was read for prompts that begin alike."""
        if self._room > 0 and answer.layers:
            tokens = tuple((answer.prompt + answer.out)[: answer.known])
            # Not a view of a whole batch.
            self._kept[tokens] = [(k.clone(), v.clone()) for k, v in answer.layers]
            self._kept.move_to_end(tokens)
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)

    @torch.inference_mode()
    def step(self, answers: Sequence[Answer]) -> None:
        """One pass for all of these; each goes on by one token at least, or is done."""
        news = [len(answer.unread) for answer in answers]
        feeds = [answer.unread + answer.draft for answer in answers]
        chosen = self._chosen(answers, feeds, news)
        for answer, new, choices in zip(answers, news, chosen, strict=True):
            self._take(answer, new, choices)

    def _take(self, answer: Answer, new: int, choices: list[int]) -> None:
        """``choices`` are the model's after the last unread token and after each drafted one."""
        answer.passes += 1
        agreed = 0
        for choice, drafted in zip(choices, answer.draft, strict=False):
            if choice != drafted or choice in self.ends:
                break
            agreed += 1
        answer.out += answer.draft[:agreed]
        if agreed:
            answer.at = answer.begins + agreed
        answer.known += new + agreed
        answer.layers = [(k[:, :, : answer.known], v[:, :, : answer.known]) for k, v in answer.layers]
        if len(answer.out) >= answer.most or choices[agreed] in self.ends:
            answer.done = True
            return
        answer.out.append(choices[agreed])
        answer.done = len(answer.out) >= answer.most
        if self._drafts:
            answer.begins = self._follows(answer, differed=agreed > 0 or answer.passes == 1)
            room = min(MOST_DRAFTED, answer.most - len(answer.out) - 1)
            answer.draft = answer.source[answer.begins : answer.begins + max(0, room)]

    def _follows(self, answer: Answer, *, differed: bool) -> int:
        """The place in the input at which the next draft begins; its end if nothing is likely.

        Where the last two or three tokens written occur in it, from where it was followed to. Else, if it has just been
        left, one token is likely to stand for another; and if not, where the last token occurs.
        """
        for length in range(SUFFIX, 0, -1):
            if length == 1 and differed:
                return answer.at + 1
            last = answer.out[-length:]
            for start in range(max(0, answer.at + 1 - length), len(answer.source) - length + 1):
                if answer.source[start : start + length] == last:
                    return start + length
        return len(answer.source)

    # --- one pass

    def _chosen(
        self, answers: Sequence[Answer], feeds: Sequence[list[int]], news: Sequence[int]
    ) -> list[list[int]]:
        """Of each answer the model's choices after its last unread token, and after each drafted one."""
        B, T, S = len(answers), max(map(len, feeds)), max(answer.known for answer in answers)
        device = self.model.device
        tokens_BT = torch.zeros(B, T, dtype=torch.long)
        places_BT = torch.zeros(B, T, dtype=torch.long)
        seen_BS = torch.zeros(B, S + T, dtype=torch.long)
        for row, (answer, feed) in enumerate(zip(answers, feeds, strict=True)):
            tokens_BT[row, : len(feed)] = torch.tensor(feed)
            places_BT[row] = (answer.known + torch.arange(T)).clamp_max(answer.known + len(feed) - 1)
            seen_BS[row, S - answer.known : S + len(feed)] = 1  # what was read stands in front of what is new
        cache = _together([answer.layers for answer in answers], [answer.known for answer in answers], S)
        first = min(new - 1 for new in news)
        options: dict[str, Any] = {self._cache_name: cache}
        if self._keeps_logits:
            options["logits_to_keep"] = T - first
        result = self.model(
            input_ids=tokens_BT.to(device),
            attention_mask=seen_BS.to(device),
            position_ids=places_BT.to(device),
            use_cache=True,
            **options,
        )
        choices_BT = result.logits.argmax(-1).cpu()
        skipped = T - choices_BT.shape[1]
        found = []
        for row, (answer, feed, new) in enumerate(zip(answers, feeds, news, strict=True)):
            own = slice(S - answer.known, S + len(feed))
            answer.layers = [
                (layer.keys[row : row + 1, :, own], layer.values[row : row + 1, :, own])
                for layer in cache.layers
            ]
            found.append(choices_BT[row, new - 1 - skipped : len(feed) - skipped].tolist())
        return found


def _together(layers: Sequence[Layers], known: Sequence[int], S: int) -> Any:
    """One cache of many: each answer's keys and values at the end of ``S`` places, zeros that nobody sees in front."""
    cache = DynamicCache()
    if S == 0:
        return cache
    like = next(found for found in layers if found)
    for number, pair in enumerate(like):
        both = []
        for which, one in enumerate(pair):
            shape = (len(layers), one.shape[1], S, one.shape[3])
            whole = one.new_zeros(shape)
            for row, (found, length) in enumerate(zip(layers, known, strict=True)):
                if length:
                    whole[row, :, S - length :] = found[number][which][0]
            both.append(whole)
        cache.update(both[0], both[1], number)
    return cache


def _common(left: Sequence[int], right: Sequence[int]) -> int:
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count
