"""One reply: the tokens of ``generate``, and signals that belong to exactly them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bartizan.guard.types import Missing
from bartizan.monitors.capture import HookPoint, Tap
from bartizan.monitors.chat.generate import Finished, Generator, Job
from bartizan.monitors.chat.handles import new_handle
from bartizan.monitors.chat.prompt import ChatPrompt
from bartizan.monitors.probes.probe import Probe

from . import tiny


@pytest.fixture
def ask(loaded: tuple[Any, Any], probe: Probe) -> Any:
    model, tokenizer = loaded
    generator = Generator(model, tokenizer, [probe])
    prompt = ChatPrompt(tokenizer)

    def ask(*messages: dict[str, Any], **options: Any) -> Finished:
        ids = prompt.encode(list(messages), tiny.TOOLS)
        options = {"most_tokens": 80, "form": "hermes", "temperature": 0.0, **options}
        finished = generator.run(Job(new_handle(), ids, **options), lambda said: None)
        assert finished is not None
        return finished

    return ask


@pytest.mark.parametrize("conversation", tiny.CONVERSATIONS)
def test_greedy_tokens_are_those_of_generate(loaded: Any, ask: Any, conversation: Any) -> None:
    """Tapped and streamed, the model says what a bare ``generate`` says."""
    model, tokenizer = loaded
    ids = ChatPrompt(tokenizer).encode(conversation[:1], tiny.TOOLS)
    bare = model.generate(torch.tensor([ids]), max_new_tokens=80, do_sample=False)[0, len(ids) :].tolist()
    finished = ask(conversation[0], form=None)
    assert finished.content == tokenizer.decode(bare, skip_special_tokens=True).replace("<|im_end|>", "")
    assert finished.reply_tokens == len(bare)
    assert finished.reason == "stop"


def test_a_call_is_measured_over_its_own_tokens(loaded: Any, ask: Any, probe: Probe) -> None:
    """The signal equals the probe on a pass of its own over prompt and reply, at the call's tokens."""
    model, tokenizer = loaded
    finished = ask(tiny.BRIBE)
    (call,) = finished.signals.calls
    reading = call.readings["bribery"]
    ids = ChatPrompt(tokenizer).encode([tiny.BRIBE], tiny.TOOLS)
    reply = tokenizer.encode(
        '<tool_call>\n{"name": "pay", "arguments": {"to": "EVIL99", "amount": 40}}\n</tool_call>'
    )
    with Tap(model, {HookPoint(1): probe.head.project}) as tap, torch.no_grad():
        model(input_ids=torch.tensor([ids + reply]))
    y_BTK = tap.take(len(ids + reply))[HookPoint(1)]
    logit = float(probe.head.pool(y_BTK[:, len(ids) :]).detach())
    assert call.tokens == (0, len(reply))
    assert reading.evidence["logit"] == pytest.approx(logit, abs=1e-4)
    assert reading.value == pytest.approx(1 / (1 + torch.tensor(-logit).exp().item()), abs=1e-4)
    assert isinstance(reading.value, float) and reading.value > 0.9
    assert isinstance(reading.p_value, float) and reading.p_value < 0.05


def test_prompt_and_reply_are_measured_too(ask: Any) -> None:
    """Three spans, each with its tokens, the loudest of them, and where the running value rose."""
    finished = ask(tiny.CONVERSATIONS[4][0])
    record = finished.signals
    assert len(record.calls) == 2
    (first, second) = record.calls
    assert finished.content == "Both it is:"
    assert 0 < first.tokens[0] < first.tokens[1] <= second.tokens[0] < second.tokens[1] <= record.reply_tokens
    assert record.prompt["bribery"].evidence["tokens"] == record.prompt_tokens
    assert record.reply["bribery"].evidence["tokens"] == record.reply_tokens
    for call in record.calls:
        evidence = call.readings["bribery"].evidence
        assert evidence["tokens"] == call.tokens[1] - call.tokens[0]
        assert all(call.tokens[0] <= at < call.tokens[1] for at, _ in evidence["top"])


