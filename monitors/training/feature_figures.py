"""What is known of each feature: where it fires, how well it tells injections, and whether one word explains it.

Shape suffixes: N texts, F features, D d_in, T tokens of one text.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from feature_texts import COMPOSED, Labelled
from torch import Tensor

from bartizan.monitors.engine.feature_card import Word
from bartizan.monitors.filtering import WeightsBuilder
from bartizan.monitors.probes.metrics import auroc
from bartizan.monitors.sae_training import Activations

TOOLS = ("toolemu", "agentdyn", "bipia_email", "bipia_code", "assebench")
"""Sources of what tools really answered."""

FAMILIES = {"composed": COMPOSED}
"""Sources that share their wording: left out together."""

Encode = Callable[[Tensor], Tensor]
Numbers = npt.NDArray[np.float32]
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Largest:
    """For each text its largest latents, and on how many of its tokens they are not 0.

    Of an attack only the injected tokens count, where they are known: what surrounds them is no attack.
    """

    texts: tuple[Labelled, ...]
    most_NF: Numbers
    fired_NF: npt.NDArray[np.int32]

    def of(self, source: str, label: int) -> Numbers:
        """Rows of a source, or of a family of sources."""
        members = FAMILIES.get(source, (source,))
        return self.most_NF[[t.source in members and t.label == label for t in self.texts]]

    @property
    def attacked(self) -> list[str]:
        """The families and other sources of its attacks."""
        family = {source: name for name, members in FAMILIES.items() for source in members}
        return sorted({family.get(t.source, t.source) for t in self.texts if t.label})

    @property
    def benign(self) -> Numbers:
        """What tools answered."""
        return self.most_NF[[not t.label and t.source in TOOLS for t in self.texts]]

    @property
    def lookalikes(self) -> Numbers:
        """Benign texts that quote attacks, or in which people ask people for something."""
        return self.most_NF[[not t.label and t.source in FAMILIES["composed"] for t in self.texts]]

    @property
    def density(self) -> npt.NDArray[np.float64]:
        """The share of the tokens of benign tool results on which each feature fires."""
        benign = [not t.label and t.source in TOOLS for t in self.texts]
        tokens = sum(t.tokens for t, kept in zip(self.texts, benign, strict=True) if kept)
        share_F: npt.NDArray[np.float64] = self.fired_NF[benign].sum(axis=0) / tokens
        return share_F

    def part(self, name: str) -> Largest:
        kept = [t.part == name for t in self.texts]
        texts = tuple(t for t in self.texts if t.part == name)
        return Largest(texts, self.most_NF[kept], self.fired_NF[kept])

    def __add__(self, other: Largest) -> Largest:
        return Largest(
            self.texts + other.texts,
            np.concatenate([self.most_NF, other.most_NF]),
            np.concatenate([self.fired_NF, other.fired_NF]),
        )


@torch.inference_mode()
def largest(encode: Encode, texts: Sequence[Labelled], data: Activations, kept_in: Path) -> Largest:
    """Over results of tools only. Kept in a file, and read from it if it is there."""
    kept = [text for text in texts if text.channel == "result"]
    if kept_in.exists():
        with np.load(kept_in, allow_pickle=False) as found:
            return Largest(tuple(kept), found["most"], found["fired"])
    most, fired = [], []
    for some, latents_TF in _encoded(encode, kept, data):
        at = some[0].start
        for text in some:
            own_TF = latents_TF[text.start - at : text.start - at + text.tokens]
            if text.label and text.injected:
                own_TF = own_TF[list(text.injected)]
            most.append(own_TF.amax(0).numpy())
            fired.append((own_TF != 0).sum(0).int().numpy())
    np.savez(kept_in, most=np.stack(most), fired=np.stack(fired))
    return Largest(tuple(kept), np.stack(most), np.stack(fired))


def _encoded(
    encode: Encode, texts: Sequence[Labelled], data: Activations, most: int = 8192
) -> Iterator[tuple[list[Labelled], Tensor]]:
    """Runs of texts that lie together on disk, with their latents."""
    run: list[Labelled] = []
    for text in [*texts, None]:
        whole = text is not None and (
            not run or (text.start == run[-1].rows.stop and text.rows.stop - run[0].start <= most)
        )
        if not whole and run:
            yield run, encode(torch.from_numpy(data.read(run[0].start, run[-1].rows.stop)))
            run = []
        if text is not None:
            run.append(text)


def areas(found: Largest, source: str, benign_NF: Numbers, features: Sequence[int]) -> dict[int, float]:
    """AUROC of these features: the source's attacks against its own benign texts and tool results."""
    attacks_NF = found.of(source, 1)[:, features]
    own_NF = found.of(source, 0) if source not in TOOLS else benign_NF[:0]
    others_NF = np.concatenate([own_NF, benign_NF])[:, features]
    labels = np.r_[np.ones(len(attacks_NF), np.int64), np.zeros(len(others_NF), np.int64)]
    scores_NF = np.concatenate([attacks_NF, others_NF]).astype(np.float64)
    found_F = [auroc(column, labels) or 0.0 for column in scores_NF.T]
    return {feature: round(area, 3) for feature, area in zip(features, found_F, strict=True)}


