"""``GET /v1/policy``: what decides, in its authors' words, and how often each of its rules did."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from bartizan.guard import StoreError, now_us
from bartizan.guard.canonical import JSON
from bartizan.policies import CheckedRule, Program, Source, run_tests
from bartizan.policies.document.typespec import format_type
from bartizan.policies.stages.draw import as_text

from ..service import Service
from .desk import Endpoint, Study, json_response, problem_of, program_of
from .tally import Tally


def policy(service: Service, study: Study) -> Endpoint:
    """The policy in force."""
    tallies: dict[str, Tally] = {}
    described: dict[str, tuple[str, dict[str, JSON]]] = {}  # by tenant: the hash, and what it stands for

    async def answer(request: Request) -> Response:
        tenant, _ = service.asked(request, "read", "approve")
        program = program_of(tenant.guard)
        tally = tallies.setdefault(tenant.name, Tally(tenant.feed))
        try:
            await tally.start()
        except StoreError as error:
            raise problem_of(error) from error
        known, body = described.get(tenant.name, ("", {}))
        if known != program.hash:
            body = await study.do(partial(describe, program))
            described[tenant.name] = program.hash, body
        rules = [{**rule, "counts": tally.of(str(rule["id"]))} for rule in body["rules"]]
        outcomes = {name: tally.outcomes[name] for name in ("ALLOW", "CORRECT", "ESCALATE", "DENY")}
        certificate = {
            **body["certificate"],
            "required": tenant.config.reload.require,
            "checked": program.certificate,
        }
        counted = {"since": tally.since, "now": now_us(), "outcomes": outcomes}
        return json_response({**body, "certificate": certificate, "rules": rules, "counted": counted})

    return answer


def describe(program: Program) -> dict[str, JSON]:
    """The policy as it stands, with what its own tests say of it."""
    checked = program.policy
    return {
        "name": program.name,
        "hash": program.hash,
        "source": _source(checked.source),
        "certificate": _certificate(program),
        "rules": [_rule(rule) for rule in checked.rules],
        "texts": [rule.to_json() for rule in checked.texts],
        "signals": [
            {"name": name, "on": signal.on, "monitor": signal.monitor, "missing": signal.missing}
            for name, signal in sorted(checked.signals.items())
        ],
        "tools": [
            {
                "name": tool.name,
                "args": format_type(tool.args),
                "tags": sorted(tool.tags),
                "label": tool.label,
                "exceptions": [list(pair) for pair in tool.exceptions],
                "opened": [opening.path for opening in program.openings(tool.name)],
            }
            for _, tool in sorted(checked.tools.items())
        ],
        "stages": as_text(checked.stages) if checked.stages is not None else None,
        "invariants": [{"kind": each.kind, "text": each.written} for each in checked.invariants],
    }


def _certificate(program: Program) -> dict[str, JSON]:
    """What is known of the policy: the service runs its tests; it proves nothing, and says so."""
    results = [
        *run_tests(Program(program.policy))
    ]  # tests may ask the solver, and the program's is the guard's
    failed = [
        {"name": result.name, "expected": result.expected, "found": result.found}
        for result in results
        if not result.passed
    ]
    level = "none" if not results else "tested" if not failed else "failing"
    return {"level": level, "tests": len(results), "failed": failed}


def _rule(rule: CheckedRule) -> dict[str, JSON]:
    source = rule.source
    line = source.position(rule.span.start)[0] if source is not None else None
    return {
        "id": rule.id,
        "effect": rule.effect,
        "shadow": rule.shadow,
        "label": rule.label,
        "reason": rule.reason,
        "tools": sorted(rule.conditions),
        "file": _name(source),
        "line": line,
        "source": _written(source, rule.span.start, rule.span.end) if source is not None else "",
    }


def _source(source: Source | None) -> dict[str, JSON] | None:
    return None if source is None else {"file": _name(source), "text": source.text}


def _name(source: Source | None) -> str | None:
    """The file's name without the folders, which are this machine's business."""
    return None if source is None else source.file.replace("\\", "/").rpartition("/")[2]


def _written(source: Source, start: int, end: int) -> str:
    """The lines of a rule, moved to the left margin."""
    first, last = source.position(start)[0], source.position(max(start, end - 1))[0]
    lines = [source.line(number) for number in range(first, last + 1)]
    while lines and not lines[-1].strip():
        lines.pop()
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:] for line in lines)
