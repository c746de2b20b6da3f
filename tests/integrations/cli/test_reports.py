"""Reports in every format: complete, well-formed, and inert whatever a policy or a witness holds."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from rich.console import Console

from bartizan.integrations.cli.reports.github import commands
from bartizan.integrations.cli.reports.inert import ascii_json, json_text, relative
from bartizan.integrations.cli.reports.sarif import SCHEMA, sarif
from bartizan.integrations.cli.reports.text import (
    print_difference,
    print_findings,
    print_proofs,
    witness_lines,
)
from bartizan.policies.analysis.catalogue import CODES
from bartizan.policies.analysis.findings import Finding, Report

from .sample import HOSTILE, POLICY, WITNESS, difference, policy, report


def printed(show: Callable[[Console], None], terminal: bool = False) -> str:
    file = io.StringIO()
    show(
        Console(
            file=file,
            width=80,
            soft_wrap=True,
            highlight=False,
            force_terminal=terminal,
            color_system="truecolor" if terminal else None,
        )
    )
    return file.getvalue()


def everything(console: Console) -> None:
    print_findings(report(), console)
    print_proofs(report(), console)
    print_difference(difference(), policy(), policy("new.yaml"), 0.5, console, strict=True)


def test_text_says_where_what_why_and_what_to_do() -> None:
    """A finding has its place, the rule's text underlined, the call, what happened before, and the remedy."""
    text = printed(lambda console: print_findings(report(), console))
    assert text.startswith("policies/a b,c:d%.yaml: sample, policy ")
    assert "4 errors, 1 warning, 1 note, 1 justified (1.2 s)" in text.splitlines()[0]
    assert "policies/a b,c:d%.yaml:7:5: warning[may-error]: can fail" in text
    assert "7 |   - {id: payee, allow: [pay], when: from_user(args.to)}" in text
    assert "^^^^^" in text
    assert "= help: guard the optional field with has(...)" in text
    assert "this call is ALLOW, because of payee:" in text
    assert '"tool": "pay"' in text
    assert '2. call {"tool": "pay", "args": {"to": "ann", "cost": 1.5}}, 1h before' in text
    assert 'signals {"s": "missing"}' in text
    assert "see also: cap, nobody" in text
    assert "note[shadowed]" in text and "justified: a second [bold]line[/] ::error::" in text
    assert "unconstrained" not in printed(lambda console: print_findings(report(), console, notes=False))


def test_text_says_what_became_of_each_invariant() -> None:
    """A proved invariant is one line, a refuted one shows its session, an open one its reason."""
    text = printed(lambda console: print_proofs(Report(policy(), (), report().proofs), console))
    assert "13:5: error[refuted]: this does not hold: never: allowed(pay) && args.cost > 50.00" in text
    assert "assuming that the index overflowed" in text
    assert "14:5: proved: possible: allowed(pay) && args.cost == 1.00 (0.2 s, by a session that does)" in text
    assert "error[unknown]: not decided: never:" in text
    assert "1 invariant proved" in printed(
        lambda c: print_proofs(Report(policy(), (), report().proofs[1:2]), c)
    )
    assert "no invariants" in printed(lambda c: print_proofs(Report(policy()), c))


def test_text_counts_classes_of_changes() -> None:
    """A difference begins with what is newly allowed."""
    text = printed(lambda c: print_difference(difference(), policy("old.yaml"), policy("new.yaml"), 0.5, c))
    assert text.index("newly allowed: 2 classes") < text.index("newly denied: 1 class")
    assert "new.yaml:7:5: warning[newly-allowed]: calls of `pay`: DENY (because of cap) becomes ALLOW" in text
    assert "results of `read`: hide before, shown now" in text
    assert "this result shows it" in text
    assert "error[unknown]: calls of read: too hard" in text