def levels(found: Largest, share: float) -> Numbers:
    """For each feature the value that at most ``share`` of the benign tool results exceed."""
    sorted_NF = np.sort(found.benign, axis=0)
    return sorted_NF[len(sorted_NF) - 1 - int(len(sorted_NF) * share)]


def caught(found: Largest, source: str, level_F: Numbers) -> npt.NDArray[np.float64]:
    """The share of a source's attacks in whose injected part each feature passes its level."""
    share_F: npt.NDArray[np.float64] = (found.of(source, 1) > level_F).mean(axis=0)
    return share_F


@torch.inference_mode()
def cosines(
    encode: Encode, features: Sequence[int], texts: Sequence[Labelled], data: Activations, top: int = 20
) -> dict[int, float | None]:
    """Does a feature mean the same in users' words and in injections? None where it fires in one of them only."""
    builder = WeightsBuilder(tuple(features), data.d_in, ("user", "result"), top=top)
    for text in texts:
        if text.channel == "user" or (text.channel == "result" and text.label and text.injected):
            x_TD = torch.from_numpy(data.read(text.rows.start, text.rows.stop))
            if text.channel == "result":
                x_TD = x_TD[list(text.injected or ())]
            builder.add(int(text.channel == "result"), x_TD, encode(x_TD))
    weights = builder.weights()
    one_sided = weights.one_sided_F.tolist()
    found = zip(features, weights.w_F.tolist(), one_sided, strict=True)
    return {feature: None if single else round(cosine, 3) for feature, cosine, single in found}


@dataclass(frozen=True, slots=True)
class Context:
    """Where a feature is strong: the value, the text, and the characters of the token."""

    value: float
    text: Labelled
    span: tuple[int, int]

    def quote(self, around: int = 70) -> str:
        start, end = self.span
        said = self.text.text
        shown = f"{said[max(0, start - around) : start]}[[{said[start:end]}]]{said[end : end + around]}"
        return " ".join(shown.split())


@torch.inference_mode()
def explained(
    encode: Encode,
    features: Sequence[int],
    texts: Sequence[Labelled],
    data: Activations,
    spans: Callable[[str], Spans],
    top: int = 16,
) -> dict[int, tuple[list[Context], Word]]:
    """Each feature's strongest contexts, one a text, and the word that explains it best."""
    contexts: dict[int, list[Context]] = defaultdict(list)
    fired: dict[int, Counter[str]] = defaultdict(Counter)
    seen: Counter[str] = Counter()
    for text in texts:
        where = spans(text.text)
        if len(where) != text.tokens:
            continue  # the reader reads this text in another way than when it was collected
        words = [word_at(text.text, span) for span in where]
        seen.update(words)
        latents_TF = encode(torch.from_numpy(data.read(text.rows.start, text.rows.stop)))
        value_F, at_F = latents_TF.max(dim=0)
        for place, feature in enumerate(features):
            if value_F[place] <= 0:
                continue
            at = int(at_F[place])
            contexts[feature].append(Context(float(value_F[place]), text, where[at]))
            fired[feature].update(words[t] for t in latents_TF[:, place].nonzero().flatten().tolist())
    result = {}
    for feature in features:
        best = sorted(contexts[feature], key=lambda one: -one.value)
        total = sum(fired[feature].values())
        scores = [(2 * n / (total + seen[word]), word) for word, n in fired[feature].items()]
        f1, word = max(scores, default=(0.0, ""))
        result[feature] = (_distinct(best, top), Word(word=word[:64], f1=round(f1, 3)))
    return result


def word_at(text: str, span: tuple[int, int]) -> str:
    """The whole word, in small letters, of which a token is a piece."""
    start, end = span
    if not text[start:end].isalnum():
        return text[start:end].casefold()
    while start > 0 and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return text[start:end].casefold()


def _distinct(contexts: Sequence[Context], most: int) -> list[Context]:
    """The strongest, and no two that read the same around the token."""
    kept: dict[str, Context] = {}
    for one in contexts:
        kept.setdefault(one.quote(20), one)
        if len(kept) == most:
            break
    return list(kept.values())


def agreement(W_dec_FD: Tensor, others: Sequence[Tensor], features: Sequence[int]) -> dict[int, float]:
    """The share of other autoencoders that have a latent whose decoder row has a cosine of 0.7 or more with ours."""
    rows_KD = torch.nn.functional.normalize(W_dec_FD[list(features)], dim=1)
    found = [
        (rows_KD @ torch.nn.functional.normalize(other_FD, dim=1).T).amax(dim=1) >= 0.7 for other_FD in others
    ]
    shares = torch.stack(found).float().mean(dim=0).tolist()
    return {feature: round(share, 3) for feature, share in zip(features, shares, strict=True)}
