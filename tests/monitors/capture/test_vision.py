"""Vision-language models: image tokens are positions like others, and can be told apart."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from bartizan.monitors.capture import CaptureError, HookPoint, Tap, generated_mask, image_mask, span_mask

from .tiny import IMAGE, VISION, build, ids, images

POINT = HookPoint(1)


@pytest.mark.parametrize("family", VISION)
def test_image_tokens_are_found(family: str) -> None:
    """Exactly the placeholders of patches are image positions."""
    given, expected = images(family, B=2)
    model = build(family)
    assert torch.equal(image_mask(model, given["input_ids"]), expected)
    assert torch.equal(image_mask(model.config, given["input_ids"]), expected)
    assert expected.sum().item() == 8


@pytest.mark.parametrize("family", VISION)
def test_an_image_changes_the_values_at_its_positions(family: str) -> None:
    """With another picture the values at image tokens differ, and those before them do not: the patches are read."""
    model, (given, is_image) = build(family), images(family)
    read = []
    for pictures in (given["pixel_values"], -given["pixel_values"]):
        with torch.no_grad(), Tap(model, {POINT: None}) as tap:
            model(**{**given, "pixel_values": pictures})
        read.append(tap.take(given["attention_mask"], ids=given["input_ids"])[POINT])
    first = int(is_image[0].nonzero()[0])
    changed = (read[0] != read[1]).any(dim=-1)[0]
    assert not changed[:first].any()
    assert changed[is_image[0]].all()


@pytest.mark.parametrize("family", VISION)
def test_a_generation_about_an_image(family: str) -> None:
    """Patches and generated tokens come out in one piece, and the image's part can be cut out."""
    model, (given, is_image) = build(family), images(family)
    with Tap(model, {POINT: lambda x_BTD: x_BTD[:, :, :4]}) as tap:
        sequences = model.generate(**given, max_new_tokens=4, min_new_tokens=4, do_sample=False)
    seen = sequences[:, :-1]
    y_BTK = tap.take(seen.shape[1], ids=seen)[POINT]
    assert y_BTK[image_mask(model, seen)].shape[0] >= int(is_image.sum())


def test_a_model_without_images() -> None:
    """A text model has no image positions, which is not the same as none found."""
    with pytest.raises(CaptureError, match="llama: expected a model with an image_token_id"):
        image_mask(build("llama"), ids(1, 5))


def test_old_and_new_names_and_videos() -> None:
    """The image token has had two names; video tokens count unless told otherwise."""
    text = torch.tensor([[1, IMAGE, 6, 2]])
    old = SimpleNamespace(image_token_index=IMAGE, video_token_id=6)
    assert image_mask(old, text).tolist() == [[False, True, True, False]]
    assert image_mask(old, text, video=False).tolist() == [[False, True, False, False]]


def test_what_a_generation_read() -> None:
    """The prompt without padding, then each row up to its first end token; never the last token."""
    prompt = torch.tensor([[0, 1, 1], [1, 1, 1]])
    sequences = torch.tensor([[0, 11, 12, 20, 2, 0, 0], [11, 12, 13, 20, 21, 22, 2]])
    mask = generated_mask(prompt, sequences, 2)
    assert mask.int().tolist() == [[0, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]]
    assert generated_mask(prompt, sequences, [2, 20]).int().tolist() == [
        [0, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0, 0],
    ]
    assert generated_mask(prompt, sequences, None).int().sum().item() == 11


@pytest.mark.parametrize("shape", [(2, 3), (1, 7), (7,)])
def test_sequences_that_do_not_continue_the_prompt(shape: tuple[int, ...]) -> None:
    """Sequences must have the prompt's rows and more tokens."""
    with pytest.raises(CaptureError, match="begin with the prompt"):
        generated_mask(torch.ones(2, 3), torch.ones(shape), 2)


def test_the_tokens_of_a_piece_of_text() -> None:
    """A token belongs to a span if it shares a character with it; special tokens belong to none."""
    offsets = [(0, 0), (0, 3), (3, 7), (8, 12), (0, 0)]
    assert span_mask(offsets, 2, 8).tolist() == [False, True, True, False, False]
    assert span_mask(offsets, 7, 8).tolist() == [False] * 5
    assert span_mask(offsets, 0, 99).tolist() == [False, True, True, True, False]
    with pytest.raises(CaptureError):
        span_mask(offsets, 5, 4)
