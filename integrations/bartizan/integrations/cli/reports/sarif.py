"""SARIF 2.1.0 (OASIS), what code scanning services read: https://docs.oasis-open.org/sarif/sarif/v2.1.0/."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any as Json
from urllib.parse import quote

from bartizan.policies import CheckedPolicy, Source
from bartizan.policies.analysis.catalogue import CODES
from bartizan.policies.analysis.findings import Finding, Report, answer_json, exit_code, place_json
from bartizan.policies.diagnostics import visible
from bartizan.policies.language.syntax import Span

from .inert import relative
from .text import witness_lines

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_RULES = {code: index for index, code in enumerate(CODES)}


def sarif(reports: Iterable[Report]) -> dict[str, Json]:
    """One run with the problems of all policies. Proved invariants stand in the run's properties."""
    reports = tuple(reports)
    seen: Counter[str] = Counter()
    results = [_result(finding, report.policy, seen) for report in reports for finding in report.problems]
    problems = [finding for report in reports for finding in report.problems]
    run = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(problems)],
        "results": results,
        "properties": {"policies": [_policy(report) for report in reports]},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _driver() -> dict[str, Json]:
    rules = [
        {
            "id": kind.code,
            "name": "".join(word.capitalize() for word in kind.code.split("-")),
            "shortDescription": {"text": f"{kind.title}."},
            "fullDescription": {"text": kind.means},
            "help": {"text": f"{kind.means} What to do: {kind.remedy}."},
            "defaultConfiguration": {"level": kind.severity},
        }
        for kind in CODES.values()
    ]
    return {"name": "bartizan", "semanticVersion": version("bartizan"), "rules": rules}


def _invocation(problems: Iterable[Finding]) -> dict[str, Json]:
    """A run with an open question did not succeed: what it reports may not be all."""
    problems = tuple(problems)
    notifications = [
        {"level": "error", "message": {"text": _message(finding)}, "descriptor": {"id": finding.code}}
        for finding in problems
        if finding.code == "unknown"
    ]
    code = exit_code(problems)
    return {
        "executionSuccessful": code != 2, "exitCode": code, "toolExecutionNotifications": notifications
    }  # fmt: skip


def _result(finding: Finding, policy: CheckedPolicy, seen: Counter[str]) -> dict[str, Json]:
    result: dict[str, Json] = {
        "ruleId": finding.code,
        "ruleIndex": _RULES[finding.code],
        "level": finding.severity,
        "message": {"text": _message(finding)},
        "partialFingerprints": {"bartizan/v1": _fingerprint(finding, policy, seen)},
        "properties": {
            "policy": policy.name, "hash": policy.hash, "rule": finding.rule, "tool": finding.tool,
            "help": finding.help,
        },
    }  # fmt: skip
    if finding.source is not None:
        result["locations"] = [{"physicalLocation": _location(finding.source, finding.span)}]
    if finding.answer is not None:
        answer = answer_json(finding.answer)
        result["properties"]["answer"] = answer["answer"]
        if answer.get("witness") is not None:
            result["properties"]["witness"] = answer["witness"]
    if related := _related(finding, policy):
        result["relatedLocations"] = related
    if finding.justification is not None:
        result["suppressions"] = [{"kind": "inSource", "justification": finding.justification}]
    return result


def _message(finding: Finding) -> str:
    """The finding in words. ``[text](target)`` would be a link in SARIF (3.11.6): nothing of ours is one."""
    lines = [visible(finding.message)]
    if finding.witness is not None:
        lines += witness_lines(finding.witness)
    return "\n".join(lines).replace("](", "] (")


def _related(finding: Finding, policy: CheckedPolicy) -> list[dict[str, Json]]:
    found = [rule for rule in policy.rules if rule.id in finding.related and rule.source is not None]
    return [
        {
            "id": index,
            "message": {"text": f"the rule {rule.id}"},
            "physicalLocation": _location(rule.source, rule.span),
        }
        for index, rule in enumerate(found, 1)
        if rule.source is not None
    ]


def _location(source: Source, span: Span) -> dict[str, Json]:
    place = place_json(source, span)
    assert place is not None
    region = {
        "startLine": place["line"], "startColumn": place["column"],
        "endLine": place["end_line"], "endColumn": place["end_column"],
    }  # fmt: skip
    return {"artifactLocation": _artifact(source.file), "region": region}


def _artifact(file: str) -> Mapping[str, str]:
    path = relative(file)
    if Path(path).is_absolute():
        return {"uri": Path(path).as_uri()}
    return {"uri": quote(path), "uriBaseId": "%SRCROOT%"}


def _fingerprint(finding: Finding, policy: CheckedPolicy, seen: Counter[str]) -> str:
    """The same for the same problem after lines moved: by what it is about and what is written there.

    Problems that are alike in that are numbered.
    """
    text = ""
    if finding.source is not None and finding.rule is None:
        text = " ".join(finding.source.text[finding.span.start : finding.span.end].split())
    parts = [policy.name, finding.code, finding.rule or "", finding.tool or "", text, *finding.related]
    digest = sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    seen[digest] += 1
    return f"{digest}:{seen[digest]}"


def _policy(report: Report) -> dict[str, Json]:
    return {
        "name": report.policy.name, "hash": report.policy.hash, "seconds": round(report.seconds, 3),
        "proofs": [proof.to_json() for proof in report.proofs],
    }  # fmt: skip
