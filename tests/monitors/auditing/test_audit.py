"""Real fine-tunes of a tiny Llama: drift where there was tuning, none where there was none, rebounds, contracts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import nn

from bartizan.monitors.auditing import (
    AuditError,
    Checkpoint,
    Promised,
    audit,
    contract_of,
    episode_p_values,
    page,
    survival,
)
from bartizan.monitors.probes.probe import Probe
from bartizan.monitors.sae import SparseAutoencoder

from .models import (
    GENERAL,
    POINT,
    SPECIFIC,
    autoencoder,
    base_model,
    checkpoint,
    episodes,
    reader,
    specific_probe,
    texts,
    tokenizer,
    train,
)

PROMPTS = {"general": texts(GENERAL, 24, 11), "specific": texts(SPECIFIC, 24, 12)}


@pytest.fixture(scope="module")
def base() -> Any:
    torch.set_num_threads(1)
    return base_model()


@pytest.fixture(scope="module")
def sae(base: Any, tmp_path_factory: pytest.TempPathFactory) -> SparseAutoencoder:
    return autoencoder(base, tmp_path_factory.mktemp("sae") / "activations")


@pytest.fixture(scope="module")
def aligned(base: Any) -> Any:
    """The specific words were taught another order; the general ones were rehearsed."""
    return train(base, texts(SPECIFIC, 300, 5, order=5) + texts(GENERAL, 300, 6), steps=60, lr=2e-3)


def run(base: Any, tuned: list[Checkpoint], sae: SparseAutoencoder, **options: Any) -> Any:
    return audit(checkpoint("base", base), tuned, sae=sae, hook_point=POINT, **(PROMPTS | options))


def test_tuning_moves_specific_features_more_than_general_ones(
    base: Any, aligned: Any, sae: SparseAutoencoder, tmp_path: Path
) -> None:
    """The decrease is positive and significant; shifted features are mostly specific; the report says it all."""
    report = run(base, [checkpoint("tuned", aligned)], sae)
    found = report.checkpoints[0].drift
    assert found.specific.kept < found.general.kept < 1
    assert found.general.common <= found.general.active <= 5
    assert found.idr > 0
    assert found.p < 0.01
    assert found.specific.value_change > found.general.value_change
    assert sum(one.prompts == "specific" for one in found.shifts) > len(found.shifts) / 2
    assert all(one.q <= 0.05 and one.p <= one.q for one in found.shifts)
    assert any("weights" in difference for difference in report.checkpoints[0].differences)
    page.write(report, tmp_path / "audit.json")
    written = json.loads((tmp_path / "audit.json").read_text())
    assert written["checkpoints"][0]["drift"]["idr"] == found.idr
    page.plot(report, tmp_path / "audit.png")
    assert (tmp_path / "audit.png").stat().st_size > 5000
    console = Console(record=True, width=140, file=(tmp_path / "shown.txt").open("w"))
    with console.file:
        for table in page.tables(report):
            console.print(table)
    assert "Features that moved: tuned" in console.export_text()


def test_the_same_checkpoint_shows_no_drift(base: Any, sae: SparseAutoencoder) -> None:
    """Every top feature is in common, nothing shifted, and the overview says that it is the same model."""
    report = run(base, [checkpoint("again", base)], sae)
    found = report.checkpoints[0].drift
    for change in (found.general, found.specific):
        assert change.common == change.active
        assert (change.kept, change.value_change) == (1, 0)
    assert found.shifts == ()
    assert (found.idr, found.p, found.above_rule) == (0, 1, False)
    assert report.checkpoints[0].differences == ()


def test_sliced_features_shift_as_among_all(base: Any, aligned: Any, sae: SparseAutoencoder) -> None:
    """A handful of named features has the means that it has among all."""
    whole = run(base, [checkpoint("tuned", aligned)], sae).checkpoints[0].drift
    wanted = sorted({one.feature for one in whole.shifts})[:4]
    sliced = run(base, [checkpoint("tuned", aligned)], sae, features=wanted).checkpoints[0].drift
    for one in sliced.shifts:
        (same,) = [s for s in whole.shifts if (s.feature, s.prompts) == (one.feature, one.prompts)]
        assert (one.before, one.after) == pytest.approx((same.before, same.after), rel=1e-4, abs=1e-6)
    assert {one.feature for one in sliced.shifts} <= set(wanted)
    assert sliced.shifts


def test_a_rebound_shows(base: Any, aligned: Any, sae: SparseAutoencoder) -> None:
    """A small tuning on what was there before undoes the alignment; one on something else does not."""
    begun = train(aligned, texts(SPECIFIC, 300, 7), steps=20, lr=2e-3)
    back = train(begun, texts(SPECIFIC, 300, 7), steps=130, lr=2e-3, seed=1)
    elsewhere = train(aligned, texts(GENERAL, 300, 8), steps=10, lr=2e-4)
    later = {"elsewhere": elsewhere, "begun": begun, "back": back}
    tuned = [checkpoint("aligned", aligned), *(checkpoint(name, model) for name, model in later.items())]
    report = run(base, tuned, sae, aligned="aligned")
    found = {one.checkpoint: one for one in report.rebounds}
    assert list(found) == list(later)
    assert found["back"].verdict == "rebounds"
    assert found["elsewhere"].verdict == "holds"
    assert found["back"].reversed > found["begun"].reversed > found["elsewhere"].reversed
    assert any("Rebound" in str(table.title) for table in page.tables(report))


# --- contracts


@pytest.fixture(scope="module")
def probe(base: Any) -> Probe:
    return specific_probe(base)


def test_a_contract_survives_a_harmless_tuning_and_not_a_harmful_one(
    base: Any, sae: SparseAutoencoder, probe: Probe
) -> None:
    """Verdicts by count: survives with enough episodes, is undecided with few, broken when scores are."""
    mild = train(base, texts(GENERAL, 300, 30) + texts(SPECIFIC, 300, 31), steps=3, lr=1e-5)
    turned = train(base, texts(GENERAL, 10, 32), steps=0, lr=1e-3)
    with torch.no_grad():  # the probe's direction is turned round from the embeddings on
        w_D = torch.nn.functional.normalize(probe.head.weight[0], dim=0)
        embed: nn.Embedding = turned.model.embed_tokens
        embed.weight.sub_(2 * (embed.weight @ w_D)[:, None] * w_D)
    benign, attacks = episodes(GENERAL, 300, 40, "b"), episodes(SPECIFIC, 60, 41, "a")
    report = run(
        base,
        [checkpoint("mild", mild), checkpoint("turned", turned)],
        sae,
        promised=Promised(probe, contract_of(probe), benign, attacks),
    )
    first, second = (one.survival for one in report.checkpoints)
    assert first.verdict == "survives"
    assert any("weights" in difference for difference in first.mismatch)
    assert first.recall_after.estimate == first.recall_before.estimate == 1
    assert second.verdict == "does not survive"
    for given in ((benign[:20], attacks), (benign, attacks[:5]), ()):
        promised = Promised(probe, contract_of(probe), *given)
        nothing = run(base, [checkpoint("mild", mild)], sae, promised=promised)
        assert nothing.checkpoints[0].survival.verdict == "not enough episodes"
    json.dumps(nothing.json(), allow_nan=False)


def test_what_cannot_be_scored_is_never_safe(base: Any, probe: Probe) -> None:
    """An episode with an unreadable text is an alarm if benign, and not caught if an attack."""
    model = reader(base)
    unreadable = [(f"u{n}", "", "sun\ud800") for n in range(60)]
    p_values = episode_p_values(model, probe, unreadable)
    promised, before = Promised(probe, contract_of(probe)), dict.fromkeys(p_values, 0.001)
    found = survival(
        promised, model.fingerprint, benign=p_values, attacks_before=before, attacks_after=p_values
    )
    assert found.verdict == "does not survive"
    assert found.benign is not None
    assert (found.benign.alarms, found.lost, found.unscored, found.mismatch) == (60, 60, 120, ())


def test_what_cannot_be_audited_is_refused(base: Any, sae: SparseAutoencoder, probe: Probe) -> None:
    """Names, sets, prompts, tokenizers, hook points and promises that do not fit: each error says which."""
    again = checkpoint("again", base)
    with pytest.raises(AuditError, match="name of its own"):
        run(base, [again, again], sae)
    with pytest.raises(AuditError, match="aligned"):
        run(base, [again], sae, aligned="base")
    with pytest.raises(AuditError, match="specific prompt 2"):
        run(base, [again], sae, specific=["pay", "", *["bill"] * 4])
    with pytest.raises(AuditError, match="3 specific prompts"):
        run(base, [again], sae, specific=["pay", "bill", "cash"])
    with pytest.raises(AuditError, match="96"):
        run(base, [again], sae, features=[96])
    with pytest.raises(AuditError, match="promises nothing"):
        contract_of(Probe(probe.head, probe.card.model_copy(update={"promises": ()})))
    with pytest.raises(AuditError, match="recall_loss"):
        Promised(probe, contract_of(probe), recall_loss=1.0)
    other = reader(base)
    words = tokenizer()
    words.add_tokens(["more"])
    from bartizan.monitors.reader import Layout, Reader

    other = Reader(base, words, Layout(window=32, overlap=8, batch=1024))
    with pytest.raises(AuditError, match="other: the checkpoints have different tokenizers"):
        run(base, [Checkpoint("other", lambda: other)], sae)


def test_checkpoints_load_from_folders(
    base: Any, aligned: Any, sae: SparseAutoencoder, tmp_path: Path
) -> None:
    """As the command does it: two folders in Hugging Face's layout."""
    from bartizan.monitors.reader import Layout

    for name, model in (("base", base), ("tuned", aligned)):
        model.save_pretrained(tmp_path / name)
        tokenizer().save_pretrained(tmp_path / name)
    layout = Layout(window=32, overlap=8, batch=1024)
    report = audit(
        Checkpoint.folder(tmp_path / "base", layout), [Checkpoint.folder(tmp_path / "tuned", layout)],
        sae=sae, hook_point=POINT, **PROMPTS,
    )  # fmt: skip
    assert report.checkpoints[0].name == "tuned"
    assert report.checkpoints[0].drift.idr > 0
