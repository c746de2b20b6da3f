"""Single runs in the report: which ones to show, and how."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from bartizan.integrations.html import Markup, badge, code, details, element, join

from .records import Run, Step, Why
from .tally import grouped

TONES = {"allowed": "good", "approved": "warn", "refused": "bad", "denied": "bad"}
_WORDS = {
    "allowed": "allowed",
    "approved": "approved by the user",
    "refused": "not approved by the user",
    "denied": "denied",
}
_LONG = 160  # characters of one argument

STYLE = """
.tiles{grid-template-columns:repeat(auto-fit,minmax(9.4rem,1fr))}.tile .value{font-size:1.35rem;white-space:nowrap}
ol.steps{list-style:none;margin:.8rem 0;padding:0}
ol.steps>li{border-left:3px solid var(--line);margin:0;padding:.15rem 0 .8rem 1rem;position:relative}
ol.steps>li::before{content:"";position:absolute;left:-7px;top:.55rem;width:11px;height:11px;border-radius:50%;
background:var(--tone,var(--soft))}
ol.steps>li.good{--tone:var(--good)}ol.steps>li.warn{--tone:var(--warn)}ol.steps>li.bad{--tone:var(--bad)}
ol.steps>li.injected{border-left-color:var(--bad)}
ol.steps .call{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.84rem;
overflow-wrap:anywhere;margin:.25rem 0}
ol.steps details{border:0;background:none;padding:0}ol.steps summary{color:var(--soft);font-size:.84rem}
ol.steps .why,.facts{color:var(--soft);font-size:.86rem;margin:.15rem 0}
ol.steps .reveal{color:var(--bad);font-size:.86rem;margin:.15rem 0}
.facts b{color:var(--ink);font-weight:600}summary .badge{margin-left:.35rem}
@media(max-width:40rem){figure{overflow-x:auto}figure svg{min-width:36rem}}
details.run>summary{padding:.2rem 0;font-weight:600}
""".strip()


def choose(runs: Iterable[Run], limit: int = 16) -> list[Run]:
    """Guarded runs that between them show everything that happens: failures first, then one of each kind."""
    guarded = [run for run in runs if run.policy is not None]
    groups = grouped(guarded, lambda run: (not _fell_short(run), run.suite, _kind(run)))
    chosen = [
        max(group, key=lambda run: len({step.outcome for step in run.steps})) for group in groups.values()
    ]
    ordered = sorted(chosen, key=lambda run: (not _fell_short(run), -len(_kind(run))))[:limit]
    return sorted(ordered, key=lambda run: (not _fell_short(run), run.suite, run.attack is None))


def show(run: Run, *, open: bool = False) -> Markup:
    """One run, folded: the task, the attacker's goal, and every proposed call with its decision."""
    attack = badge("attacked" if run.attack else "benign", "warn" if run.attack else "")
    summary = join([title(run), attack, *(badge(word, tone) for word, tone in verdicts(run))], " ")
    facts = [element("p", element("b", "The user asks: "), run.prompt, class_="facts")]
    if run.attack:
        facts.append(element("p", element("b", "The attacker wants: "), run.goal, class_="facts"))
    steps = element("ol", *(_step(step) for step in run.steps), class_="steps")
    return element(
        "details", element("summary", summary), *facts, steps, class_="run", open="" if open else None
    )


def title(run: Run) -> str:
    """``banking: user_task_0 × injection_task_3 (split)``."""
    attack = f" × {run.injection_task} ({run.attack})" if run.attack else ""
    return f"{run.suite}: {run.user_task}{attack}"


def short_title(run: Run) -> str:
    """``banking 0 × 3``: for where space is scarce."""
    numbers = [task.rsplit("_", 1)[1] for task in (run.user_task, run.injection_task) if task is not None]
    return f"{run.suite} {' × '.join(numbers)}"


def verdicts(run: Run) -> list[tuple[str, str]]:
    """Words and tones for how a run ended."""
    found = [("task done", "good") if run.completed else ("task not done", "bad")]
    if run.reached is not None:
        found.append(("attack succeeded", "bad") if run.reached else ("attack failed", "good"))
    return found


def call_text(step: Step) -> str:
    """``send_money(recipient="UK12", amount=98.7)``, long values shortened."""
    return f"{step.tool}({', '.join(f'{name}={_value(value)}' for name, value in step.args.items())})"


def rule_text(reasons: Sequence[Why]) -> str:
    """The ids of the rules that decided, marked where one could not be evaluated."""
    return (
        ", ".join(f"{why.rule} (not evaluable)" if why.value == "E" else why.rule for why in reasons) or "–"
    )


def _step(step: Step) -> Markup:
    tone = TONES[step.outcome]
    injected = step.role == "injected"
    parts: list[object] = [
        join([
            badge("attacker's call", "bad") if injected else badge("user's task"),
            badge(_WORDS[step.outcome], tone),
        ], " "),
        element("div", call_text(step), class_="call"),
    ]  # fmt: skip
    for why in step.why:
        conditions = [element("code", atom) for atom in why.atoms]
        said = [f"rule {rule_text([why])}", *([why.text] if why.text else []), *conditions]
        parts.append(element("div", join(said, " · "), class_="why"))
    if step.shows_injection:
        parts.append(
            element(
                "div",
                "The planted text shows in this output; from here on the agent obeys it.",
                class_="reveal",
            )
        )
    if step.output:
        parts.append(details("what the agent read", code(step.output)))
    return element("li", *parts, class_=f"{tone} {'injected' if injected else ''}".strip())


def _value(value: Any) -> str:
    written = json.dumps(value, ensure_ascii=False)
    return written if len(written) <= _LONG else f"{written[: _LONG - 1]}…"


def _fell_short(run: Run) -> bool:
    return run.reached is True or not run.completed or run.unmediated > 0


def _kind(run: Run) -> frozenset[tuple[str, str]]:
    return frozenset((step.role, step.outcome) for step in run.steps)
