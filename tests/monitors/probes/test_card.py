"""Probes on disk: what is saved comes back, and what was changed, cut or forged is refused by file and field."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from bartizan.guard import Missing
from bartizan.monitors.capture.fingerprint import Fingerprint
from bartizan.monitors.capture.hook_point import HookPoint
from bartizan.monitors.probes.card import Card
from bartizan.monitors.probes.errors import BadCard, FingerprintMismatch
from bartizan.monitors.probes.evaluation import Rate
from bartizan.monitors.probes.markdown import markdown
from bartizan.monitors.probes.probe import Probe
from bartizan.monitors.probes.storage import CARD, WEIGHTS, load_card, load_probe, save_probe

from .conftest import card_fields


def saved(folder: Path, probe: Probe) -> Path:
    save_probe(folder, probe, calibrated_on="80 sessions of a demo")
    return folder


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = yaml.safe_load((folder / CARD).read_text("utf-8"))
    change(document)
    (folder / CARD).write_text(yaml.safe_dump(document), "utf-8")


def rehash(folder: Path) -> None:
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    edit(folder, lambda card: card.update(weights=digest))


def test_a_probe_comes_back(tmp_path: Path, probe: Probe) -> None:
    """Head, calibration and card are equal after a round trip, and so is what they measure."""
    written = save_probe(tmp_path / "new" / "folder", probe, calibrated_on="80 sessions of a demo")
    loaded = load_probe(tmp_path / "new" / "folder")
    assert loaded.card == written and loaded.calibration == probe.calibration
    assert loaded.card.calibration is not None and loaded.card.calibration.data == "80 sessions of a demo"
    assert loaded.head.digest() == probe.head.digest()
    x_BTD = torch.randn(3, 9, 6)
    assert torch.equal(loaded.head(x_BTD), probe.head(x_BTD))
    assert loaded.measure(11.0) == probe.measure(11.0)
    assert loaded.hook_point == HookPoint(4)
    again = save_probe(tmp_path / "again", loaded)
    assert (
        again == written
        and (tmp_path / "again" / CARD).read_bytes() == (tmp_path / "new" / "folder" / CARD).read_bytes()
    )


def test_a_measurement_shows_probability_and_p_value(probe: Probe) -> None:
    """The value is the displayed probability, the p-value comes from the episodes; without these it is missing."""
    found = probe.measure(5.0, tool="read", length=12, evidence={"features": []})
    assert found.value == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert found.p_value == (1 + sum(i / 7 >= 5.0 for i in range(80))) / 81
    assert found.evidence == {"features": []}
    bare = replace(probe, calibration=None).measure(5.0)
    assert bare.value == found.value and bare.p_value == Missing("not calibrated")


@pytest.mark.parametrize("logit", [math.nan, math.inf, -math.inf])
def test_no_score_is_missing(probe: Probe, logit: float) -> None:
    """A logit that is not finite is never shown as low, nor as harmless."""
    found = probe.measure(logit)
    assert isinstance(found.value, Missing) and isinstance(found.p_value, Missing)


def test_another_model_is_refused_with_all_differences(probe: Probe, fingerprint: Fingerprint) -> None:
    """The same model arms the probe, as a fingerprint or as its JSON; another does not, and everything is listed."""
    assert probe.arm(fingerprint) is probe and probe.arm(fingerprint.json()) is probe
    other = replace(fingerprint, model="tensors:" + "ef" * 32, dtype="float16", n_layers=7)
    with pytest.raises(FingerprintMismatch, match="'injection' was trained on another model") as refused:
        probe.arm(other)
    assert [line.partition(":")[0] for line in refused.value.differences] == ["model", "dtype", "n_layers"]


def test_weights_of_another_card_are_refused(tmp_path: Path, probe: Probe) -> None:
    """One flipped byte in the weights, and the hash in the card no longer fits."""
    folder = saved(tmp_path, probe)
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(BadCard, match=r"probe\.safetensors: the card expects SHA-256"):
        load_probe(folder)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda card: card.pop("hook_point"), "hook_point"),
        (lambda card: card.update(hook_point="layer four"), "hook_point"),
        (lambda card: card.update(format="bartizan-probe/9"), "format"),
        (lambda card: card.update(name="../injection"), "name"),
        (lambda card: card.update(name="injection\n"), "name"),
        (lambda card: card.update(weights="0"), "weights"),
        (lambda card: card.update(trusted=True), "trusted"),
        (lambda card: card.update(reads=[]), "reads"),
        (lambda card: card.update(reads=["result", "result"]), "named twice"),
        (lambda card: card.update(reads=["system"]), "reads.0"),
        (lambda card: card["fingerprint"].pop("model"), "fingerprint"),
        (lambda card: card["head"].update(d_in=-1), "head.d_in"),
        (lambda card: card["head"].update(d_in=True), "head.d_in"),
        (lambda card: card["head"].update(alpha=0.5), "alpha is set"),
        (lambda card: card["display"].update(slope=-1.0), "display.slope"),
        (lambda card: card["display"].update(slope=math.nan), "display.slope"),
        (lambda card: card["promises"][0]["contract"].update(fpr=0), "promises.0.contract.fpr"),
        (lambda card: card["promises"][1].update(refused=""), "promises.1"),
        (lambda card: card.update(calibration=None), "there is no calibration"),
        (lambda card: card["evaluation"][1]["caught"].update(low=0.9), "evaluation.1.caught"),
        (lambda card: card["evaluation"][0].update(auroc=1.2), "evaluation.0.auroc"),
        (lambda card: card["drift"].update(counts=[1]), "drift"),
    ],
)
def test_a_malformed_card_names_the_field(
    tmp_path: Path, probe: Probe, change: Callable[[dict[str, Any]], object], place: str
) -> None:
    """Missing, unknown, forged and impossible fields are refused before any weight is read."""
    folder = saved(tmp_path, probe)
    edit(folder, change)
    (folder / WEIGHTS).unlink()
    with pytest.raises(BadCard) as refused:
        load_probe(folder)
    assert refused.value.file.endswith(CARD)
    assert place in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "name: [",
        "a: &a [1]\nb: *a\n",
        "name: one\nname: two\n",
        "name: !!python/object/apply:os.system ['true']",
        "? [1]\n: 2\n",
        "[" * 5000,
        "name: \x00",
        "\ufffe",
        "name: 2026-13-45T99:99:99Z\n",
    ],
)
def test_what_is_no_card_is_refused(tmp_path: Path, text: str) -> None:
    """Empty, unfinished, aliased, doubled, executable, endlessly nested or binary files are no cards."""
    (tmp_path / CARD).write_text(text, "utf-8")
    with pytest.raises(BadCard, match=r"card\.yaml"):
        load_card(tmp_path / CARD)


def test_other_bytes_and_missing_files_are_refused(tmp_path: Path) -> None:
    """No UTF-8, no file, a folder, a file of many megabytes: an error that names the file."""
    for name, make in {
        "bytes": lambda file: file.write_bytes(b"\xff\xfe\xfa"),
        "missing": lambda file: None,
        "folder": lambda file: file.mkdir(),
        "large": lambda file: file.write_bytes(b"#" * (5 << 20)),
    }.items():
        make(tmp_path / name)
        with pytest.raises(BadCard, match=name):
            load_card(tmp_path / name)


def retensor(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)
    rehash(folder)


@pytest.mark.parametrize(
    ("change", "place", "problem"),
    [
        (lambda t: t.pop("head.bias"), "head.bias", "missing"),
        (lambda t: t.update({"head.more": torch.zeros(1)}), "head.more", "no such tensor"),
        (lambda t: t.update({"head.weight": torch.zeros(3, 7)}), "head.weight", "expected [3, 6]"),
        (lambda t: t.update({"head.weight": torch.zeros(3, 6).half()}), "head.weight", "float16"),
        (lambda t: t["head.bias"].fill_(math.nan), "head.bias", "not finite"),
        (lambda t: t["calibration.0"].fill_(math.inf), "calibration.0", "not finite"),
        (lambda t: t.update({"calibration.0": t["calibration.0"].flip(0)}), "calibration.0", "ascend"),
        (
            lambda t: t.update({"calibration.0": t["calibration.0"][:5].clone()}),
            "calibration.0",
            "expected [80]",
        ),
        (lambda t: t.pop("calibration.0"), "calibration.0", "missing"),
    ],
)
def test_weights_that_do_not_fit_name_the_tensor(
    tmp_path: Path,
    probe: Probe,
    change: Callable[[dict[str, torch.Tensor]], object],
    place: str,
    problem: str,
) -> None:
    """Even with the right hash: tensors missing, unknown, of another shape or type, not finite, not sorted."""
    folder = saved(tmp_path, probe)
    retensor(folder, change)
    with pytest.raises(BadCard) as refused:
        load_probe(folder)
    assert refused.value.field == place and problem in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"\x80\x04K\x01.", b"\xff" * 64, b"\x08\0\0\0\0\0\0\0notjson!"])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, probe: Probe, data: bytes) -> None:
    """Empty files, pickles and garbage with the right hash are read by nothing but the safetensors parser."""
    folder = saved(tmp_path, probe)
    (folder / WEIGHTS).write_bytes(data)
    rehash(folder)
    with pytest.raises(BadCard, match="not a safetensors file"):
        load_probe(folder)


def test_a_huge_head_allocates_nothing(tmp_path: Path, probe: Probe) -> None:
    """A card that claims sizes which the file has not is refused by their comparison."""
    folder = saved(tmp_path, probe)
    edit(folder, lambda card: card["head"].update(d_in=1 << 17, hidden=1 << 14))
    with pytest.raises(BadCard, match=r"expected \[16384, 131072\]"):
        load_probe(folder)


def test_a_probe_that_cannot_be_read_back_is_not_written(tmp_path: Path, probe: Probe) -> None:
    """Weights that are not finite stop the saving, and no file is left."""
    probe.head.weight.fill_(math.nan)
    with pytest.raises(BadCard, match="not finite"):
        save_probe(tmp_path / "folder", probe)
    assert not (tmp_path / "folder").exists()


def test_the_page_says_what_the_card_says(tmp_path: Path, probe: Probe) -> None:
    """Figures, promises and failures stand on it, a baseline that is not beaten in bold, and no cell breaks a table."""
    page = markdown(load_probe(saved(tmp_path, probe)).card)
    assert "**The probe does not beat: bag of words**" in page
    assert (
        "* The probe beats the bag of words on 0 of 1 sources; it does not on mails (0.800 against 0.900)."
        in page
    )
    assert "| mails | bag of words | 10 | 20 | 0.900 | - | - | 0.300 [0.067, 0.652] | - |" in page
    assert "0.800 ± 0.010" in page
    assert "at most 5.00% of benign episodes, with 95% confidence (80 episodes, 0 of them above)" in page
    assert "0 of 100, true rate at most 2.95%: **verified**" in page
    assert "refused: 0.1% needs 2,995" in page
    assert "* Quoted attacks | in security mails are flagged." in page
    assert "80 sessions of a demo" in page


def test_the_page_admits_what_is_not_known() -> None:
    """A bare card says that it is not evaluated, not calibrated, and that no failures are recorded."""
    page = markdown(Card.model_validate(card_fields()))
    assert "Not evaluated." in page and "None: it is not calibrated" in page and "does not mean" in page


def test_impossible_rates_are_refused() -> None:
    """More hits than trials, or an interval that leaves the rate out."""
    assert Rate.of(0, 0) is None
    for fields in ({"hits": 3, "n": 2, "low": 0, "high": 1}, {"hits": 1, "n": 2, "low": 0.6, "high": 1}):
        with pytest.raises(ValidationError):
            Rate.model_validate(fields)
