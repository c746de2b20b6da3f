"""What a tap did not see, or cannot vouch for, is Incomplete: there is no other answer that looks like a low score."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
import torch
from transformers import DynamicCache

from bartizan.monitors.capture import CaptureError, HookPoint, Incomplete, Tap, generated_mask

from .tiny import build, ids, reading

POINT = HookPoint(1)


@pytest.fixture
def model() -> Any:
    return build("llama")


def rising(x_BTD: torch.Tensor) -> torch.Tensor:
    return x_BTD[:, :, :2] * 2


# --- counts, masks and ids


@pytest.mark.parametrize("tokens", [4, 6, 10**9])
def test_another_count(model: Any, tokens: int) -> None:
    """One token more or less than was seen is not what was seen."""
    with Tap(model, {POINT: None}) as tap:
        model(ids(1, 5))
    with pytest.raises(Incomplete, match=f"expected {tokens} tokens, saw 5"):
        tap.take(tokens)


@pytest.mark.parametrize("tokens", [0, -1, True, None, 5.0, "5", [5]], ids=repr)
def test_a_count_that_is_none(model: Any, tokens: Any) -> None:
    """What is no number of tokens is refused, and is never taken for "do not check"."""
    with Tap(model, {POINT: None}) as tap:
        model(ids(1, 5))
    with pytest.raises(Incomplete, match="expected a number of tokens or a mask"):
        tap.take(tokens)


@pytest.mark.parametrize("shape", [(1, 5), (2, 4), (3, 5), (2, 6), (5, 2)])
def test_a_mask_for_another_batch(model: Any, shape: tuple[int, int]) -> None:
    """A mask of another shape than what was seen does not fit."""
    with Tap(model, {POINT: None}) as tap:
        model(ids(2, 5))
    with pytest.raises(Incomplete, match="mask"):
        tap.take(torch.ones(shape))


def test_a_batch_needs_a_mask(model: Any) -> None:
    """A count cannot say how many rows were expected."""
    with Tap(model, {POINT: None}) as tap:
        model(ids(2, 5))
    with pytest.raises(Incomplete, match="give a mask for a batch"):
        tap.take(5)


def test_other_tokens(model: Any) -> None:
    """As many tokens, but not those: the ids tell."""
    with Tap(model, {POINT: None}) as tap:
        model(ids(1, 5, seed=1))
    with pytest.raises(Incomplete, match="not the ones that are expected"):
        tap.take(5, ids=ids(1, 5, seed=2))


def test_ids_of_embeddings(model: Any) -> None:
    """A model that was given embeddings cannot be shown to have read certain ids; a count still works."""
    embeddings = model.get_input_embeddings()(ids(1, 5)).detach()
    with Tap(model, {POINT: None}) as tap:
        model(inputs_embeds=embeddings)
        assert tap.take(5)[POINT].shape == (1, 5, 16)
        model(inputs_embeds=embeddings)
    with pytest.raises(Incomplete, match="given embeddings"):
        tap.take(5, ids=ids(1, 5))


def test_generated_rows_need_their_ids(model: Any) -> None:
    """Rows may be reordered between steps; nothing but the ids shows that they were not."""
    with Tap(model, {POINT: None}) as tap:
        sequences = model.generate(ids(2, 4), max_new_tokens=3, min_new_tokens=3, do_sample=False)
    with pytest.raises(Incomplete, match="give the ids"):
        tap.take(torch.ones(2, 6))
    with Tap(model, {POINT: None}) as tap:
        sequences = model.generate(ids(2, 4), max_new_tokens=3, min_new_tokens=3, do_sample=False)
    assert tap.take(torch.ones(2, 6), ids=sequences[:, :-1])[POINT].shape == (2, 6, 16)


def test_tokens_that_the_model_was_told_to_ignore(model: Any) -> None:
    """A mask that counts positions which the attention mask hid from the model is refused."""
    attention = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    with Tap(model, {POINT: None}) as tap:
        model(input_ids=ids(2, 5), attention_mask=attention)
    with pytest.raises(Incomplete, match="masked out for the model"):
        tap.take(torch.ones(2, 5))
    with Tap(model, {POINT: None}) as tap:
        model(input_ids=ids(2, 5), attention_mask=attention)
    y_BTK = tap.take(attention)[POINT]
    assert torch.equal(y_BTK[0, :2], torch.zeros(2, 16))
    assert bool((y_BTK[attention.bool()] != 0).any(dim=-1).all())


def test_left_padded_rows_read_as_without_padding(model: Any) -> None:
    """Generation of a padded batch: each row's values are those of its text alone, and padding and what follows the
    end are left out."""
    short, long = ids(1, 3, seed=1), ids(1, 5, seed=2)
    prompt = torch.cat([torch.cat([torch.zeros(1, 2, dtype=torch.long), short], dim=1), long])
    attention = (prompt != 0).long()
    given = {"input_ids": prompt, "attention_mask": attention}
    first = model.generate(**given, max_new_tokens=6, do_sample=False, pad_token_id=0)[0, 6]
    with Tap(model, {POINT: None}) as tap:  # the first row's second token ends it
        sequences = model.generate(
            **given, max_new_tokens=6, do_sample=False, pad_token_id=0, eos_token_id=int(first)
        )
    mask = generated_mask(attention, sequences, int(first))
    y_BTK = tap.take(mask, ids=sequences[:, :-1])[POINT]
    for row, prompt_length in ((0, 3), (1, 5)):
        text = sequences[row, :-1][mask[row]]
        assert text.shape[0] >= prompt_length
        with Tap(model, {POINT: None}) as alone:
            model(text[None])
        torch.testing.assert_close(
            y_BTK[row][mask[row]], alone.take(text.shape[0])[POINT][0], rtol=1e-4, atol=1e-5
        )
    assert not y_BTK[~mask].any()


# --- what never ran


def test_nothing_ran(model: Any) -> None:
    """No pass, no values; and what was taken once is gone."""
    with Tap(model, {POINT: None}) as tap:
        with pytest.raises(Incomplete, match="no pass of the model was seen"):
            tap.take(5)
        model(ids(1, 5))
        tap.take(5)
        with pytest.raises(Incomplete, match="no pass of the model was seen"):
            tap.take(5)


def test_before_and_after_the_context(model: Any) -> None:
    """Passes outside of the context are not seen."""
    tap = Tap(model, {POINT: None})
    model(ids(1, 5))
    with tap:
        pass
    model(ids(1, 5))
    with pytest.raises(Incomplete, match="no pass"):
        tap.take(5)


def test_a_layer_that_is_skipped(model: Any) -> None:
    """A pass in which a tapped layer did not run (early exit, layer dropping) says which."""
    with Tap(model, {POINT: None, HookPoint(2): None}) as tap:
        layers = model.model.layers
        model.model.layers = layers[:2]
        model(ids(1, 5))
        model.model.layers = layers
    with pytest.raises(Incomplete, match=r"resid_post\.2 did not run in pass 1"):
        tap.take(5)


def test_a_layer_that_runs_twice(model: Any) -> None:
    """A layer that runs twice in a pass has no single value."""
    with Tap(model, {POINT: None}) as tap:
        layers = model.model.layers
        model.model.layers = torch.nn.ModuleList([layers[0], layers[1], layers[1]])
        model(ids(1, 5), use_cache=False)
        model.model.layers = layers
    with pytest.raises(Incomplete, match="ran twice"):
        tap.take(5)


def test_a_layer_called_by_itself(model: Any) -> None:
    """Layers that run without a pass of the tapped model around them cannot be placed."""
    with Tap(model, {POINT: None}) as tap:
        model.model(ids(1, 5))
    with pytest.raises(Incomplete, match="tap the module that you call"):
        tap.take(5)
    with Tap(model.model, {POINT: None}) as tap:
        model.model(ids(1, 5))
    assert tap.take(5)[POINT].shape == (1, 5, 16)


def test_the_model_raises(model: Any) -> None:
    """A pass that raised is not complete, though its tapped layer ran; the exception is the model's own."""

    def fail(*_: Any) -> None:
        raise RuntimeError("out of memory")

    handle = model.model.layers[2].register_forward_hook(fail)
    tap = Tap(model, {POINT: None})
    with pytest.raises(RuntimeError, match="out of memory"), tap:
        model(ids(1, 5))
    handle.remove()
    with pytest.raises(Incomplete, match="pass 1 did not end"):
        tap.take(5)
    with tap:  # entered again, it starts afresh
        model(ids(1, 5))
    assert tap.take(5)[POINT].shape == (1, 5, 16)


