"""Whole files: text channels with a reader, text and images with vision-language models; resumed, damaged, hostile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from PIL import Image

from bartizan.monitors.capture import HookPoint
from bartizan.monitors.filtering import (
    ChannelWeights,
    FilterError,
    TextAndImages,
    TextChannels,
    filter_data,
    filter_table,
    injection_features,
)
from bartizan.monitors.filtering.encoding import CHUNK_TOKENS, Encoder
from bartizan.monitors.reader import Layout, Reader
from bartizan.monitors.sae import SAEConfig, SparseAutoencoder

from . import vlm

POINT = HookPoint(0)


def autoencoder(d_in: int, d_sae: int = 24, seed: int = 0) -> SparseAutoencoder:
    generator = torch.Generator().manual_seed(seed)
    W_enc = torch.randn(d_in, d_sae, generator=generator) / d_in**0.5
    tensors = {
        "W_enc": W_enc,
        "W_dec": W_enc.T.clone(),
        "b_enc": torch.zeros(d_sae),
        "b_dec": torch.zeros(d_in),
    }
    return SparseAutoencoder(SAEConfig(activation="relu", d_in=d_in, d_sae=d_sae), tensors)


@pytest.fixture(scope="module")
def reader() -> Reader:
    torch.manual_seed(0)
    words = vlm.tokenizer()
    model = hf.LlamaModel(hf.LlamaConfig(**vlm._text(len(words))))
    return Reader(model, words, Layout(window=32, overlap=8, batch=512))


@pytest.fixture
def source(reader: Reader) -> TextChannels:
    return TextChannels(reader, POINT)


def write(path: Path, lines: list[Any]) -> Path:
    path.write_bytes(b"".join(x if isinstance(x, bytes) else json.dumps(x).encode() + b"\n" for x in lines))
    return path


def samples(number: int) -> list[dict[str, Any]]:
    generator = np.random.default_rng(0)
    words = lambda: " ".join(generator.choice(vlm.WORDS, size=6))  # noqa: E731
    return [
        {"user": words(), "result": words(), "id": n}
        if n % 2
        else {"passages": [{"channel": "user", "text": words()}, {"channel": "call", "text": "x"}], "id": n}
        for n in range(number)
    ]


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in sorted(folder.iterdir())
        if path.name != "weights.safetensors"
    }


def test_scores_are_recomputed_by_hand(source: TextChannels, tmp_path: Path) -> None:
    """Each row's score follows from its latents and the saved weights; the best half is kept, byte for byte."""
    given = samples(20)
    data, sae = write(tmp_path / "data.jsonl", given), autoencoder(vlm.WIDTH)
    report = filter_data(data, tmp_path / "out", source=source, sae=sae, top=3)
    w_F = ChannelWeights.load(tmp_path / "out" / "weights.safetensors").w_F
    lines = [json.loads(line) for line in (tmp_path / "out" / "scores.jsonl").read_text().splitlines()]
    for row, line in zip(given, lines, strict=True):
        a_F = sae.encode(source.read(row).x_TD).sum(0)
        assert line["score"] == pytest.approx(float(a_F @ w_F / a_F.sum()), rel=1e-4)
    ranked = sorted(range(20), key=lambda n: -lines[n]["score"])[:10]
    kept = (tmp_path / "out" / "kept.jsonl").read_bytes().splitlines(keepends=True)
    assert kept == [json.dumps(given[n]).encode() + b"\n" for n in sorted(ranked)]
    assert (report.rows, report.kept, report.malformed) == (20, 10, 0)
    assert report.threshold == min(lines[n]["score"] for n in ranked)
    assert json.loads((tmp_path / "out" / "report.json").read_text())["kept"] == 10
    assert filter_table(report).row_count > 5


def test_malformed_rows_are_kept_aside_with_their_lines(source: TextChannels, tmp_path: Path) -> None:
    """Broken JSON, other types, missing text, bytes that are no text: the rest is scored as without them."""
    good = samples(8)
    bad: list[Any] = [
        b"{not json\n",
        b"\xff\xfe\n",
        [1],
        {"user": 3},
        {"passages": "hello"},
        {"passages": [{"channel": "user"}]},
        {"other": "text"},
        {"user": "", "result": ""},
        b"[" * 100_000 + b"\n",
        {"user": "a\ud800b"},
    ]
    mixed: list[Any] = [b"\n"]
    for n, row in enumerate(good):
        mixed += [row, bad[n]]
    mixed += bad[8:]
    sae = autoencoder(vlm.WIDTH)
    alone = filter_data(write(tmp_path / "a.jsonl", good), tmp_path / "a", source=source, sae=sae)
    report = filter_data(write(tmp_path / "b.jsonl", mixed), tmp_path / "b", source=source, sae=sae)
    assert (report.rows, report.malformed, report.kept) == (18, 10, alone.kept)
    assert (tmp_path / "a" / "kept.jsonl").read_bytes() == (tmp_path / "b" / "kept.jsonl").read_bytes()
    malformed = [json.loads(line) for line in (tmp_path / "b" / "malformed.jsonl").read_text().splitlines()]
    assert [line["line"] for line in malformed] == [3, 5, 7, 9, 11, 13, 15, 17, 18, 19]
    assert all(line["malformed"] for line in malformed)


