"""Our network, its decoding loop, and its folder on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.monitors.device import DEVICE

from bartizan.monitors.corrector import storage, vocabulary
from bartizan.monitors.corrector.decode import write
from bartizan.monitors.corrector.errors import CorrectorFiles
from bartizan.monitors.corrector.model import SIZES, EditModel, ModelConfig
from bartizan.monitors.corrector.reading import ToolReading
from bartizan.monitors.corrector.storage import Corrector


def network(seed: int = 0) -> EditModel:
    """Random weights, large enough that what is written depends on what was read."""
    torch.manual_seed(seed)
    made = EditModel(SIZES["tiny"])
    with torch.no_grad():
        made.embed.weight.mul_(10)
        for name, weight in made.named_parameters():
            if name.endswith(("out.weight", "down.weight", "neighbours.weight")):
                weight.mul_(8)
    return made.to(DEVICE).eval()


def inputs(count: int) -> list[list[int]]:
    draw = torch.Generator().manual_seed(count)
    lengths = torch.randint(1, 40, (count,), generator=draw).tolist()
    return [torch.randint(0, 256, (length,), generator=draw).tolist() for length in lengths]


@torch.inference_mode()
def slowly(model: EditModel, given: list[int], most: int) -> tuple[bytes, float, bool]:
    """Without a cache and without padding: the whole input again for every byte."""
    tokens, log_p = list(given), 0.0
    for _ in range(most + 1):
        logits = model(torch.tensor([tokens], device=DEVICE))[0, -1].cpu()
        offered = logits.clone()
        offered[256 : vocabulary.END] = -torch.inf
        offered[vocabulary.END + 1 :] = -torch.inf
        token = int(offered.argmax())
        log_p += float(logits.log_softmax(-1)[token])
        if token == vocabulary.END:
            return bytes(tokens[len(given) :]), log_p, True
        tokens.append(token)
    return bytes(tokens[len(given) :]), log_p, False


def test_the_loop_writes_what_the_slow_one_writes() -> None:
    """Batched, padded and with a cache, each text and its log-probability are those of a loop without any of it."""
    model, given = network(), inputs(9)
    found = write(model, given, most=24)
    for tokens, written in zip(given, found, strict=True):
        text, log_p, ended = slowly(model, tokens, 24)
        assert (written.text, written.ended) == (text, ended)
        assert written.log_p == pytest.approx(log_p, abs=1e-3)
    assert len({written.text for written in found}) > 5


def test_a_text_does_not_depend_on_its_batch() -> None:
    """Alone or among others, cut at another length or not: the same bytes."""
    model, given = network(1), inputs(6)
    together = write(model, given, most=16)
    assert [write(model, [tokens], most=16)[0].text for tokens in given] == [w.text for w in together]
    assert [w.text[:5] for w in together] == [w.text[:5] for w in write(model, given, most=4)]


def test_only_what_is_allowed_is_written() -> None:
    """What the caller allows next is kept to, row by row, and the log-probability is the model's own."""
    model = network(2)
    rows = write(
        model, inputs(3), most=8, allowed=lambda row, text: [97 + row] if len(text) < 4 else [vocabulary.END]
    )
    assert [(w.text, w.ended) for w in rows] == [(b"aaaa", True), (b"bbbb", True), (b"cccc", True)]
    assert all(w.log_p < -1 for w in rows)


def test_a_row_that_nobody_wants_costs_no_more() -> None:
    """Given up after three bytes, a row is left out of the passes that follow; the others are as they were."""
    model, given = network(3), inputs(4)
    widths: list[int] = []
    handle = model.register_forward_pre_hook(lambda _, args: widths.append(args[0].shape[0]))
    asked = [0]

    def stopped(row: int) -> bool:
        asked[0] += row == 1
        return row == 1 and asked[0] > 3

    found = write(model, given, most=12, stopped=stopped)
    handle.remove()
    assert not found[1].ended and len(found[1].text) == 3
    assert widths[5] == widths[0] - 1
    others = write(model, given, most=12)
    assert [found[row].text for row in (0, 2, 3)] == [others[row].text for row in (0, 2, 3)]