# --- caches


def test_a_prefix_cache_hides_its_positions(model: Any) -> None:
    """What came out of a cache was not seen; with what was taken for it, it is complete."""
    text = ids(1, 9)
    with Tap(model, {POINT: rising}) as tap, torch.no_grad():
        cache = model(text[:, :6], use_cache=True).past_key_values
    earlier = tap.take(6, ids=text[:, :6])
    again = copy.deepcopy(cache)
    with Tap(model, {POINT: rising}) as tap, torch.no_grad():
        model(text[:, 6:], **reading(model, cache))
    with pytest.raises(Incomplete, match="positions 0 to 5 came from a prefix cache"):
        tap.take(3)
    with Tap(model, {POINT: rising}, carry=earlier, carry_ids=text[:, :6]) as tap, torch.no_grad():
        model(text[:, 6:], **reading(model, again))
    with Tap(model, {POINT: rising}) as whole, torch.no_grad():
        model(text)
    torch.testing.assert_close(tap.take(9, ids=text)[POINT], whole.take(9)[POINT], rtol=1e-5, atol=1e-5)


def test_too_little_is_carried_over(model: Any) -> None:
    """Carried values for four positions do not cover a cache of six."""
    text = ids(1, 9)
    with torch.no_grad():
        cache = model(text[:, :6], use_cache=True).past_key_values
    with Tap(model, {POINT: rising}, carry={POINT: torch.zeros(1, 4, 2)}) as tap, torch.no_grad():
        model(text[:, 6:], **reading(model, cache))
    with pytest.raises(Incomplete, match="positions 4 to 5"):
        tap.take(9)


