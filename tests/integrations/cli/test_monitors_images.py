"""``bartizan monitors filter --vlm``: a tiny LLaVA from its folder, images beside the data, also hostile."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.forked import Forked

from bartizan.monitors.formats import save
from bartizan.monitors.sae import SAEConfig, SparseAutoencoder

from ...monitors.filtering import vlm
from .command import ENVIRONMENT, bartizan, forked, here


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model with its processor, an autoencoder, and a few images."""
    folder = tmp_path_factory.mktemp("images")
    model, processor = vlm.llava()
    model.save_pretrained(folder / "llava")
    processor.save_pretrained(folder / "llava")
    W_enc = torch.randn(vlm.WIDTH, 24, generator=torch.Generator().manual_seed(0)) / 4
    tensors = {
        "W_enc": W_enc,
        "W_dec": W_enc.T.clone(),
        "b_enc": torch.zeros(24),
        "b_dec": torch.zeros(vlm.WIDTH),
    }
    save(SparseAutoencoder(SAEConfig(activation="relu", d_in=vlm.WIDTH, d_sae=24), tensors), folder / "sae")
    generator = np.random.default_rng(0)
    (folder / "data" / "pictures").mkdir(parents=True)
    for n in range(3):
        pixels = generator.integers(0, 255, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "data" / "pictures" / f"{n}.png")
    return folder


def write(path: Path, rows: list[Any]) -> Path:
    path.write_bytes(
        b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)
    )
    return path


def good(number: int) -> list[dict[str, Any]]:
    return [
        {"text": f"<image> {vlm.WORDS[n % 20]} dog sits", "images": [f"pictures/{n % 3}.png"], "id": n}
        for n in range(number)
    ]