def test_sampling_is_seeded() -> None:
    """The same generator gives the same texts, another one others."""
    model, given = network(4), inputs(5)

    def texts(seed: int) -> list[bytes]:
        draw = torch.Generator().manual_seed(seed)
        return [w.text for w in write(model, given, most=8, temperature=2.0, generator=draw)]

    assert texts(1) == texts(1) != texts(2)


def test_an_input_must_fit() -> None:
    """Empty, or longer than the context: said, not cut."""
    for tokens in ([], [1] * SIZES["tiny"].context):
        with pytest.raises(ValueError, match="expected inputs"):
            write(network(), [tokens])
    longest = [1] * (SIZES["tiny"].context - 2)
    assert len(write(network(), [longest])[0].text) <= 3


def test_the_attention_written_out_is_the_fused_one() -> None:
    """Training on a CPU computes attention by hand; the results are those of a pass with a mask."""
    model = network(5)
    tokens = torch.randint(0, 256, (3, 33), device=DEVICE)
    seen = torch.ones(33, 33, dtype=torch.bool, device=DEVICE).tril().expand(3, 33, 33)
    places = torch.arange(33, device=DEVICE).expand(3, 33)
    with torch.no_grad():
        torch.testing.assert_close(
            model(tokens), model(tokens, seen_BTS=seen, places_BT=places), atol=1e-4, rtol=1e-4
        )


def test_sizes_are_what_they_are_called() -> None:
    """About a million, ten and thirty million parameters."""
    counts = {name: EditModel(config).parameters_count for name, config in SIZES.items()}
    assert 0.7e6 < counts["1m"] < 1.2e6 and 8e6 < counts["10m"] < 12e6 and 24e6 < counts["30m"] < 36e6


def corrector() -> Corrector:
    tools = {"pay": ToolReading({"amount": (), "currency": ("USD", "EUR"), "urgent": (False,)})}
    return Corrector(network(), "calls", "ab" * 32, tools, -0.25, {"steps": 3})


def test_a_folder_gives_back_what_was_saved(tmp_path: Path) -> None:
    """Weights, policy hash, tools, threshold and notes; and the same texts."""
    saved = corrector()
    saved.save(tmp_path)
    found = storage.load(tmp_path, device=DEVICE)
    assert (found.task, found.policy, found.threshold, found.notes) == (
        "calls",
        "ab" * 32,
        -0.25,
        {"steps": 3},
    )
    assert found.tools == saved.tools
    given = inputs(3)
    assert [w.text for w in write(found.model, given, most=9)] == [
        w.text for w in write(saved.model, given, most=9)
    ]


@pytest.mark.parametrize("damage", ["none", "json", "format", "weights", "shape", "task", "truncated"])
def test_a_damaged_folder_is_refused(tmp_path: Path, damage: str) -> None:
    """Whatever is wrong is one error that says so."""
    folder = tmp_path / "corrector"
    corrector().save(folder)
    config, weights = folder / "config.json", folder / "model.safetensors"
    document = json.loads(config.read_text())
    match damage:
        case "none":
            folder = tmp_path / "nothing"
        case "json":
            config.write_text("{")
        case "format":
            config.write_text(json.dumps(document | {"format": "other"}))
        case "weights":
            weights.unlink()
        case "shape":
            config.write_text(json.dumps(document | {"model": document["model"] | {"layers": 3}}))
        case "task":
            config.write_text(json.dumps(document | {"task": "poems"}))
        case "truncated":
            weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(CorrectorFiles):
        storage.load(folder)


def test_a_shape_must_make_sense() -> None:
    """Heads of even width, a vocabulary with all marks, sizes that are numbers."""
    for shape in ({"heads": 5}, {"vocabulary": 100}, {"layers": 0}, {"d_model": True}):
        with pytest.raises(CorrectorFiles):
            ModelConfig(**({"layers": 1, "d_model": 32, "heads": 2} | shape))
