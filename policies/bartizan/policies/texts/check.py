"""Checking rules on text when a policy is loaded: patterns, signals, and what stands in for what they hide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..diagnostics import Diagnostic, PolicyError, did_you_mean
from ..document.loading import Located, Path
from ..document.texts import TextRule
from ..language.environment import SignalDecl
from ..language.problems import fail, noting
from ..regular import Language, RegexError, regex
from ..regular.algebra import sequence, union, word
from ..regular.answers import Empty
from ..regular.decide import decide
from ..regular.occurrences import Pattern
from ..regular.term import ANYTHING, Term
from .rules import CheckedText
from .scanner import MASK


def check_texts(
    documents: Sequence[Located], signals: Mapping[str, SignalDecl], taken: Iterable[str]
) -> tuple[CheckedText, ...]:
    """The rules of all documents. ``taken`` are ids of other rules. Raises :class:`PolicyError`."""
    found: list[tuple[Located, Path, CheckedText]] = []
    ids = set(taken)
    for located in documents:
        problems: list[Diagnostic] = []
        for index, rule in enumerate(located.document.text):
            path = ("text", index)
            with noting(problems):
                if rule.id in ids:
                    span = located.span((*path, "id"))
                    fail(span, "duplicate-rule", f"the rule id `{rule.id}` is already taken", "rename one")
                ids.add(rule.id)
                found.append((located, path, _checked(located, path, rule, signals)))
        if problems:
            raise PolicyError(located.source, problems)
    _check_replacements(found)
    return tuple(checked for _, _, checked in found)


def _checked(located: Located, path: Path, rule: TextRule, signals: Mapping[str, SignalDecl]) -> CheckedText:
    reason, shadow = rule.reason or "", rule.mode == "shadow"
    if rule.redact is not None:
        _check_regex(located, (*path, "redact"), rule.redact)
        if rule.except_ is not None:
            _check_regex(located, (*path, "except"), rule.except_)
        instead = MASK if rule.with_ is None else rule.with_
        return CheckedText(rule.id, instead, rule.redact, rule.except_, reason=reason, shadow=shadow)
    assert rule.withhold is not None and rule.with_ is not None
    name = rule.withhold.signal
    if name not in signals:
        span = located.span((*path, "withhold", "signal"))
        help = did_you_mean(name, signals) or "declare it under `signals:`, with on: text"
        fail(span, "unknown-signal", f"no signal `{name}` is declared", help)
    if signals[name].on != "text":
        span = located.span((*path, "withhold", "signal"))
        fail(span, "wrong-event", f"the signal `{name}` is measured on a {signals[name].on}, not on text",
             "declare one with on: text")  # fmt: skip
    needed, window = rule.withhold.of
    return CheckedText(
        rule.id, rule.with_, signal=name, above=float(rule.withhold.above), needed=needed, window=window,
        missing=rule.missing or "withhold", reason=reason, shadow=shadow,
    )  # fmt: skip


def _check_regex(located: Located, path: Path, text: str) -> None:
    try:
        regex(text)
    except RegexError as error:
        message = f"{error.message} (at character {error.position + 1} of the pattern)"
        fail(located.span(path), "bad-regex", message, error.help)


def _check_replacements(found: Sequence[tuple[Located, Path, CheckedText]]) -> None:
    """What stands in for an occurrence may not hold, nor become with its neighbours, what a rule hides.

    Over all rules together, since each may be beside the other's; an answer that is not found in time is a refusal. A
    sentence that stands in for another may hold none; beside its neighbours it is looked at as all text is.
    """
    rules = [checked for _, _, checked in found if checked.redact is not None and not checked.shadow]
    words = [(rule.id, regex(rule.redact or "").pattern.words()) for rule in rules]
    for located, path, checked in found:
        if checked.shadow:
            continue
        for id, term in words:
            held = Language.containing(Pattern(free=term)).spans(checked.instead)
            if held or (checked.redact is not None and _touches(checked.instead, term)):
                message = f"`{checked.instead[:40]}` could be a part of what the rule `{id}` redacts"
                help = "begin and end `with:` with a character that no occurrence holds, like a space"
                problem = Diagnostic("replacement", message, located.span((*path, "with")), help)
                raise PolicyError(located.source, [problem])


def _touches(text: str, words: Term) -> bool:
    """Whether some word holds ``text`` or overlaps one of its ends; True if that cannot be told."""
    cuts = range(1, len(text) + 1)
    around = (
        sequence(ANYTHING, word(text), ANYTHING),
        union(sequence(word(text[-cut:]), ANYTHING) for cut in cuts),
        union(sequence(ANYTHING, word(text[:cut])) for cut in cuts),
    )
    return any(not isinstance(decide([(words, True), (term, True)]), Empty) for term in around)
