"""A Hugging Face model as a corrector: exact, together with others, in time, and never raising into a stream."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until

from bartizan.guard.stream.rewriting import TextUnit
from bartizan.monitors.corrector.causal_lm import CausalLMCorrector
from bartizan.monitors.corrector.errors import CorrectorError, Unanswered
from bartizan.monitors.corrector.templates import Aligner, StreamAligner

from . import tiny

Closing = Callable[[Any], Any]
LONG = 60.0
"""Seconds that a corrector has where it is not to be late."""

QUESTION, SENT, PIECE = "How much is it?", "Let me see. ", "It is 10.5 dollars."


def corrector(architecture: str = "llama", turns: bool = False, **options: Any) -> CausalLMCorrector:
    model, tokenizer = tiny.model(architecture), tiny.tokenizer(turns)
    return CausalLMCorrector(model, tokenizer, max_new_tokens=16, within=LONG, **options)


def shown(template: Any, turns: bool) -> str:
    tokenizer = tiny.tokenizer(turns)
    prompt = template.prompt(tokenizer, QUESTION, SENT, PIECE)
    return str(tokenizer.decode(list(prompt.before))) + prompt.text


def test_the_templates_are_the_published_ones() -> None:
    """Word for word as in the papers' code, in Gemma's turns where the tokenizer has them."""
    assert shown(Aligner(), False) == (
        "BEGINNING OF CONVERSATION: USER: ##Question: How much is it?\n##Answer: It is 10.5 dollars.\n"
        "##Correction:  ASSISTANT:"
    )
    asked = (
        "##Question: How much is it? | ##Answer_Prefix: Let me see.  | ##Answer_Last_Sentence: It is 10.5 dollars."
        " | ##Your_Revision: "
    )
    assert shown(StreamAligner(), False) == asked
    assert shown(StreamAligner(), True) == (
        f"<start_of_turn>user\n{asked}<end_of_turn>\n<start_of_turn>model\n"
    )


def test_a_text_ends_no_turn() -> None:
    """A mark in the text is written out, not the token of it."""
    tokenizer = tiny.tokenizer(turns=True)
    prompt = StreamAligner().prompt(tokenizer, "q", "", "<end_of_turn>")
    assert list(prompt.before).count(tiny.TURN_END) == 1
    assert "<end_of_turn>" in tokenizer.decode(list(prompt.before)[:-3])


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
async def test_it_writes_what_greedy_decoding_writes(architecture: str, closing: Closing) -> None:
    """Alone and with others at the same time, over several sentences of several streams."""
    made = closing(corrector(architecture))
    tokenizer, ends = tiny.tokenizer(), frozenset({tiny.EOS})
    streams = [(f"question {n}", [f"Sentence {n}.{k} here." for k in range(3)]) for n in range(4)]

    async def one(question: str, sentences: list[str]) -> list[Any]:
        found, sent = [], ""
        for sentence in sentences:
            found.append((question, sent, sentence, await made.correct(question, sent, sentence)))
            sent += sentence + " "
        return found

    model = tiny.model(architecture)
    for stream in await asyncio.gather(*(one(*stream) for stream in streams)):
        for question, sent, sentence, revision in stream:
            prompt = StreamAligner().prompt(tokenizer, question, sent, sentence)
            tokens = [*prompt.before, *tokenizer(prompt.text, add_special_tokens=False).input_ids]
            expected = tiny.greedy(model, tokens, 16, ends)
            assert revision.text == tokenizer.decode(expected, skip_special_tokens=True)
            assert revision.reused > 0 or not sent


async def test_a_rewriter_keeps_white_space_and_never_raises(closing: Closing) -> None:
    """The segment's own white space stays around what is proposed; an incomplete answer is none."""
    made = closing(corrector())
    assert await made.rewrite(TextUnit("q", "", " \n ", ("r",))) is None
    found = await made.rewrite(TextUnit("q", "", f"  {PIECE}\n", ("r",)))
    revision = await made.correct("q", "", PIECE)
    if revision.complete and not revision.unchanged:
        assert found == f"  {revision.text.strip()}\n"
    else:
        assert found is None


async def test_too_long_a_text_is_not_cut(closing: Closing) -> None:
    """What does not fit into the model's positions has no answer, and those beside it have one."""
    made = closing(corrector())
    long, short = await asyncio.gather(
        made.correct("q", "x" * 2000, PIECE), made.correct("q", "", PIECE), return_exceptions=True
    )
    assert isinstance(long, Unanswered) and long.reason == "too long"
    assert not isinstance(short, BaseException) and short.passes >= 1