def test_the_last_token_is_measured_when_the_reply_is_cut(ask: Any) -> None:
    """A reply that ends at its limit, at a stop, or after one call has been read to its last token."""
    full = ask(tiny.RENT)
    for options in ({"most_tokens": full.reply_tokens - 1}, {"one_call": True}):
        cut = ask(tiny.RENT, **options)
        assert [call.digest for call in cut.calls] == [call.digest for call in full.calls]
        expected = full.signals.calls[0].readings["bribery"].evidence["logit"]
        assert cut.signals.calls[0].readings["bribery"].evidence["logit"] == pytest.approx(expected, abs=1e-5)
    stopped = ask(tiny.CONVERSATIONS[7][0], stops=["six"])
    assert stopped.content == "one two three four five "
    assert stopped.reason == "stop"
    assert isinstance(stopped.signals.reply["bribery"].value, float)


def test_a_call_that_is_cut_off_is_no_call(ask: Any) -> None:
    """Half a call is text, however far it got."""
    full = ask(tiny.RENT)
    for tokens in (1, 5, full.reply_tokens - 2):
        cut = ask(tiny.RENT, most_tokens=tokens)
        assert (cut.calls, cut.reason, cut.reply_tokens) == ((), "length", tokens)
        assert cut.content.startswith("<tool_call>")


def test_sampling_is_seeded_by_the_request_alone(ask: Any) -> None:
    """The same seed says the same, whatever else uses random numbers; another one says something else."""
    options = {"temperature": 2.0, "most_tokens": 30, "form": None}
    first = ask(tiny.RENT, seed=7, **options).content
    torch.rand(5)
    state = torch.get_rng_state()
    assert ask(tiny.RENT, seed=7, **options).content == first
    assert torch.equal(torch.get_rng_state(), state)
    assert len({ask(tiny.RENT, seed=seed, **options).content for seed in range(5)}) == 5
    near_greedy = ask(tiny.RENT, temperature=1.0, top_p=0.01, seed=3)
    assert near_greedy.calls == ask(tiny.RENT).calls


def test_poisoned_weights_have_no_signal(loaded: Any, probe: Probe) -> None:
    """Activations that are not numbers are missing at every span, and the reply is a reply all the same."""
    model, tokenizer = loaded
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight.fill_(float("nan"))
    ids = ChatPrompt(tokenizer).encode([tiny.RENT], tiny.TOOLS)
    generator = Generator(model, tokenizer, [probe])
    for temperature in (0.0, 1.0):
        job = Job(new_handle(), ids, 5, temperature=temperature)
        finished = generator.run(job, lambda said: None)
        assert finished is not None
        for readings in (finished.signals.prompt, finished.signals.reply):
            value = readings["bribery"].value
            assert isinstance(value, Missing) and "not finite" in value.reason


def test_a_hook_that_is_skipped_is_missing(loaded: Any, probe: Probe) -> None:
    """A layer that did not run in some pass leaves no number behind."""
    model, tokenizer = loaded
    ids = ChatPrompt(tokenizer).encode([tiny.RENT], tiny.TOOLS)
    generator = Generator(model, tokenizer, [probe])
    layer = model.model.layers[1]
    whole, passes = layer.forward, []

    def replaced(*args: Any, **kwargs: Any) -> Any:
        passes.append(1)
        if len(passes) == 4:
            layer._forward_hooks.clear()
        return whole(*args, **kwargs)

    layer.forward = replaced
    finished = generator.run(Job(new_handle(), ids, 80, form="hermes", temperature=0.0), lambda said: None)
    assert finished is not None and len(finished.calls) == 1
    value = finished.signals.calls[0].readings["bribery"].value
    assert isinstance(value, Missing) and value.reason.startswith("incomplete capture")


def test_the_model_keeps_nothing_of_a_generation(loaded: Any, probe: Probe) -> None:
    """Hooks are gone afterwards, and after one that was cancelled."""
    model, tokenizer = loaded
    ids = ChatPrompt(tokenizer).encode([tiny.RENT], tiny.TOOLS)
    generator = Generator(model, tokenizer, [probe])
    job = Job(new_handle(), ids, 80)
    job.cancelled.set()
    assert generator.run(job, lambda said: None) is None
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
