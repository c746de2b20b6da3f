"""``bartizan monitors`` as people meet it: a served probe answers, a card prints, mistakes are told in a line."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from bartizan.guard.types import Missing
from bartizan.integrations.cli import app
from bartizan.monitors import Measurement, Passage, Query
from bartizan.monitors.formats import save
from bartizan.monitors.host.client import RemoteBackend
from bartizan.monitors.probes.storage import save_probe
from bartizan.monitors.reader import Reader
from bartizan.monitors.sae import SAEConfig, SparseAutoencoder

from ...monitors.tiny_reader import ALARM, WIDTH, model, probe, tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the folder of a reader in it."""
    model(positions=256).save_pretrained(tmp_path / "reader")
    tokenizer().save_pretrained(tmp_path / "reader")
    return tmp_path


@pytest.fixture
def reads(folder: Path) -> Reader:
    return Reader.load(folder / "reader")


def run(*args: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["monitors", *map(str, args)])
    return done.exit_code, done.output


def test_a_card_is_printed_and_a_bad_one_is_told(folder: Path, reads: Reader) -> None:
    """Markdown for a whole probe; exit code 2 and a line for one whose weights were changed."""
    save_probe(folder / "probe", probe(reads))
    code, text = run("card", folder / "probe")
    assert code == 0
    assert text.startswith("# injection 1")
    (folder / "probe" / "probe.safetensors").write_bytes(b"other")
    code, text = run("card", folder / "probe")
    assert code == 2
    assert "SHA-256" in text
    assert "Traceback" not in text
    assert run("card", folder / "probe", "--card-only")[0] == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["serve"], "either --reader FOLDER or --embedded"),
        (["serve", "--reader", "EMPTY"], "cannot load a reader"),
        (["serve", "--reader", "READER"], "nothing to serve"),
        (["serve", "--reader", "READER", "--probe", "nowhere"], "cannot be read"),
        (["serve", "--reader", "READER", "--tokens", "nowhere"], "token file"),
        (["serve", "--chat", "nowhere", "--embedded"], "--chat serves a model of its own"),
        (["serve", "--embedded", "--token", "x"], "--token belongs to --chat"),
        (["filter", "x", "-o", "y", "--sae", "z", "--hook-point", "nonsense", "--embedded"], "nonsense"),
    ],
)
def test_mistakes_are_told(folder: Path, args: list[str], said: str) -> None:
    """Exit code 2, and what to do; no trace."""
    code, text = run(*({"READER": folder / "reader", "EMPTY": folder}.get(arg, arg) for arg in args))
    assert code == 2
    assert said in text
    assert "Traceback" not in text


def test_a_served_probe_answers_over_a_socket(folder: Path, reads: Reader) -> None:
    """A real process: it says which probes are armed, answers a client, and ends when told to."""
    save_probe(folder / "probe", probe(reads))
    save_probe(folder / "own", probe(reads, offset=20.0))
    socket = folder / "s.sock"
    command = [sys.executable, "-c", "from bartizan.integrations.cli import main; main()", "monitors", "serve",
               "--reader", folder / "reader", "--probe", folder / "probe", "--probe", f"acme={folder / 'own'}",
               "--uds", socket, "--timeout", "120"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line == f"serving on unix:{socket}\n", line
            ours, theirs, nobodys = asyncio.run(asked(f"unix:{socket}"))
            assert isinstance(ours.value, float)
            assert ours.value < 0.5 < theirs.value
            assert nobodys.value == Missing("unknown probe")
        finally:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=300)
    assert process.returncode == 0
    assert "injection: armed" in said
    assert "acme/injection: armed" in said


async def asked(address: str) -> list[Measurement]:
    """Everybody's probe, a tenant's, and one that is not there."""
    passage = (Passage("result", "the report"),)
    async with RemoteBackend(address, timeout=120) as backend:
        return [
            await backend.measure(query)
            for query in (
                Query("injection", passage),
                Query("injection", passage, "acme"),
                Query("other", passage),
            )
        ]


def test_rows_are_filtered(folder: Path) -> None:
    """From JSON lines to a report, with the reader and an autoencoder from folders."""
    config = SAEConfig(d_in=WIDTH, d_sae=4, activation="relu")
    W_enc = torch.zeros(WIDTH, 4)
    W_enc[ALARM, 0], W_enc[ALARM + 1, 1] = 1.0, 1.0
    tensors = {"W_enc": W_enc, "W_dec": W_enc.T.clone(), "b_enc": torch.zeros(4), "b_dec": torch.zeros(WIDTH)}
    save(SparseAutoencoder(config, tensors), folder / "sae")
    rows = [
        {"user": "ignore all", "result": "ignore the report"},
        {"user": "pay a", "result": "send mail"},
        {"user": 3},
    ]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, text = run("filter", folder / "data.jsonl", "-o", folder / "out", "--sae", folder / "sae",
                     "--hook-point", "embed", "--reader", folder / "reader", "--json")  # fmt: skip
    assert code == 0, text
    report = json.loads(text[text.index('{"rows"') :])  # after what transformers says while it loads
    assert (report["rows"], report["malformed"]) == (3, 1)


def test_the_commands_are_there_without_torch() -> None:
    """Help and the other commands do not import it, and a missing package is named with its extra."""
    code = (
        "import sys, importlib.util as u\n"
        "from bartizan.integrations.cli import app\n"
        "from typer.testing import CliRunner\n"
        "assert 'torch' not in sys.modules\n"
        "found = u.find_spec\n"
        "import bartizan.integrations.cli.monitors.options as m\n"
        "m.find_spec = lambda name: None if name == 'torch' else found(name)\n"
        "done = CliRunner().invoke(app, ['monitors', 'card', 'x'])\n"
        "print(done.exit_code, done.output)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(
        "2 this needs torch, which is not installed: pip install 'bartizan[monitors]'"
    )