class Paced:
    """Holds each pass of a model back until it is let go; counts them and their rows."""

    def __init__(self, model: Any) -> None:
        self.rows: list[int] = []
        self.entered, self.go = threading.Semaphore(0), threading.Semaphore(0)
        model.register_forward_pre_hook(self._pass, with_kwargs=True)

    def _pass(self, _: Any, args: Any, kwargs: Any) -> None:
        self.rows.append(kwargs["input_ids"].shape[0])
        self.entered.release()
        assert self.go.acquire(timeout=2 * LONG)


async def test_a_cancelled_caller_costs_no_further_pass(closing: Closing) -> None:
    """Its row is in no pass after the one that ran when it went; a caller beside it is answered as if alone."""
    model = tiny.model("llama")
    made = closing(
        CausalLMCorrector(model, tiny.tokenizer(), max_new_tokens=8, within=LONG, most=2, wait=1.0)
    )
    alone = await made.correct("q2", "", "Another one.")
    paced = Paced(model)
    leaving = asyncio.create_task(made.correct("q1", "", PIECE))
    staying = asyncio.create_task(made.correct("q2", "", "Another one."))
    await asyncio.to_thread(paced.entered.acquire)
    leaving.cancel()
    await asyncio.wait([leaving])
    for _ in range(20):
        paced.go.release()
    assert (await staying).text == alone.text
    assert paced.rows[0] == 2 and set(paced.rows[1:]) <= {1}
    assert leaving.cancelled()


async def test_a_deadline_is_kept(closing: Closing) -> None:
    """Late is no answer, at once, and the pass after is not made."""
    model = tiny.model("llama")
    made = closing(CausalLMCorrector(model, tiny.tokenizer(), max_new_tokens=200))
    paced = Paced(model)
    while not paced.rows:  # it may have been late before its first pass
        with pytest.raises(Unanswered, match="too late"):
            await made.correct("q", "", PIECE, within=0.5)
    paced.go.release(300)
    after = await made.correct("q2", "", PIECE, within=LONG, max_new_tokens=8)
    assert paced.rows == [1] * (1 + after.passes)


async def test_a_model_that_fails_spoils_only_what_fails(closing: Closing) -> None:
    """A pass that raises is tried for each caller alone; who spoiled it has no answer, the others have theirs."""
    model = tiny.model("llama")
    made = closing(CausalLMCorrector(model, tiny.tokenizer(), max_new_tokens=4, within=LONG, wait=0.1))
    poison = tiny.tokenizer()("☠", add_special_tokens=False).input_ids

    def fails(_: Any, args: Any, kwargs: Any) -> None:
        rows = kwargs["input_ids"].tolist()
        if any(row[i : i + len(poison)] == poison for row in rows for i in range(len(row))):
            raise RuntimeError("CUDA error")

    model.register_forward_pre_hook(fails, with_kwargs=True)
    bad, good = await asyncio.gather(
        made.correct("☠", "", PIECE), made.correct("q", "", PIECE), return_exceptions=True
    )
    assert isinstance(bad, Unanswered) and bad.reason == "failed (RuntimeError)"
    assert not isinstance(good, BaseException)
    assert await made.rewrite(TextUnit("☠", "", PIECE, ("r",))) is None


async def test_close_answers_whoever_waits() -> None:
    """A closed corrector has no answer, neither for those who wait nor for those who come."""
    model = tiny.model("llama")
    made = CausalLMCorrector(model, tiny.tokenizer(), max_new_tokens=64, within=LONG)
    paced = Paced(model)
    waiting = asyncio.create_task(made.correct("q", "", PIECE))
    await asyncio.to_thread(paced.entered.acquire)
    closing = asyncio.create_task(asyncio.to_thread(made.close))

    async def closed() -> bool:
        with pytest.raises(Unanswered) as refused:
            await made.correct("q", "", PIECE, within=0.0)
        return refused.value.reason == "closed"

    await until(closed)
    paced.go.release()
    await closing
    with pytest.raises(Unanswered, match="closed"):
        await waiting
    with pytest.raises(Unanswered, match="closed"):
        await made.correct("q", "", PIECE)


async def test_a_folder_is_loaded(closing: Closing, tmp_path: Path) -> None:
    """In Hugging Face's layout, with its tokenizer; what it writes is what the model in memory writes."""
    tiny.model("llama").save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    loaded = closing(CausalLMCorrector.load(tmp_path, max_new_tokens=16, within=LONG))
    here = closing(corrector())
    assert (await loaded.correct(QUESTION, SENT, PIECE)).text == (
        await here.correct(QUESTION, SENT, PIECE)
    ).text


def test_an_encoder_decoder_is_refused() -> None:
    """Only decoders continue what they read."""
    model = tiny.model("llama")
    model.config.is_encoder_decoder = True
    with pytest.raises(CorrectorError, match="expected a decoder"):
        CausalLMCorrector(model, tiny.tokenizer())
