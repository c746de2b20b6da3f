"""A corrector in a guarded stream: what it proposes leaves only if the rules let it; without it they have their say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.guard.stream.driving import decider

from bartizan.guard.stream.events import End, StreamEvent, TextDelta
from bartizan.guard.stream.guarded import StreamGuard
from bartizan.guard.stream.rewriting import Rewriter
from bartizan.guard.stream.setting import Limits
from bartizan.guard.testing import StaticProgram
from bartizan.monitors.corrector.causal_lm import CausalLMCorrector
from bartizan.monitors.corrector.edit_script import EditScriptRewriter
from bartizan.monitors.corrector.storage import Corrector
from bartizan.policies import compile_policy

from . import tiny
from .conftest import SECRET

RULES = compile_policy("version: 1\nname: t\ntext:\n  - {id: pins, redact: 'pin is [0-9]{4}'}\n").text
SAID = f"Sure: {SECRET}."


async def through(rewriter: Rewriter, *pieces: str) -> str:
    """What leaves of a text that arrives in these pieces."""

    async def model() -> AsyncIterator[StreamEvent]:
        for piece in pieces:
            yield TextDelta(piece)
        yield End("stop")

    guard = StreamGuard(
        decider(StaticProgram()), rules=RULES, rewriters=[rewriter], limits=Limits(rewrite=60.0)
    )
    return "".join([e.text async for e in guard.run(model()) if isinstance(e, TextDelta)])


@pytest.mark.parametrize("size", [1, 5, 100])
async def test_a_refused_sentence_leaves_as_it_was_rewritten(
    of_texts: Corrector, closing: Callable[[Any], Any], size: int
) -> None:
    """However the text was cut, the corrector's words leave, and the secret never."""
    rewriter = closing(EditScriptRewriter(of_texts, within=60.0))
    pieces = [SAID[at : at + size] for at in range(0, len(SAID), size)]
    assert await through(rewriter, *pieces) == "Sure: I may not say."


async def test_without_a_word_of_the_corrector_the_rule_has_the_last(
    of_texts: Corrector, closing: Callable[[Any], Any]
) -> None:
    """One that abstains, and a language model that says anything at all: the secret is redacted, or gone."""
    shy = closing(EditScriptRewriter(replace(of_texts, threshold=0.0), within=60.0))
    assert await through(shy, SAID) == "Sure: the [redacted]."
    babbling = closing(
        CausalLMCorrector(tiny.model("llama"), tiny.tokenizer(), max_new_tokens=8, within=60.0)
    )
    found = await through(babbling, SAID)
    assert "4417" not in found
