"""What a network writes for many examples, and what it learns from its own best attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from ..corrector.decode import Written, write
from ..corrector.grammar import CallGrammar
from ..corrector.model import EditModel
from .examples import Example

GrammarOf = Callable[[Example], CallGrammar | None]
Reward = Callable[[Example, bytes], float]


def free(example: Example) -> CallGrammar | None:
    """No grammar: the network may write any bytes."""
    return None


def answers(
    model: EditModel,
    examples: Sequence[Example],
    *,
    grammar: GrammarOf = free,
    most: int = 96,
    at_once: int = 128,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
) -> Iterator[tuple[int, Written]]:
    """The place of an example and what is written for it, in order of length: little is padded."""
    model.eval()
    order = sorted(range(len(examples)), key=lambda place: examples[place].length)
    for start in range(0, len(order), at_once):
        places = order[start : start + at_once]
        grammars = [grammar(examples[place]) for place in places]

        def allowed(
            row: int, text: bytes, of: Sequence[CallGrammar | None] = grammars
        ) -> Sequence[int] | None:
            found = of[row]
            return None if found is None else found(text)

        written = write(
            model,
            [examples[place].tokens for place in places],
            most=most,
            temperature=temperature,
            generator=generator,
            allowed=allowed if any(grammars) else None,
        )
        yield from zip(places, written, strict=True)


def exact(model: EditModel, examples: Sequence[Example], *, grammar: GrammarOf = free) -> float:
    """The share of examples for which the label itself is written."""
    right = sum(
        w.ended and w.text == examples[at].output for at, w in answers(model, examples, grammar=grammar)
    )
    return right / max(1, len(examples))


def own_best(
    model: EditModel,
    examples: Sequence[Example],
    reward: Reward,
    *,
    proposals: int = 4,
    temperature: float = 0.7,
    seed: int = 0,
    grammar: GrammarOf = free,
) -> Iterator[Example]:
    """Expert iteration: of some sampled scripts the best, as an example; where the label beats it, the label.

    What the model would have written anyway teaches it nothing: only examples are given for which some sample was worse
    than the best. The solver's label is one of the candidates, so nothing is learned that is worse than it.
    """
    generator = torch.Generator().manual_seed(seed)
    best = [(reward(e, e.output), e.output) for e in examples]
    worst = [score for score, _ in best]
    for _ in range(proposals):
        sampled = answers(model, examples, grammar=grammar, temperature=temperature, generator=generator)
        for place, written in sampled:
            score = reward(examples[place], written.text if written.ended else b"")
            worst[place] = min(worst[place], score)
            if score > best[place][0]:
                best[place] = (score, written.text)
    for example, (score, text), least in zip(examples, best, worst, strict=True):
        if least < score:
            yield replace(example, output=text)
