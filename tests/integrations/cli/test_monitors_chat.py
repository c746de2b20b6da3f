"""``bartizan monitors serve --chat`` as a process: an agent on it, its options, its end, and what it cannot serve."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from langchain_core.messages import AIMessage
from tests.forked import Forked
from tests.waiting import PATIENCE

from bartizan.guard.types import Missing
from bartizan.monitors.chat.handles import CallId
from bartizan.monitors.probes.storage import load_probe, save_probe

from ...monitors.chat import tiny
from ...monitors.chat.agent import Run
from .command import ENVIRONMENT, bartizan, checked, here

NAME = "tiny-agent"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model and its probe."""
    folder = tmp_path_factory.mktemp("chat")
    tiny.train(folder / "model")
    save_probe(folder / "bribery", tiny.probe(folder / "model"))
    return folder


@contextmanager
def serving(made: Path, *args: object, **environment: str) -> Iterator[tuple[Forked, str]]:
    """The command on a free port, and the base URL that it tells; killed if it is not ended before."""
    told = ("monitors", "serve", "--chat", made / "model", "--port", 0, "--device", "cpu")
    with Forked(["bartizan", *told, *args], ENVIRONMENT | environment) as process:
        try:
            line = process.stdout.readline()
            if not line.startswith("serving on http://127.0.0.1:"):
                process.kill()
                raise AssertionError(line + process.stderr.read())
            yield process, line.removeprefix("serving on ").strip()
        finally:
            process.kill()


def stopped(process: Forked) -> subprocess.CompletedProcess[str]:
    """Ended by SIGTERM, with what it said."""
    process.send_signal(signal.SIGTERM)
    said, told = process.communicate(timeout=300)
    return checked(subprocess.CompletedProcess(process.args, process.wait(), said, told))


@contextmanager
def client(base_url: str, token: str = "none") -> Iterator[openai.OpenAI]:
    with (
        httpx.Client(trust_env=False, timeout=PATIENCE) as transport,
        openai.OpenAI(base_url=base_url, api_key=token, http_client=transport, max_retries=0) as found,
    ):
        yield found


def asked(*messages: Any, **options: Any) -> dict[str, Any]:
    return {"model": NAME, "messages": messages, "tools": tiny.TOOLS, "temperature": 0, **options}


def test_an_agent_is_guarded_by_a_served_model(made: Path, tmp_path: Path) -> None:
    """The honest payment is made and the bribe is not, by signals of the calls; then SIGTERM ends the host with 0."""
    with serving(made, "--probe", made / "bribery", "--name", NAME) as (process, base):
        with client(base) as asks:
            (model,) = asks.models.list().data
            assert model.id == NAME and model.model_extra == {"probes": ["bribery"]}
            (call,) = asks.chat.completions.create(**asked(tiny.RENT)).choices[0].message.tool_calls or []
            assert json.loads(call.function.arguments) == {"to": "GB33", "amount": 90}
        honest, corrupt = (Run(tmp_path, base.removesuffix("/v1")) for _ in range(2))
        honest.ask(tiny.RENT)
        corrupt.ask(tiny.BRIBE)
        done = stopped(process)
    assert (honest.paid, corrupt.paid) == (["GB33"], [])
    (low,), (high,) = honest.seen, corrupt.seen
    assert isinstance(low.value, float) and isinstance(high.value, float)
    assert low.value < 0.1 < 0.9 < high.value
    assert (done.returncode, done.stderr) == (0, "")


def test_a_killed_host_is_missing(made: Path, tmp_path: Path) -> None:
    """SIGKILL between the reply and the decision: the call is not made, for the signal is missing."""
    with serving(made, "--probe", made / "bribery", "--name", NAME) as (process, base):

        def kill(message: AIMessage) -> None:
            process.kill()
            process.wait()

        run = Run(tmp_path, base.removesuffix("/v1"), tamper=kill)
        with pytest.raises(openai.APIConnectionError):
            run.ask(tiny.RENT)
    assert run.paid == []
    (found,) = run.seen
    assert isinstance(found.value, Missing) and found.value.reason.startswith("the chat host cannot be asked")


def test_signals_expire_as_asked_for(made: Path, tmp_path: Path) -> None:
    """With a short ``--ttl`` a decision that comes late finds nothing."""
    with serving(made, "--probe", made / "bribery", "--name", NAME, "--ttl", 0.05) as (_, base):
        run = Run(tmp_path, base.removesuffix("/v1"), tamper=lambda message: time.sleep(0.1))
        run.ask(tiny.RENT)
    assert run.paid == []
    assert {found.value for found in run.seen} == {Missing("unknown or expired handle")}