@pytest.mark.parametrize("terminal", [False, True])
def test_text_is_inert(terminal: bool) -> None:
    """No control character, no direction override, no markup, no emoji and no forged line reach a terminal."""
    text = printed(everything, terminal)
    styles = re.compile("\x1b\\[[0-9;]*m")
    plain = styles.sub("", text) if terminal else text
    assert not [c for c in plain if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c != "\n"]
    assert not [line for line in plain.splitlines() if line.lstrip().startswith("::")]
    assert "[bold]b[/]" in plain
    assert ":smile:" in plain


def test_json_is_ascii_and_whole() -> None:
    """Machines get every value exactly, in ASCII."""
    text = ascii_json([report().to_json()])
    assert text.isascii()
    (read,) = json.loads(text)
    (found,) = [f for f in read["findings"] if f["code"] == "may-error"]
    assert found["answer"]["witness"]["case"]["call"]["args"]["to"] == HOSTILE
    assert (read["exit"], read["counts"]["justified"]) == (2, 1)


def test_json_for_people_is_still_json() -> None:
    """What cannot be seen is escaped as JSON escapes it, so that the call can be copied."""
    shown = json_text({"a": HOSTILE, "b": "\U000e0001é"}, 2)
    assert json.loads(shown) == {"a": HOSTILE, "b": "\U000e0001é"}
    assert "é" in shown and "\u202e" not in shown and "\U000e0001" not in shown


# --- GitHub


def parsed(command: str) -> tuple[str, dict[str, str], str]:
    """As the runner parses a command (actions/toolkit, actions/runner)."""
    assert command.count("\n") == 0
    match = re.fullmatch(r"::(\w+) ([^\n]*?)::(.*)", command)
    assert match, command

    def unescaped(text: str, property: bool) -> str:
        for escape, character in (
            ("%0D", "\r"),
            ("%0A", "\n"),
            *((("%3A", ":"), ("%2C", ",")) if property else ()),
        ):
            text = text.replace(escape, character)
        return text.replace("%25", "%")

    pairs = dict(pair.split("=", 1) for pair in match[2].split(","))
    return match[1], {k: unescaped(v, True) for k, v in pairs.items()}, unescaped(match[3], False)


def test_github_annotations_stand_at_their_lines() -> None:
    """Each problem is one command with its file, lines, columns and title; a note is a notice."""
    found = [parsed(command) for command in commands(report().problems)]
    assert [name for name, _, _ in found].count("error") == 4
    (payee,) = [(p, m) for name, p, m in found if name == "warning"]
    assert payee[0] == {
        "file": "policies/a b,c:d%.yaml", "line": "7", "col": "5", "endLine": "7", "endColumn": "56",
        "title": "may-error: The condition can be an error on a clean call",
    }  # fmt: skip
    assert '"tool": "pay"' in payee[1]
    assert "notice" in {name for name, _, _ in found}


def test_github_commands_cannot_be_forged() -> None:
    """Nothing that is shown begins a line of its own, so there are as many commands as problems."""
    problems = report().problems
    log = "\n".join(commands(problems))
    assert log.isprintable() or not [c for c in log if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]
    lines = log.split("\n")
    assert len(lines) == len(problems)
    assert "##[" not in log
    assert all(re.match(r"::(error|warning|notice) file=", line) for line in lines)


# --- SARIF


def results(document: dict[str, Any]) -> list[dict[str, Any]]:
    (run,) = document["runs"]
    found: list[dict[str, Any]] = run["results"]
    return found


