"""Drafted decoding gives what plain greedy decoding gives, in fewer passes."""

from __future__ import annotations

import random

import pytest

from bartizan.monitors.corrector.drafting import Answer, Drafter
from bartizan.monitors.corrector.errors import CorrectorError

from . import tiny

ENDS = frozenset({tiny.EOS})


def prompts(count: int, seed: int) -> list[list[int]]:
    draw = random.Random(seed)
    return [[1, *(draw.randrange(5, 261) for _ in range(draw.randint(3, 60)))] for _ in range(count)]


def finish(drafter: Drafter, answers: list[Answer]) -> None:
    """Passes over all that are not done, as the corrector makes them."""
    while running := [answer for answer in answers if not answer.done]:
        drafter.step(running)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_a_drafted_answer_is_the_greedy_one(architecture: str) -> None:
    """Whatever the draft: the answer itself, a part of it, another text, nothing."""
    model = tiny.model(architecture)
    drafter = Drafter(model, ENDS, kept=0)
    for number, prompt in enumerate(prompts(6, seed=1)):
        expected = tiny.greedy(model, prompt, 24, ENDS)
        changed = list(expected)
        if changed:
            changed[len(changed) // 2] = 7 + number
        cut = expected[: len(expected) // 3] + expected[len(expected) // 2 :]
        for source in (expected, changed, cut, prompt, []):
            answer = drafter.begin(prompt, source, 24)
            finish(drafter, [answer])
            assert answer.out == expected, (number, source)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_batched_answers_are_single_ones(architecture: str) -> None:
    """Answers of different lengths, begun at different times, written in the same passes."""
    model = tiny.model(architecture, seed=3)
    given = prompts(7, seed=2)
    expected = [tiny.greedy(model, prompt, 20, ENDS) for prompt in given]
    drafter = Drafter(model, ENDS, kept=0)
    sources = [e if i % 2 else [*e[:5], 9, *e[5:]] for i, e in enumerate(expected)]
    answers = [drafter.begin(p, s, 20) for p, s in zip(given[:4], sources, strict=False)]
    drafter.step([answer for answer in answers if not answer.done])
    answers += [drafter.begin(p, s, 20) for p, s in zip(given[4:], sources[4:], strict=True)]
    finish(drafter, answers)
    assert [answer.out for answer in answers] == expected


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_what_was_read_before_is_not_read_again(architecture: str) -> None:
    """A prompt that begins like a kept one reuses its keys and values, and the answer is as if it had not."""
    model = tiny.model(architecture, seed=4)
    drafter = Drafter(model, ENDS, kept=4)
    base = prompts(1, seed=5)[0] + list(range(20, 60))
    first = drafter.begin(base, [], 12)
    finish(drafter, [first])
    drafter.keep(first)
    for tail in ([], [33, 34], list(range(100, 130))):
        prompt = base[: len(base) - 5] + tail
        answer = drafter.begin(prompt, [], 12)
        assert answer.reused == min(len(base) - 5, len(prompt) - 1)
        finish(drafter, [answer])
        assert answer.out == tiny.greedy(model, prompt, 12, ENDS)
        drafter.keep(answer)
    again = drafter.begin(base, [], 12)
    finish(drafter, [again])
    assert again.out == first.out
    assert again.reused == len(base) - 1


def test_what_stays_costs_one_pass() -> None:
    """A draft that the model agrees with is settled at once, one that it changes in a few passes."""
    model = tiny.model("llama", seed=6)
    prompt = [1, *range(40, 60)]
    spoken = tiny.greedy(model, prompt, 60, frozenset())
    end = next(at for at in range(12, 60) if spoken[at] not in spoken[:at])
    text, ends = spoken[:end], frozenset({spoken[end]})
    drafter = Drafter(model, ends)
    answer = drafter.begin(prompt, text, 60)
    finish(drafter, [answer])
    assert (answer.out, answer.passes) == (text, 1)
    misspelt = [*text[:6], 200, *text[7:]]
    answer = drafter.begin(prompt, misspelt, 60)
    finish(drafter, [answer])
    assert answer.out == text
    assert answer.passes <= 4


def test_the_most_tokens_are_kept_to() -> None:
    """A draft longer than the answer may be is cut, wherever it ends."""
    model = tiny.model("llama", seed=7)
    prompt = [1, 50, 60, 70]
    whole = tiny.greedy(model, prompt, 16, frozenset())
    for most in range(1, 17):
        for source in (whole, [*whole, *whole], whole[:3], []):
            drafter = Drafter(model, frozenset(), kept=0)
            answer = drafter.begin(prompt, source, most)
            finish(drafter, [answer])
            assert answer.out == whole[:most]


def test_a_model_without_positions_is_refused() -> None:
    """Only a decoder whose cache can be cut and padded can draft."""

    class Recurrent:
        def forward(self, input_ids: object) -> None: ...

    with pytest.raises(CorrectorError, match="found Recurrent"):
        Drafter(Recurrent(), ENDS)