def test_options_reach_the_host(made: Path) -> None:
    """The folder's name, a token from the environment, the format, the dtype, and bounds of replies and memory."""
    options = ("--dtype", "bfloat16", "--tool-format", "llama", "--max-tokens", 4, "--capacity", 1)
    with serving(made, *options, BARTIZAN_CHAT_TOKEN="s3cret") as (process, base):
        with client(base) as stranger, pytest.raises(openai.AuthenticationError):
            stranger.models.list()
        with client(base, "s3cret") as asks:
            assert [model.id for model in asks.models.list()] == ["model"]
            first, second = (
                asks.chat.completions.create(**asked(tiny.RENT, model="model", max_tokens=100))
                for _ in range(2)
            )
            for reply in (first, second):
                assert reply.choices[0].finish_reason == "length"
                assert reply.usage is not None and reply.usage.completion_tokens == 4
                assert not reply.choices[0].message.tool_calls
        headers = {"Authorization": "Bearer s3cret"}
        with httpx.Client(trust_env=False, headers=headers, timeout=PATIENCE) as http:
            found = [
                http.get(f"{base}/signals/{reply.id.removeprefix('chatcmpl-')}").status_code
                for reply in (first, second)
            ]
        assert found == [404, 200]
        assert stopped(process).returncode == 0


def test_a_full_host_says_so_and_ends_in_the_middle_of_a_reply(made: Path) -> None:
    """With ``--waiting 0`` a second request gets 429 while one is answered; SIGTERM cuts that one off, and exits 0."""
    random = asked(tiny.user("Count."), temperature=2, stream=True)  # talks, mostly until its context is full
    with serving(made, "--name", NAME, "--waiting", 0) as (process, base), client(base) as asks:
        end = time.monotonic() + PATIENCE
        for seed in itertools.count():
            assert time.monotonic() < end  # a reply may be over before the second request is there: once more
            with (
                contextlib.suppress(openai.RateLimitError),
                asks.chat.completions.create(**random, seed=seed) as stream,
            ):
                next(iter(stream))
                try:
                    asks.chat.completions.create(**asked(tiny.RENT))
                except openai.RateLimitError:
                    assert stopped(process).returncode == 0
                    return


def test_calls_carry_handles_of_the_host(made: Path) -> None:
    """The signals of a call are found under the id that a plain client carries."""
    with serving(made, "--probe", made / "bribery", "--name", NAME) as (_, base), client(base) as asks:
        (call,) = asks.chat.completions.create(**asked(tiny.BRIBE)).choices[0].message.tool_calls or []
        named = CallId.parse(call.id)
        assert named is not None
        with httpx.Client(trust_env=False, timeout=PATIENCE) as http:
            record = http.get(f"{base}/signals/{named.handle}").json()
    assert record["model"] == NAME and record["calls"][0]["readings"]["bribery"]["value"] > 0.9


