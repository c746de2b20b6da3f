"""The page about the named features, made from their card and from the comparison of autoencoders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import feature_choice
from feature_choice import LeftOut
from feature_texts import Labelled

from bartizan.monitors.engine import FeatureCard
from bartizan.monitors.engine.feature_card import NamedFeature

ONE_WORD = 0.5
"""From this F1 on, one word explains a feature well enough to say so."""

LIMITS = (
    "Another seed finds hardly any of these features again (column seeds): after a million tokens they are directions "
    "of one training run rather than of the reader. They describe texts, and say nothing of how the reader works.",
    "Names are one reader's reading of the strongest contexts; a feature also fires, weakly, where its name does not "
    "fit. A name says what a text resembles, and not what it will do.",
    "Evidence only: which features fire changes no score, and their silence says nothing. Texts written against the "
    "features were not tried.",
    "Chosen and named on texts that are mostly English, and attacks that are mostly composed: AgentDyn's come in one "
    "template, BIPIA's and TaskTracker's in a few dozen wordings.",
    "Many know a template rather than an instruction: AgentDyn's and AgentDojo's share one, so that a high AUROC on "
    "both is one finding and not two. Elsewhere single features are weak: see the share of shortcuts.",
    "At most five are shown, of the loudest eight tokens; the autoencoder leaves some variance unexplained, and what "
    "the probe hears may lie there.",
)

FEATURES = """
*Level*: shown above it; at most {rare:.0%} of the benign results that were learned from reach it, of held-out ones
the share under *benign*; *look-alikes* are benign texts that quote attacks, or in which people ask people. *Density*:
benign tokens on which it fires at all. Then AUROC by source on held-out texts: the largest value in the injected part
(in the whole text, where the part is not known) against benign texts, whole; 0.5 is chance, and a feature that fires on
few attacks stays near it. *User*: cosine between what it fires on in users' words and in injections (- where users'
words lack it). *Seeds*: other seeds' autoencoders that have it (a decoder row with a cosine of 0.7 or more):
**{again} of {features} are found again**. *Word*: the one that explains it best, with its F1;
{words} of {features} are explained by one word at {one_word} or more.
"""

LEFT_OUT = """
Features chosen without the source, by the same rule. *There* and *elsewhere*: the mean share of held-out attacks on
which a chosen feature passes its level, in the source that was left out and in those that chose it. *Shortcuts*: chosen
features that pass it on no more of that source's attacks than of benign results.
"""

COMPARED = "On the same held-out text: other groups of texts than those trained on."

TEXTS = """
`learn`: the autoencoder and the choice; `check`: held out by group; `never`: sources of which nothing was learned.
"""


class Measured(Protocol):
    """An autoencoder on held-out text."""

    @property
    def fvu(self) -> float: ...
    @property
    def l0(self) -> float: ...
    @property
    def never_fired(self) -> float: ...
    @property
    def dead(self) -> float: ...
    @property
    def rows(self) -> int: ...


def sizes(texts: Iterable[Labelled]) -> dict[tuple[str, str, str], tuple[int, int, int]]:
    """By part, channel and source: attacks, benign texts, tokens."""
    attacks, benign, tokens = (
        Counter[tuple[str, str, str]](),
        Counter[tuple[str, str, str]](),
        Counter[tuple[str, str, str]](),
    )
    for text in texts:
        key = (text.part, text.channel, text.source)
        (attacks if text.label else benign)[key] += 1
        tokens[key] += text.tokens
    return {key: (attacks[key], benign[key], count) for key, count in sorted(tokens.items())}


def markdown(
    card: FeatureCard,
    compared: Sequence[tuple[str, int, int, int, Measured]],
    left_out: Sequence[LeftOut],
    counted: Mapping[tuple[str, str, str], tuple[int, int, int]],
    chosen: int,
) -> str:
    """Bad figures stand where good ones would."""
    a = card.autoencoder
    return "\n\n".join([
        f"# Features of the embedded reader {card.version}\n\n{card.description}",
        _table(("", ""), [
            ("hook point", card.hook_point),
            ("model", card.fingerprint["model"]),
            ("autoencoder", f"{a.architecture}, d_sae {a.d_sae}, k {a.k}, seed {a.seed}, {a.tokens:,} tokens"),
            ("held-out text", f"FVU {a.fvu:.3f}, L0 {a.l0:.1f}, never fired {a.never_fired:.1%}, dead {a.dead:.1%}"),
            ("shipped", f"{len(card.features)} of {a.d_sae} features, exact columns; {chosen} were chosen, the others "
             "mean nothing clear, or are names of our own composed texts (feature_names.yaml says which)"),
            ("weights (SHA-256)", card.weights),
            ("licence", card.licence),
        ]),
        "## The features",
        *_features(card.features),
        "## Whether the choice holds on a source that it was not made on",
        _line(LEFT_OUT),
        _table(("left out", "chosen", "elsewhere", "there", "shortcuts"), [
            (r.source, r.chosen, f"{r.inside:.1%}", f"{r.outside:.1%}", f"{r.shortcuts:.0%}") for r in left_out
        ]),
        "## Autoencoders that were compared",
        COMPARED,
        _table(("architecture", "k", "seed", "trained on", "FVU", "L0", "never fired", "dead", "held out"), [
            (name, k, seed, f"{seen:,}", f"{q.fvu:.4f}", f"{q.l0:.1f}", f"{q.never_fired:.1%}", f"{q.dead:.1%}",
             f"{q.rows:,}")
            for name, k, seed, seen, q in compared
        ]),
        "## Texts",
        _line(TEXTS),
        _table(("part", "whose words", "source", "attacks", "benign", "tokens"),
               [(*key, *(f"{n:,}" for n in counts)) for key, counts in counted.items()]),
        "## Known failures",
        "\n".join(f"* {limit}" for limit in card.limits),
    ]) + "\n"  # fmt: skip


def _features(features: Sequence[NamedFeature]) -> tuple[str, str]:
    sources = list(dict.fromkeys(source for feature in features for source in feature.auroc))
    words = sum(feature.word is not None and feature.word.f1 >= ONE_WORD for feature in features)
    rows = [
        (
            f.id, f.name, f"{f.level:.2f}", f"{f.density:.3%}", f"{f.benign:.1%}",
            "-" if f.lookalikes is None else f"{f.lookalikes:.0%}",
            *(f"{f.auroc[s]:.2f}" if s in f.auroc else "-" for s in sources),
            "-" if f.cosine is None else f"{f.cosine:.2f}", "-" if f.seeds is None else f"{f.seeds:.0%}",
            "-" if f.word is None else f"{f.word.word} {f.word.f1:.2f}",
        )
        for f in features
    ]  # fmt: skip
    again = sum((feature.seeds or 0) > 0 for feature in features)
    said = FEATURES.format(
        again=again, rare=feature_choice.RARE, words=words, features=len(features), one_word=ONE_WORD
    )
    heads = ("id", "name", "level", "density", "benign", "look-alikes", *sources, "user", "seeds", "word")
    return _line(said), _table(heads, rows)


def _line(text: str) -> str:
    return " ".join(text.split())


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)
