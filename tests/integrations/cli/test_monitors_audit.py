"""``bartizan monitors audit`` as a process: real tunings of a tiny model, verdicts as exit codes, reports, mistakes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file

from bartizan.monitors.formats import save
from bartizan.monitors.probes.storage import save_probe
from bartizan.monitors.sae import SAEConfig, SparseAutoencoder

from ...monitors.auditing import models
from .command import BARTIZAN, ENVIRONMENT, checked, forked, here

GENERAL, SPECIFIC = models.texts(models.GENERAL, 24, 11), models.texts(models.SPECIFIC, 24, 12)


def lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def episodes(words: list[str], number: int, seed: int) -> list[dict[str, str]]:
    return [
        {"episode": episode, "tool": tool, "text": text}
        for episode, tool, text in models.episodes(words, number, seed, "e")
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, a tuned and a hardly tuned checkpoint; an autoencoder and a probe of the base; prompts and episodes."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("audit")
    base = models.base_model()
    tuned = models.train(
        base, models.texts(models.SPECIFIC, 300, 5, order=5) + models.texts(models.GENERAL, 300, 6),
        steps=60, lr=2e-3,
    )  # fmt: skip
    turned = models.train(base, GENERAL, steps=0, lr=1e-3)
    probe = models.specific_probe(base)
    with torch.no_grad():  # the probe's direction is turned round from the embeddings on
        w_D = torch.nn.functional.normalize(probe.head.weight[0], dim=0)
        embed = turned.model.embed_tokens
        embed.weight.sub_(2 * (embed.weight @ w_D)[:, None] * w_D)
    words = models.tokenizer()
    for name, model in (("base", base), ("tuned", tuned), ("turned", turned)):
        model.save_pretrained(folder / name)
        words.save_pretrained(folder / name)
    shutil.copytree(folder / "base", folder / "again")
    save(models.autoencoder(base, folder / "activations"), folder / "sae")
    save_probe(folder / "probe", probe)
    (folder / "general.txt").write_text("\n".join(GENERAL))
    lines(folder / "specific.jsonl", [{"text": text} for text in SPECIFIC])
    lines(folder / "benign.jsonl", episodes(models.GENERAL, 300, 40))
    lines(folder / "attacks.jsonl", episodes(models.SPECIFIC, 60, 41))
    return folder


def audit(made: Path, *args: object, run: Any = forked, **options: object) -> Any:
    given = {"sae": made / "sae", "hook-point": "resid_post.1", "general": made / "general.txt",
             "specific": made / "specific.jsonl", "window": 32} | options  # fmt: skip
    flags = [part for name, value in given.items() for part in (f"--{name}", value)]
    return run("monitors", "audit", made / "base", *args, *flags)


def test_a_tuning_shows_and_its_report_is_written(made: Path, tmp_path: Path) -> None:
    """Exit code 1 with what moved; JSON alone on standard output, the same in the folder, with a page and a plot."""
    done = audit(made, made / "tuned", "--json", "--out", tmp_path / "new" / "out")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    (found,) = report["checkpoints"]
    assert found["name"] == "tuned" and found["drift"]["p"] < 0.01 and found["survival"] is None
    assert len(report["objections"]) == 2 and report["undecided"] == []
    assert f"no: {report['objections'][0]}" in done.stderr
    written = tmp_path / "new" / "out"
    assert sorted(path.name for path in written.iterdir()) == ["drift.png", "report.json", "report.md"]
    assert json.loads((written / "report.json").read_text()) == report
    page = (written / "report.md").read_text()
    assert page.startswith("# Audit of tuned against base\n") and "![drift](drift.png)" in page
    assert (written / "drift.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_checkpoint_is_fine_for_people(made: Path) -> None:
    """Exit code 0 and tables; features may be named, and a contract that survives says so."""
    done = audit(
        made, made / "again", "--feature", 3, "--feature", 7, "--probe", made / "probe",
        "--benign", made / "benign.jsonl", "--attacks", made / "attacks.jsonl",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "again (the same model)" in done.stdout
    assert "survives" in done.stdout and "not survive" not in done.stdout


def test_a_contract_that_breaks_and_one_that_cannot_be_judged(made: Path, tmp_path: Path) -> None:
    """Exit code 1 where false alarms exceed the contract; 2 where episodes are too few to tell."""
    probe = ("--probe", made / "probe", "--allow-drift")
    broken = audit(made, made / "turned", *probe, "--benign", made / "benign.jsonl", run=here)
    assert broken.returncode == 1
    assert "the contract of specific does not survive" in broken.stderr
    few = lines(tmp_path / "few.jsonl", episodes(models.GENERAL, 20, 40))
    unknown = audit(made, made / "again", *probe, "--benign", few)
    assert unknown.returncode == 2
    assert "not known: again: not enough episodes" in unknown.stderr


def test_drift_can_be_allowed_and_rebounds_still_count(made: Path) -> None:
    """What was aligned and then undone: features may move, but not back."""
    done = audit(made, made / "tuned", made / "again", "--aligned", "tuned", "--allow-drift", run=here)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "no: again: rebounds, 100% of the move is reversed"
    assert audit(made, made / "tuned", "--allow-drift", run=here).returncode == 0


@pytest.fixture(scope="module")
def wrong(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of things that do not fit."""
    tmp_path = tmp_path_factory.mktemp("wrong")
    config = hf.LlamaConfig.from_pretrained(made / "base", hidden_size=48)
    hf.LlamaForCausalLM(config).save_pretrained(tmp_path / "wide")
    models.tokenizer().save_pretrained(tmp_path / "wide")
    shutil.copytree(made / "base", tmp_path / "pickled")
    torch.save(load_file(made / "base" / "model.safetensors"), tmp_path / "pickled" / "pytorch_model.bin")
    (tmp_path / "pickled" / "model.safetensors").unlink()
    tensors = {"W_enc": torch.zeros(48, 4), "W_dec": torch.ones(4, 48), "b_enc": torch.zeros(4)}
    save(SparseAutoencoder(SAEConfig(d_in=48, d_sae=4, activation="relu"), tensors | {"b_dec": torch.zeros(48)}),
         tmp_path / "sae48")  # fmt: skip
    lines(tmp_path / "bad.jsonl", [{"text": "sun"}, {"text": 3}])
    (tmp_path / "torn.jsonl").write_text('{"text": "sun"}\n{"te')
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "few.txt").write_text("sun rain\nwind\n")
    (tmp_path / "file").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("tuned", "options", "said"),
    [
        ("WRONG/wide", {}, "wide: the autoencoder (d_in 32) does not belong to resid_post.1 of this checkpoint"),
        ("MADE/again", {"sae": "WRONG/sae48"}, "base: the autoencoder (d_in 48) does not belong to"),
        ("WRONG/pickled", {}, "no file named model.safetensors"),
        ("WRONG/nowhere", {}, "expected the folder of a checkpoint, found none"),
        ("MADE/base", {}, "name of its own"),
        ("MADE/again", {"specific": "WRONG/bad.jsonl"}, "bad.jsonl, line 2: text: expected text, found int"),
        ("MADE/again", {"general": "WRONG/torn.jsonl"}, "torn.jsonl, line 2: expected JSON"),
        ("MADE/again", {"general": "WRONG/empty.txt"}, "empty.txt: holds no prompt"),
        ("MADE/again", {"general": "WRONG/few.txt"}, "2 general prompts; at least 6"),
        ("MADE/again", {"general": "WRONG/nowhere.txt"}, "No such file"),
        ("MADE/again", {"general": "MADE/sae"}, "ends in .txt or .jsonl"),
        ("MADE/again", {"sae": "WRONG/empty.txt"}, "empty.txt"),
        ("MADE/again", {"hook-point": "nonsense"}, "'nonsense' names no hook point"),
        ("MADE/again", {"hook-point": "resid_post.7"}, "base: general prompt 1: resid_post.7"),
        ("MADE/again", {"feature": 96}, "96"),
        ("MADE/again", {"alpha": "nan"}, "alpha in (0, 1)"),
        ("MADE/again", {"seed": 10**20}, "Invalid value for '--seed'"),
        ("MADE/again", {"recall-loss": 0.2}, "name the probe with --probe"),
        (
            "MADE/again", {"recall-loss": "nan", "probe": "MADE/probe", "benign": "MADE/benign.jsonl"},
            "recall_loss in (0, 1)",
        ),
        ("MADE/again", {"window": 4096}, "make the window smaller"),
        ("MADE/again", {"aligned": "nobody"}, "expected one of again, found 'nobody'"),
        ("MADE/again", {"benign": "MADE/benign.jsonl"}, "name the probe with --probe"),
        ("MADE/again", {"probe": "MADE/probe"}, "name benign episodes with --benign"),
        ("MADE/again", {"probe": "MADE/sae", "benign": "MADE/benign.jsonl"}, "card.yaml"),
        ("MADE/again", {"probe": "MADE/probe", "benign": "WRONG/torn.jsonl"}, "torn.jsonl, line 2: expected JSON"),
        ("MADE/again", {"out": "WRONG/file"}, "file: File exists"),
        ("MADE/again", {"out": "WRONG/file/in"}, "Not a directory"),
        ("MADE/again", {"device": "nonsense"}, "device"),
    ],
)  # fmt: skip
def test_mistakes_are_told(
    made: Path, wrong: Path, tuned: str, options: dict[str, object], said: str
) -> None:
    """Exit code 2, a line that says what and where, and nothing on standard output."""

    def found(value: object) -> object:
        return str(value).replace("MADE", str(made)).replace("WRONG", str(wrong))

    given = {name: found(value) for name, value in options.items()}
    done = audit(made, found(tuned), run=here, **given)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_names_are_only_names(made: Path, tmp_path: Path) -> None:
    """A folder's name with escape sequences, markup, mathematics and bars stays inert wherever it is shown."""
    name = "[red]\x1b[2J$\\frac$|<b>\u202e\n# x"
    shutil.copytree(made / "tuned", tmp_path / name)
    done = audit(made, tmp_path / name, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "[red]\\x1b[2J$\\frac$|<b>\\u202e\\n# x" in done.stdout
    page = (tmp_path / "out" / "report.md").read_text()
    assert "\x1b" not in page and "<b>" not in page.replace("\\<b\\>", "") and "\n# x" not in page
    assert json.loads((tmp_path / "out" / "report.json").read_text())["checkpoints"][0]["name"] == name


def test_two_folders_of_one_name_are_told_apart(made: Path, tmp_path: Path) -> None:
    """``runs/a/model`` and ``runs/b/model`` go under their paths."""
    shutil.copytree(made / "again", tmp_path / "base")
    done = audit(made, tmp_path / "base", "--json", run=here)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["checkpoints"][0]["name"] == str(tmp_path / "base")


def test_a_poor_terminal_and_a_full_disk(made: Path) -> None:
    """Letters that a terminal has not are shown by number; output that cannot be written is told, with exit code 2."""

    def poor(*args: object) -> Any:
        return forked(*args, PYTHONIOENCODING="ascii", COLUMNS="60")

    done = audit(made, made / "again", run=poor)
    assert done.returncode == 0 and done.stdout.isascii() and "same" in done.stdout

    def full(*args: object) -> Any:
        command = [*BARTIZAN, *map(str, args)]
        with Path("/dev/full").open("w") as disk:
            return subprocess.run(
                command, stdout=disk, stderr=subprocess.PIPE, encoding="utf-8", env=ENVIRONMENT, timeout=300
            )

    done = audit(made, made / "again", "--json", run=full)
    assert done.returncode == 2
    assert done.stderr.splitlines()[2:] == ["No space left on device"]


def heeds_interrupts() -> None:
    """Whoever runs the tests in the background has them ignore SIGINT, and all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_audit_that_is_cut_off_leaves_nothing_half(made: Path, tmp_path: Path) -> None:
    """SIGINT in the middle: a shell's exit code for it, no trace, and no file that looks like a report."""

    def interrupted(*args: object) -> Any:
        command = [*BARTIZAN, *map(str, args)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=ENVIRONMENT,
            preexec_fn=heeds_interrupts,
        ) as process:  # fmt: skip
            assert process.stderr is not None
            process.stderr.readline()  # base: reading ...
            process.send_signal(signal.SIGINT)
            try:
                said, told = process.communicate(timeout=300)
            finally:
                process.kill()
        return checked(subprocess.CompletedProcess(command, process.returncode, said, told))

    hours = ("--permutations", 10**9)
    done = audit(made, made / "tuned", *hours, "--out", tmp_path / "out", run=interrupted)
    assert (done.returncode, done.stdout) == (130, "")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_card_moves_no_cursor(made: Path, tmp_path: Path) -> None:
    """A probe from elsewhere may say anything of itself."""
    shutil.copytree(made / "probe", tmp_path / "probe")
    card = tmp_path / "probe" / "card.yaml"
    lines = [
        'description: "\\e]0;x\\a\\e[2Jhi"' if line.startswith("description:") else line
        for line in card.read_text().split("\n")
    ]
    card.write_text("\n".join(lines))
    done = here("monitors", "card", tmp_path / "probe")
    assert done.returncode == 0 and "\\u001b]0;x\\u0007\\u001b[2Jhi" in done.stdout