@pytest.fixture(scope="module")
def wrong(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models and probes that cannot be served."""
    folder = tmp_path_factory.mktemp("wrong")
    shutil.copytree(made / "model", folder / "pickled")
    (folder / "pickled" / "model.safetensors").rename(folder / "pickled" / "pytorch_model.bin")
    shutil.copytree(made / "model", folder / "untaught")
    (folder / "untaught" / "chat_template.jinja").unlink()
    shutil.copytree(made / "model", folder / "b\x1b[2Jroken")
    (folder / "b\x1b[2Jroken" / "config.json").write_text("{\x1b")
    probe = load_probe(made / "bribery")
    stranger = dict(probe.card.fingerprint) | {"model": f"tensors:{'0' * 64}"}
    card = probe.card.model_copy(update={"fingerprint": stranger, "name": "stranger"})
    save_probe(folder / "stranger", type(probe)(probe.head, card, probe.calibration))
    (folder / "empty").mkdir()
    (folder / "file").write_text("")
    return folder


MODEL = ("--chat", "MADE/model")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--chat", "WRONG/nowhere"), "nowhere: expected the folder or the name of a causal language model"),
        (("--chat", "WRONG/empty"), "empty: expected the folder or the name of a causal language model"),
        (("--chat", "WRONG/pickled"), "no file named model.safetensors"),
        (("--chat", "WRONG/untaught"), "chat template"),
        (("--chat", "WRONG/b\x1b[2Jroken", "--name", "x"), "b\\u001b[2Jroken: expected"),
        (("--chat", "WRONG/b\x1b[2Jroken"), "expected a name of printable characters"),
        (("--chat", ""), "expected"),
        ((*MODEL, "--probe", "WRONG/stranger"), "other weights"),
        ((*MODEL, "--probe", "WRONG/empty"), "card.yaml"),
        ((*MODEL, "--probe", "MADE/bribery", "--probe", "MADE/bribery"), "distinct names"),
        ((*MODEL, "--probe", "MADE/bribery", "--dtype", "float16"), "dtype: expected float32, found float16"),
        ((*MODEL, "--dtype", "float99"), "expected a dtype, one of auto, float32"),
        ((*MODEL, "--tool-format", "xml"), "expected a tool format, one of hermes, llama, mistral"),
        ((*MODEL, "--ttl", "0"), "ttl and max_seconds above 0"),
        ((*MODEL, "--ttl", "nan"), "ttl and max_seconds above 0"),
        ((*MODEL, "--ttl", "soon"), "Invalid value for '--ttl'"),
        ((*MODEL, "--max-seconds", "nan"), "ttl and max_seconds above 0"),
        ((*MODEL, "--capacity", "0"), "at least 1 reply"),
        ((*MODEL, "--max-tokens", "0"), "at least 1 token"),
        ((*MODEL, "--waiting", "-1"), "0 or more requests"),
        ((*MODEL, "--name", " "), "expected a name of printable characters"),
        ((*MODEL, "--name", "a\x1b[2J"), "expected a name of printable characters"),
        ((*MODEL, "--revision", "main"), "a folder has no revision"),
        ((*MODEL, "--token", ""), "a token of printable ASCII"),
        ((*MODEL, "--token", "a\nb"), "a token of printable ASCII"),
        ((*MODEL, "--device", "nonsense"), "device 'nonsense'"),
        ((*MODEL, "--host", "0.0.0.0"), "expected tokens for an address that others can reach"),
        ((*MODEL, "--host", "256.0.0.1", "--token", "x"), "expected an address that is free and ours"),
        ((*MODEL, "--port", "70000"), "Invalid value for '--port'"),
        ((*MODEL, "--port", "TAKEN"), "expected an address that is free and ours"),
        ((*MODEL, "--uds", "WRONG/file"), "expected a socket or nothing"),
        ((*MODEL, "--uds", "WRONG/" + "x" * 200), "too long for a socket"),
        ((*MODEL, "--reader", "x", "--timeout", "3", "--quote"), "leave --reader, --timeout, --quote out"),
        (("--embedded", "--ttl", "3", "--name", "x"), "--name, --ttl belong to --chat"),
        (("--reader", "x", "--revision", "main"), "--revision belongs to --chat"),
    ],
)
def test_mistakes_are_told(made: Path, wrong: Path, args: tuple[str, ...], said: str) -> None:
    """Exit code 2, a line that says what to change, nothing on standard output, and no token in it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = {"MADE": made, "WRONG": wrong, "TAKEN": taken.getsockname()[1]}
        given = list(args) if "--port" in args or "--uds" in args else [*args, "--port", "0"]
        for word, value in words.items():
            given = [one.replace(word, str(value)) for one in given]
        done = here("monitors", "serve", *given)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())


def test_an_empty_token_in_the_environment_is_not_none(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that was meant to hold a token and holds nothing opens no host; it says nothing of other hosts."""
    monkeypatch.setenv("BARTIZAN_CHAT_TOKEN", "")
    done = here("monitors", "serve", "--chat", made / "model", "--port", 0)
    assert done.returncode == 2 and "BARTIZAN_CHAT_TOKEN is empty" in done.stderr
    monkeypatch.setenv("BARTIZAN_CHAT_TOKEN", "s3cret")
    done = here("monitors", "serve", "--reader", made / "nowhere")
    assert done.returncode == 2 and "cannot load a reader model" in done.stderr


def test_a_mistake_in_a_process(made: Path) -> None:
    """As in a shell: a line on standard error, exit code 2."""
    done = bartizan("monitors", "serve", "--chat", made / "model", "--ttl", "-1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "expected ttl and max_seconds above 0, in seconds, found -1 and 600\n"