@pytest.mark.parametrize(
    "carry",
    [{}, {HookPoint(0): torch.zeros(1, 4, 2)}, {POINT: torch.zeros(4, 2)}, {POINT: torch.zeros(1, 4, 2, 1)}],
    ids=["nothing", "another point", "two dimensions", "four dimensions"],
)
def test_what_cannot_be_carried_over(model: Any, carry: Any) -> None:
    """Carried values must be y_BTK for each hook point."""
    with pytest.raises(CaptureError, match="carry over y_BTK"):
        Tap(model, {POINT: rising}, carry=carry)


def test_the_cache_of_another_conversation(model: Any) -> None:
    """A cache of the right length that another conversation wrote is not the one that was seen."""
    with torch.no_grad():
        other = model(ids(1, 5, seed=9), use_cache=True).past_key_values
        with Tap(model, {POINT: rising}) as tap:
            model(ids(1, 5), use_cache=True)
            model(ids(1, 1), **reading(model, other))
    with pytest.raises(Incomplete, match="another cache"):
        tap.take(6)


class Opaque(DynamicCache):
    """A cache that does not tell its length, as those of state-space models."""

    def get_seq_length(self, layer_idx: int = 0) -> int:
        import inspect

        if any(frame.filename.endswith("inputs.py") for frame in inspect.stack()[:4]):
            raise ValueError("no positions here")
        return super().get_seq_length(layer_idx)


def test_a_cache_that_cannot_be_read(model: Any) -> None:
    """A cache whose length nobody can tell is not taken for an empty one."""
    with torch.no_grad(), Tap(model, {POINT: rising}) as tap:
        model(ids(1, 5), **reading(model, Opaque()))
    with pytest.raises(Incomplete, match="whose length cannot be told"):
        tap.take(5)


def test_two_texts_without_a_take(model: Any) -> None:
    """A second text does not quietly replace the first."""
    with Tap(model, {POINT: None}) as tap:
        model(ids(1, 5, seed=1))
        model(ids(1, 5, seed=2))
    with pytest.raises(Incomplete, match="starts again with other tokens"):
        tap.take(5)
    with Tap(model, {POINT: None}) as tap:
        model(ids(1, 5, seed=1))
        model(ids(1, 3, seed=1))
    with pytest.raises(Incomplete, match="starts again"):
        tap.take(3)


def test_generation_without_a_cache(model: Any) -> None:
    """Each pass then reads the whole text again: the last one counts."""
    with Tap(model, {POINT: rising}) as tap:
        sequences = model.generate(
            ids(1, 4), max_new_tokens=4, min_new_tokens=4, do_sample=False, use_cache=False
        )
    y_BTK = tap.take(7, ids=sequences[:, :-1])[POINT]
    with Tap(model, {POINT: rising}) as tap, torch.no_grad():
        model(sequences[:, :-1])
    assert torch.equal(y_BTK, tap.take(7)[POINT])


def test_a_static_cache(model: Any) -> None:
    """A cache of a fixed size counts in place; its generation is complete all the same."""
    with Tap(model, {POINT: rising}) as tap:
        sequences = model.generate(
            ids(1, 4), max_new_tokens=4, min_new_tokens=4, do_sample=False, cache_implementation="static"
        )
    assert tap.take(7, ids=sequences[:, :-1])[POINT].shape == (1, 7, 2)


@pytest.mark.parametrize("how", ["prompt lookup", "assistant"])
def test_speculative_decoding_rolls_back(model: Any, how: str) -> None:
    """Rejected drafts are cut from the cache, and from what was seen."""
    prompt = torch.cat([ids(1, 4), ids(1, 4), ids(1, 4)], dim=1)
    draft = (
        {"prompt_lookup_num_tokens": 3}
        if how == "prompt lookup"
        else {"assistant_model": build("llama", seed=5)}
    )
    with Tap(model, {POINT: rising}) as tap:
        sequences = model.generate(prompt, max_new_tokens=8, min_new_tokens=8, do_sample=False, **draft)
    steps = tap._record.passes
    y_BTK = tap.take(19, ids=sequences[:, :-1])[POINT]
    with Tap(model, {POINT: rising}) as tap, torch.no_grad():
        model(sequences[:, :-1])
    torch.testing.assert_close(y_BTK, tap.take(19)[POINT], rtol=1e-4, atol=1e-4)
    assert steps >= 2