def options(made: Path, data: Path, out: Path, *more: object) -> list[object]:
    return ["monitors", "filter", data, "-o", out, "--sae", made / "sae", "--hook-point", "resid_post.0",
            "--vlm", made / "llava", *more]  # fmt: skip


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def hostile(folder: Path) -> list[tuple[Any, str]]:
    """Rows that cannot be read, each with what is said of it; their files are made in the data's folder."""
    outside = folder.parent / "outside.png"
    Image.new("RGB", (32, 32)).save(outside)
    (folder / "broken.png").write_bytes(b"\x89PNG no")
    whole = (folder / "pictures" / "0.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "script.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    Image.new("1", (9000, 9000)).save(folder / "large.png")
    Image.new("1", (20000, 20000)).save(folder / "bomb.png")
    (folder / "link.png").symlink_to(outside)
    (folder / "loop.png").symlink_to(folder / "loop.png")
    os.mkfifo(folder / "pipe.png")
    escape = "\x1b]0;owned\x07\x1b[2J.png"

    def row(image: Any, text: str = "<image> a dog") -> dict[str, Any]:
        return {"text": text, "images": [image]}

    return [
        (row("../outside.png"), "leaves the folder"),
        (row(str(outside)), "leaves the folder"),
        (row("link.png"), "leaves the folder"),
        (row("pictures/missing.png"), "expected a file, found nothing"),
        (row("loop.png"), "loop.png"),
        (row("pictures"), "another thing than a file"),
        (row("pipe.png"), "another thing than a file"),
        (row("broken.png"), "is no image that is read here"),
        (row("cut.png"), "truncated"),
        (row("script.png"), "is no image that is read here"),
        (row("large.png"), "more than 67,108,864 pixels"),
        (row("bomb.png"), "more than 67,108,864 pixels"),
        (row(escape), "found nothing"),
        (row("a\0b.png"), "a\\\\x00b.png"),
        (row("a\ud800.png"), "a\\\\ud800.png"),
        (row("x" * 5000), "'xxxx"),
        (row(3), "expected paths, found int"),
        (row(None), "expected paths, found NoneType"),
        (row("pictures/0.png", "no place for it"), "write '<image>'"),
        (row("pictures/0.png", "<image> <image> too many"), "write '<image>'"),
        (row("pictures/0.png", "<image> " + "dog " * 200), "do not fit into the model's 128 positions"),
        ({"text": "<image> a", "images": "pictures/0.png"}, "images as a list of paths"),
        ({"text": "<image> a", "images": [], "image": "pictures/0.png"}, "images as a list of paths"),
        ({"text": ["<image>"], "images": ["pictures/0.png"]}, "expected text"),
        (row("pictures/0.png", "<image> a\ud800b"), "processor refuses"),
        (b"{not json\n", "expected a JSON object"),
        (b"\xff\n", "expected a JSON object"),
    ]


def test_images_are_filtered_and_nothing_hostile_is_lost(made: Path, tmp_path: Path) -> None:
    """Good rows are scored as without the others; those are told with their lines, counted, and kept aside."""
    folder = tmp_path / "data"
    shutil.copytree(made / "data", folder)
    alone = here(*options(made, write(folder / "good.jsonl", good(8)), tmp_path / "alone", "--json"))
    assert alone.returncode == 0, alone.stderr
    bad = hostile(folder)
    rows: list[Any] = [good(8)[0], *(row for row, _ in bad), *good(8)[1:]]
    done = forked(*options(made, write(folder / "all.jsonl", rows), tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    aside = read(tmp_path / "out" / "malformed.jsonl")
    assert [one["line"] for one in aside] == list(range(2, 2 + len(bad)))
    for one, (_, said) in zip(aside, bad, strict=True):
        assert said in json.dumps(one["malformed"]), (one, said)
        assert str(tmp_path) not in one["malformed"] or str(tmp_path) in json.dumps(bad[one["line"] - 2][0])
    assert (tmp_path / "out" / "kept.jsonl").read_bytes() == (tmp_path / "alone" / "kept.jsonl").read_bytes()
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["rows"], report["malformed"], report["scored"]) == (8 + len(bad), len(bad), 8)
    assert "line 2: image '../outside.png': leaves the folder of images" in done.stderr
    assert f"and {len(bad) - 5} more rows that cannot be read" in done.stderr
    assert "text and image share" in done.stdout


def test_names_from_the_data_move_no_cursor(made: Path, tmp_path: Path) -> None:
    """An image's name, a placeholder and a line that hold escape sequences are told in letters."""
    folder = tmp_path / "d\x1b[31m"
    shutil.copytree(made / "data", folder)
    rows = [*good(3), {"text": "<image> a", "image": "\x1b]0;x\x07.png"}, b'{"\x1b[2J\n']
    done = forked(*options(made, write(folder / "all.jsonl", rows), tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "line 4: image '\\x1b]0;x\\x07.png'" in done.stderr
    nothing = forked(*options(made, folder / "no\x1b[2J.jsonl", tmp_path / "out2"))
    assert nothing.returncode == 2 and "no\\u001b[2J.jsonl" in nothing.stderr


def test_a_killed_run_goes_on(made: Path, tmp_path: Path) -> None:
    """Killed while it scores, run again: the same files as of a run that nobody disturbed."""

    def killed(out: Path) -> bool:
        """On a busy machine it may be done before it is killed."""
        scores = out / "scores.jsonl"
        with Forked(["bartizan", *options(made, data, out)], ENVIRONMENT) as process:
            while process.poll() is None and (not scores.exists() or scores.stat().st_size < 200):
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
        assert process.returncode in (0, -signal.SIGKILL)
        return len(scores.read_bytes().splitlines()) < 60

    folder = tmp_path / "data"
    shutil.copytree(made / "data", folder)
    data = write(folder / "many.jsonl", good(60))
    whole = bartizan(*options(made, data, tmp_path / "whole"))
    assert whole.returncode == 0, whole.stderr
    out = next(out for out in (tmp_path / f"out-{n}" for n in itertools.count()) if killed(out))
    assert (out / "scores.jsonl").read_bytes().count(b"\n") > 0
    assert not (out / "kept.jsonl").exists()
    again = forked(*options(made, data, out))
    assert again.returncode == 0, again.stderr
    for name in ("kept.jsonl", "scores.jsonl", "malformed.jsonl", "report.json"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_injection_features_are_looked_for_in_images(made: Path, tmp_path: Path) -> None:
    """``--injection`` takes rows of images, too; malformed ones are told."""
    folder = tmp_path / "data"
    shutil.copytree(made / "data", folder)
    rows = [row | {"injected": n % 8 == 0} for n, row in enumerate(good(80))] + [
        {"text": 3, "injected": True}
    ]
    data = write(folder / "all.jsonl", rows)
    done = here(*options(made, data, tmp_path / "out", "--injection", "--feature", 3, "--json"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["feature"] for one in found["features"]] == [3]
    assert [line for line, _ in found["malformed"]] == [81] and "line 81:" in done.stderr


@pytest.fixture(scope="module")
def wrong(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models that are none, or not of text and images."""
    folder = tmp_path_factory.mktemp("wrong")
    shutil.copytree(made / "llava", folder / "pickled")
    (folder / "pickled" / "model.safetensors").rename(folder / "pickled" / "pytorch_model.bin")
    shutil.copytree(made / "llava", folder / "unprocessed")
    (folder / "unprocessed" / "processor_config.json").unlink()
    model, _ = vlm.llava()
    model.model.language_model.save_pretrained(folder / "text")
    vlm.tokenizer().save_pretrained(folder / "text")
    (folder / "empty").mkdir()
    write(folder / "bad.jsonl", [{"text": "a", "images": ["x.png"]}] * 3)
    (folder / "nothing.jsonl").write_text("")
    write(folder / "data.jsonl", [{"text": "a"}])
    return folder


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--vlm": "WRONG/nowhere"}, "nowhere: expected the folder of a vision-language model, found none"),
        ({"--vlm": "WRONG/empty"}, "cannot load a vision-language model"),
        ({"--vlm": "WRONG/pickled"}, "no file named model.safetensors"),
        ({"--vlm": "WRONG/unprocessed"}, "cannot load a vision-language model"),
        ({"--vlm": "WRONG/text"}, "cannot load a vision-language model"),
        ({"--sae": "WRONG/empty"}, "empty"),
        ({"--hook-point": "resid_post.9"}, "resid_post.9"),
        ({"--reader": "MADE/llava"}, "leave --reader and --embedded out"),
        ({"--device": "nonsense"}, "device 'nonsense'"),
        ({"--fraction": "2"}, "fraction: expected a number in (0, 1]"),
        ({"--feature": "99"}, "99"),
        ({"-o": "WRONG/data.jsonl"}, "data.jsonl: File exists"),
        ({"DATA": "WRONG/bad.jsonl"}, "3 rows: no token of channel 'text' was read"),
        (
            {"DATA": "WRONG/bad.jsonl"},
            "first row that cannot be read is line 1: image 'x.png': expected a file",
        ),
        ({"DATA": "WRONG/nothing.jsonl"}, "0 rows: no token of channel 'text'"),
        ({"DATA": "WRONG/nowhere.jsonl"}, "nowhere.jsonl: cannot be read"),
        ({"DATA": "WRONG/empty"}, "empty: cannot be read"),
    ],
)
def test_mistakes_are_told(
    made: Path, wrong: Path, tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    """Exit code 2 and a line that says what and where."""
    given = {"DATA": "WRONG/data.jsonl", "-o": str(tmp_path / "out"), "--sae": "MADE/sae",
             "--hook-point": "resid_post.0", "--vlm": "MADE/llava"} | changed  # fmt: skip
    found = {
        name: value.replace("MADE", str(made)).replace("WRONG", str(wrong)) for name, value in given.items()
    }
    flags = [part for name, value in found.items() if name != "DATA" for part in (name, value)]
    done = here("monitors", "filter", found["DATA"], *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