def test_sarif_has_the_structure_of_the_standard() -> None:
    """The properties that SARIF 2.1.0 requires are there, of the types and in the ranges that it allows."""
    document = json.loads(ascii_json(sarif([report()])))
    assert (document["$schema"], document["version"]) == (SCHEMA, "2.1.0")
    (run,) = document["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "bartizan"
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    identifiers = [rule["id"] for rule in driver["rules"]]
    assert len(set(identifiers)) == len(identifiers) == len(CODES)
    for rule in driver["rules"]:
        assert set(rule) == {
            "id",
            "name",
            "shortDescription",
            "fullDescription",
            "help",
            "defaultConfiguration",
        }
        assert all(
            isinstance(rule[key]["text"], str) for key in ("shortDescription", "fullDescription", "help")
        )
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
    for result in run["results"]:
        assert identifiers[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        places = [*result["locations"], *result.get("relatedLocations", ())]
        for place in places:
            location = place["physicalLocation"]
            region = location["region"]
            assert 1 <= region["startLine"] <= region["endLine"]
            assert region["startColumn"] >= 1
            assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
            assert re.fullmatch(r"[A-Za-z0-9._~/%-]+", location["artifactLocation"]["uri"])
            assert location["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
        assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
    (invocation,) = run["invocations"]
    assert isinstance(invocation["executionSuccessful"], bool)
    assert all(note["level"] == "error" for note in invocation["toolExecutionNotifications"])


def test_sarif_points_at_the_characters() -> None:
    """A region is the rule's text: the end column is that after the last character."""
    (result,) = [r for r in results(sarif([report()])) if r["ruleId"] == "may-error"]
    location = result["locations"][0]["physicalLocation"]
    region = location["region"]
    line = POLICY.splitlines()[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == (
        "{id: payee, allow: [pay], when: from_user(args.to)}"
    )
    assert unquote(location["artifactLocation"]["uri"]) == "policies/a b,c:d%.yaml"
    assert result["properties"]["witness"]["case"]["call"]["args"]["to"] == HOSTILE
    (related,) = result["relatedLocations"]
    assert related["message"]["text"] == "the rule cap"


def test_sarif_suppresses_what_is_justified_and_fails_on_what_is_open() -> None:
    """A justified finding carries the author's reason; a run with an open question did not succeed."""
    document = sarif([report()])
    (shadowed,) = [r for r in results(document) if r["ruleId"] == "shadowed"]
    assert shadowed["suppressions"] == [
        {"kind": "inSource", "justification": "a second [bold]line[/] ::error::"}
    ]
    assert document["runs"][0]["invocations"][0]["executionSuccessful"] is False
    assert sarif([Report(policy())])["runs"][0]["invocations"][0]["executionSuccessful"] is True


def test_sarif_messages_hold_no_links() -> None:
    """A message text may hold embedded links and control characters: ours do not."""
    document = sarif([report(), Report(policy(), difference().findings(policy()))])
    for result in results(document):
        text = result["message"]["text"]
        assert not re.search(r"\[[^]]*\]\(", text)
        assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c != "\n"]


def test_sarif_fingerprints_survive_moved_lines() -> None:
    """The same problem further down has the same fingerprint; different problems have different ones."""

    def fingerprints(text: str) -> list[str]:
        checked = policy(text=text)
        return [r["partialFingerprints"]["bartizan/v1"] for r in results(sarif([report(checked)]))]

    before, after = fingerprints(POLICY), fingerprints(POLICY.replace("rules:", "\n# more\n\nrules:"))
    assert before == after
    assert len(set(before)) == len(before)


def test_files_are_named_from_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file below the working directory is named from there, another one by its path or URI."""
    monkeypatch.chdir(tmp_path)
    assert relative(str(tmp_path / "a" / "b.yaml")) == "a/b.yaml"
    assert relative("/elsewhere/b.yaml") == "/elsewhere/b.yaml"
    finding = Finding.of("unknown", "m", source=policy("/elsewhere/b c.yaml").source)
    (result,) = results(sarif([Report(policy(), (finding,))]))
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {
        "uri": "file:///elsewhere/b%20c.yaml"
    }


def test_a_witness_says_what_it_assumes() -> None:
    """What happened before is numbered; what was taken for granted is said."""
    lines = list(witness_lines(WITNESS))
    assert lines[0] == "this call is ALLOW, because of payee:"
    assert [line.strip()[:2] for line in lines if re.match(r"  \d\.", line)] == ["1.", "2.", "3."]
    assert any(line.startswith("with principal: ") for line in lines)