# --- beams


def test_beams_are_followed(model: Any) -> None:
    """With the beam indices that generate returns, each final sequence has the values of its own text."""
    with Tap(model, {POINT: rising}) as tap:
        output = model.generate(
            ids(2, 4), num_beams=4, num_return_sequences=2, max_new_tokens=6, min_new_tokens=6, do_sample=False,
            return_dict_in_generate=True, output_scores=True,
        )  # fmt: skip
    seen = output.sequences[:, :-1]
    y_BTK = tap.take(torch.ones_like(seen), ids=seen, beam_indices=output.beam_indices)[POINT]
    with Tap(model, {POINT: rising}) as tap, torch.no_grad():
        model(seen)
    torch.testing.assert_close(y_BTK, tap.take(torch.ones_like(seen))[POINT], rtol=1e-4, atol=1e-4)


def test_beams_that_nobody_follows(model: Any) -> None:
    """Without the indices, the rows of a beam search are not the final sequences, and that shows."""
    beams = {
        "num_beams": 4,
        "num_return_sequences": 4,
        "max_new_tokens": 8,
        "min_new_tokens": 8,
        "do_sample": False,
    }
    with Tap(model, {POINT: rising}) as tap:
        sequences = model.generate(ids(1, 4), **beams)
    with pytest.raises(Incomplete, match="not the ones that are expected"):
        tap.take(torch.ones(4, 11), ids=sequences[:, :-1])


@pytest.mark.parametrize(
    "indices",
    [torch.zeros(1, 9), torch.full((1, 3), 7), torch.zeros(3), torch.zeros(1, 0)],
    ids=["more steps than passes", "rows that are none", "one dimension", "no steps"],
)
def test_beam_indices_that_do_not_fit(model: Any, indices: torch.Tensor) -> None:
    """Indices of another generation are refused."""
    with Tap(model, {POINT: rising}) as tap:
        model.generate(ids(1, 4), max_new_tokens=3, min_new_tokens=3, do_sample=False)
    with pytest.raises(Incomplete, match="beam indices"):
        tap.take(6, beam_indices=indices.long())


# --- other threads, compiled code


def test_another_thread_does_not_mix_in(model: Any) -> None:
    """A pass of another thread, in the middle of ours, leaves our tap as it was."""

    class Meanwhile:
        def __init__(self) -> None:
            self.runs = 0

        def __call__(self, *_: Any) -> None:
            if threading.current_thread() is threading.main_thread() and not self.runs:
                self.runs += 1
                other = threading.Thread(target=lambda: model(ids(3, 7, seed=8)))
                other.start()
                other.join()

    meanwhile = Meanwhile()
    handle = model.model.layers[0].register_forward_hook(meanwhile)
    with Tap(model, {POINT: None}) as tap:
        model(ids(1, 5))
    handle.remove()
    assert meanwhile.runs == 1
    mixed = tap.take(5, ids=ids(1, 5))[POINT]
    with Tap(model, {POINT: None}) as tap:
        model(ids(1, 5))
    assert torch.equal(mixed, tap.take(5)[POINT])


def test_the_wrong_thread(model: Any) -> None:
    """A tap that was entered in another thread than the one that runs the model sees nothing, and says why."""
    with Tap(model, {POINT: None}) as tap:
        other = threading.Thread(target=lambda: model(ids(1, 5)))
        other.start()
        other.join()
    with pytest.raises(Incomplete, match="enter the tap in the thread that runs the model"):
        tap.take(5)


@pytest.mark.parametrize(
    ("what", "when"),
    [("model", "within"), ("wrapped", "before"), ("layer", "before"), ("layer", "within")],
)
def test_compiled_code_skips_hooks(model: Any, what: str, when: str) -> None:
    """Compiled modules do not run hooks, whether they were compiled before the tap or under it; the answer says so,
    and the compiled model's output is what it was."""
    if what == "wrapped":
        run = torch.compile(model, backend="eager")
    else:
        (model if what == "model" else model.model.layers[1]).compile(backend="eager")
        run = model
    expected = build("llama")(ids(1, 5)).logits
    with torch.no_grad():
        if when == "before":
            run(ids(1, 5))
        with Tap(run, {POINT: None}) as tap:
            output = run(ids(1, 5)).logits
        after = run(ids(1, 5)).logits
    assert torch.equal(output, expected) and torch.equal(after, expected)
    with pytest.raises(Incomplete, match="compiled code skips hooks"):
        tap.take(5)
    torch.compiler.reset()