class Stopping(TextChannels):
    """Raises after so many reads, as a killed process would stop."""

    def __init__(self, *given: Any, after: int) -> None:
        super().__init__(*given)
        self.left = after

    def read(self, row: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().read(row)


def test_a_run_that_was_stopped_goes_on(reader: Reader, source: TextChannels, tmp_path: Path) -> None:
    """Stopped in either pass, even in the middle of a line, it ends with the same files, and shows none before."""
    data, sae = write(tmp_path / "data.jsonl", samples(12)), autoencoder(vlm.WIDTH)
    filter_data(data, tmp_path / "whole", source=source, sae=sae)
    for after in (5, 17):
        out = tmp_path / str(after)
        with pytest.raises(KeyboardInterrupt):
            filter_data(data, out, source=Stopping(reader, POINT, after=after), sae=sae)
        assert not (out / "kept.jsonl").exists()
        if after == 17:
            with (out / "scores.jsonl").open("a") as file:
                file.write('{"line": 6, "sco')
        counted = Stopping(reader, POINT, after=1000)
        filter_data(data, out, source=counted, sae=sae)
        assert 1000 - counted.left == (24 if after == 5 else 7)
        assert files(out) == files(tmp_path / "whole")


def test_results_of_another_run_are_not_continued(source: TextChannels, tmp_path: Path) -> None:
    """Other data, another autoencoder or other settings need another folder."""
    data, sae = write(tmp_path / "data.jsonl", samples(6)), autoencoder(vlm.WIDTH)
    filter_data(data, tmp_path / "out", source=source, sae=sae)
    with pytest.raises(FilterError, match="other fraction"):
        filter_data(data, tmp_path / "out", source=source, sae=sae, fraction=0.25)
    with pytest.raises(FilterError, match="other sae"):
        filter_data(data, tmp_path / "out", source=source, sae=autoencoder(vlm.WIDTH, seed=1))
    write(data, samples(7))
    with pytest.raises(FilterError, match="other data"):
        filter_data(data, tmp_path / "out", source=source, sae=sae)
    write(data, samples(6))
    for line in (b"garbage\n", b"[1]\n", b'{"line": 1, "score": "high"}\n', b"\xff\n"):
        (tmp_path / "out" / "scores.jsonl").write_bytes(b'{"line": 1, "score": 0.5}\n' + line)
        with pytest.raises(FilterError, match=r"scores\.jsonl, line [12]: is no score"):
            filter_data(data, tmp_path / "out", source=source, sae=sae)
    (tmp_path / "out" / "run.json").write_text("{")
    with pytest.raises(FilterError, match=r"run\.json"):
        filter_data(data, tmp_path / "out", source=source, sae=sae)


def test_named_features_only(source: TextChannels, tmp_path: Path) -> None:
    """Sliced features give the weights that they have among all; weights can be taken from an earlier run."""
    data, sae = write(tmp_path / "data.jsonl", samples(10)), autoencoder(vlm.WIDTH)
    filter_data(data, tmp_path / "all", source=source, sae=sae)
    report = filter_data(data, tmp_path / "some", source=source, sae=sae, features=[7, 2])
    whole = ChannelWeights.load(tmp_path / "all" / "weights.safetensors")
    some = ChannelWeights.load(tmp_path / "some" / "weights.safetensors")
    torch.testing.assert_close(some.w_F, whole.w_F[[7, 2]])
    assert report.features == 2
    again = filter_data(
        data, tmp_path / "again", source=source, sae=sae, weights=tmp_path / "all" / "weights.safetensors"
    )
    assert again.scores == filter_data(data, tmp_path / "all", source=source, sae=sae).scores
    with pytest.raises(FilterError, match="use the same for both"):
        filter_data(
            data, tmp_path / "x", source=source, sae=sae, features=[1],
            weights=tmp_path / "all" / "weights.safetensors",
        )  # fmt: skip
    with pytest.raises(FilterError, match="99"):
        filter_data(data, tmp_path / "y", source=source, sae=sae, features=[99])
    with pytest.raises(FilterError, match="hook point"):
        filter_data(data, tmp_path / "z", source=source, sae=autoencoder(vlm.WIDTH + 1))


def test_injection_features_are_found_in_text(reader: Reader, source: TextChannels, tmp_path: Path) -> None:
    """A feature along "send money" is kept; one along "square", which benign results hold too, is dropped."""
    rows: list[Any] = []
    for n in range(70):
        rows.append(
            {
                "user": f"{vlm.WORDS[n % 5]} square",
                "result": "the dog sits square on the mat",
                "injected": False,
            }
        )
    rows += [{"user": "send money now", "result": "the cat send money to bob", "injected": True}] * 12
    rows += [{"user": "a", "result": "b"}]
    data = write(tmp_path / "data.jsonl", rows)
    x_TD = source.read({"user": "square money"}).x_TD
    others_TD = source.read({"user": " ".join(w for w in vlm.WORDS if w not in ("square", "money"))}).x_TD
    directions = torch.stack([x_TD[0], x_TD[1]]) - others_TD.mean(0)
    directions = torch.nn.functional.normalize(directions, dim=1)
    centre = others_TD.mean(0)
    tensors = {
        "W_enc": directions.T.contiguous(), "W_dec": directions, "b_dec": centre,
        "b_enc": torch.zeros(2), "threshold": 0.9 * ((x_TD - centre) @ directions.T).diagonal(),
    }  # fmt: skip
    config = SAEConfig(activation="jumprelu", d_in=vlm.WIDTH, d_sae=2, apply_b_dec_to_input=True)
    verdicts, malformed = injection_features(data, source=source, sae=SparseAutoencoder(config, tensors))
    kept = {one.feature: one for one in verdicts if not one.dropped}
    assert set(kept) == {1}
    assert (kept[1].injected_fired, kept[1].injected, kept[1].benign_fired) == (12, 12, 0)
    assert [line for line, _ in malformed] == [83]


@pytest.mark.parametrize(
    ("build", "picture"),
    [(vlm.llava, "<image>"), (vlm.qwen, "<|vision_start|> <|image_pad|> <|vision_end|>")],
)
def test_text_and_images_of_vision_language_models(
    build: Callable[[], tuple[Any, Any]], picture: str, tmp_path: Path
) -> None:
    """Image tokens are tapped and told from text; samples are filtered; hostile image paths are malformed."""
    model, processor = build()
    folder = tmp_path / "images"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for n in range(3):
        Image.fromarray(generator.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(folder / f"{n}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG no")
    Image.new("RGB", (4, 4)).save(tmp_path / "outside.png")
    source = TextAndImages(model, processor, POINT, folder=folder)
    tokens = source.read({"text": f"{picture} what is this", "images": ["0.png"]})
    assert int((tokens.channel_T == 1).sum()) == 4
    assert int((tokens.channel_T == 0).sum()) == 3
    assert not torch.allclose(tokens.x_TD[tokens.channel_T == 1][0], tokens.x_TD[tokens.channel_T == 1][1])
    other = source.read({"text": f"{picture} what is this", "images": ["1.png"]})
    assert not torch.allclose(tokens.x_TD[tokens.channel_T == 1], other.x_TD[other.channel_T == 1])
    rows: list[Any] = [
        {"text": f"{picture} {vlm.WORDS[n]} dog", "images": [f"{n % 3}.png"]} for n in range(6)
    ]
    rows += [
        {"text": "a dog"},
        {"text": f"{picture} a", "images": ["broken.png"]},
        {"text": f"{picture} a", "images": ["../outside.png"]},
        {"text": f"{picture} a", "images": ["missing.png"]},
        {"text": f"{picture} a", "images": [3]},
        {"text": f"{picture} a", "images": []},
        {"images": ["0.png"]},
    ]
    data = write(tmp_path / "data.jsonl", rows)
    report = filter_data(data, tmp_path / "out", source=source, sae=autoencoder(vlm.WIDTH), fraction=0.5)
    malformed = [
        json.loads(line)["line"] for line in (tmp_path / "out" / "malformed.jsonl").read_text().splitlines()
    ]
    assert malformed == [8, 9, 10, 11, 12, 13]
    assert (report.scored, report.kept, report.channels) == (7, 4, ("text", "image"))
    assert report.one_sided < report.features


def test_memory_is_bounded_by_chunks(source: TextChannels) -> None:
    """However long a sample is, latents of a bounded number of tokens exist at once."""
    from bartizan.monitors.filtering.sources import Tokens

    long = 2 * CHUNK_TOKENS + 7
    channel_T = torch.arange(long) % 3 - 1
    parts = list(Encoder(autoencoder(vlm.WIDTH)).chunks(Tokens(torch.randn(long, vlm.WIDTH), channel_T)))
    assert max(len(latents_TF) for _, latents_TF, _ in parts) <= CHUNK_TOKENS
    assert sum(len(part) for _, _, part in parts) == int((channel_T >= 0).sum())
