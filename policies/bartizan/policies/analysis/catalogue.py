"""The kinds of findings: how severe, what each means, what to do. Read by reports, SARIF and the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: its ``code``, a ``title``, what it ``means``, and the ``remedy``."""

    code: str
    severity: Severity
    title: str
    means: str
    remedy: str


_KINDS = (
    Kind(
        "vacuous", "warning", "The rule never fires",
        "No call of any tool in the rule's scope satisfies its condition, in any session: some of its parts contradict "
        "each other or the types of the arguments.",
        "correct the condition, or remove the rule",
    ),
    Kind(
        "unreachable", "warning", "The rule waits for what never happens",
        "The condition could be true, but only in a session that no sequence of calls under this policy leads to: it "
        "asks, say, for a past call of a tool that is never let go.",
        "allow what the rule waits for, or remove the rule",
    ),
    Kind(
        "always", "warning", "The condition says nothing",
        "The rule has a condition, and every call of every tool in its scope satisfies it.",
        "remove the condition, or correct it",
    ),
    Kind(
        "shadowed", "warning", "The rule changes no decision",
        "Without the rule every call would be decided as it is, in every session, approved or not: other rules decide "
        "already.",
        "remove it, or justify it",
    ),
    Kind(
        "may-error", "warning", "The condition can be an error on a clean call",
        "For a call whose arguments conform to the tool's declaration the condition is neither true nor false, because "
        "an optional field is absent. An error never lets a call go, and a deny or escalate rule stops the call.",
        "guard the optional field with has(...)",
    ),
    Kind(
        "conflict", "note", "An allow rule is overridden",
        "Some call matches an allow rule and a deny or escalate rule. The stricter one wins, as it should; the note "
        "shows where that matters.",
        "nothing, if that is meant; otherwise make the conditions exclude each other",
    ),
    Kind(
        "never-allowed", "warning", "No call of the tool can go",
        "Although a rule allows or escalates calls of the tool, none is ever let go, approved or not. A note where no "
        "rule tries to.",
        "correct the rules, or remove the tool",
    ),
    Kind(
        "unconstrained", "note", "No rule looks at the argument",
        "Calls of the tool are decided without a look at this argument, so the model is free to choose it.",
        "constrain it, or justify it at the tool",
    ),
    Kind(
        "unanchored", "warning", "A search lets calls go",
        "`matches` is true for every text that has a match somewhere. Where it is what lets a call go, anything can "
        "stand before and after the match.",
        "write fullmatches, or anchor the pattern with ^ and $",
    ),
    Kind(
        "path-in-deny", "warning", "A strict test is used to stop calls",
        "path_under, host_under and email_domain accept only what is certainly meant, so they are for letting go. "
        "Where one of them being true stops a call, other spellings of the same thing slip past.",
        "turn the rule round: allow what is meant, or escalate unless it holds",
    ),
    Kind(
        "races", "warning", "A limit looks at results, so calls can race it",
        "A limit on a tool counts its past results. Two calls proposed at once are both decided before either has a "
        "result, and both pass.",
        "count calls (session.count, session.sum), which are recorded before the tool runs",
    ),
    Kind(
        "enum-uncovered", "note", "No call with this value can go",
        "The argument's type has a value with which no call of the tool is ever let go, approved or not.",
        "remove the value from the type, or add a rule for it",
    ),
    Kind(
        "stage-unreachable", "warning", "No session gets into the stage",
        "No transition that can fire leads to the stage, and it is not the initial one.",
        "add a transition to it, correct one, or remove the stage",
    ),
    Kind(
        "stage-trap", "warning", "Nothing leads out of the stage",
        "A session that is in the stage stays in it for ever: it does not end by itself, no transition out of it can "
        "fire, and it is not marked as final.",
        "add a way out (for: and then:, or a transition), or say final: true",
    ),
    Kind(
        "transition-dead", "warning", "The transition never fires",
        "In no session does its event happen, with its condition true, in a stage from which it leads.",
        "correct the transition, or remove it",
    ),
    Kind(
        "stage-overlap", "warning", "Two transitions of one event lead to different stages",
        "For some event both conditions hold. The session is then taken to be in either stage: a question about the "
        "stage has no answer where they differ, so deny and escalate rules fire and allow rules do not.",
        "make the conditions exclude each other",
    ),
    Kind(
        "stage-doubt", "warning", "A transition may or may not have fired",
        "For an event with nothing wrong but an absent optional field its condition is neither true nor false. The "
        "session is then taken to be in either stage.",
        "guard the optional field with has(...)",
    ),
    Kind(
        "stage-evaded", "warning", "In some stage a sanction's trigger has no consequence",
        "The denial that leads from other stages into this one leads nowhere from a stage in which more may be done.",
        "add the stage to the transition's from:",
    ),
    Kind(
        "stage-provoked", "warning", "Being denied pays",
        "A transition on a denied call leads to a stage (at once, or when its time is over) in which something goes "
        "that did not go before, and any agent can have a call denied.",
        "let denials lead to stricter stages only",
    ),
    Kind(
        "stage-escape", "note", "The agent can leave the stage by itself",
        "A transition on what the agent does without being asked leads to a stage in which more goes. That is how "
        "work proceeds, and no way for a sanction to end.",
        "nothing, if that is meant; otherwise escalate the call that leads out",
    ),
    Kind(
        "stale-justification", "warning", "Nothing is left to justify",
        "A `justified:` entry names a finding that does not occur any more.",
        "remove the entry",
    ),
    Kind(
        "unknown", "error", "A question could not be answered",
        "The budget ended before an answer, or something cannot be asked. It may hold or not, so it never passes.",
        "simplify the condition, or give more time with --timeout",
    ),
    Kind(
        "refuted", "error", "An invariant does not hold",
        "The policy states an invariant, and a call in some session violates it.",
        "change the rules that let the call go, or the invariant",
    ),
    Kind(
        "newly-allowed", "warning", "The new version lets more calls go",
        "Calls that the old version denied, or asked a person about, are decided less strictly by the new one.",
        "make sure that this is what the change is for",
    ),
    Kind(
        "newly-denied", "note", "The new version stops more calls",
        "Calls that the old version let go, or asked a person about, are decided more strictly by the new one.",
        "make sure that nobody needs these calls",
    ),
)  # fmt: skip

CODES: Mapping[str, Kind] = {kind.code: kind for kind in _KINDS}
