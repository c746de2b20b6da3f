"""What has to be said in a session for provenance to answer as wanted: a prompt, and results of the declared tools.

These are proposals. Whether the real index answers so is found out by asking it: see :mod:`.build`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any as Json

from ...language.types import ToolDecl
from ...provenance import parse_path
from ...provenance.evidence import text_of
from ...provenance.identifiers import has_identifier
from ...provenance.sources import Leaf, leaves

VARIANTS = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """A JSON value, where it stands, and what each provenance question is to answer about it, by predicate and tool.

    None is E: the answer is unknown.
    """

    path: str
    value: Json
    answers: Mapping[tuple[str, str | None], bool | None]

    def is_to_be(self, predicate: str, tool: str | None = None) -> bool | None:
        return self.answers.get((predicate, tool))

    @property
    def texts(self) -> list[str]:
        """What the value says."""
        found = (
            text_of(leaf.scalar) for leaf in leaves(self.value) if isinstance(leaf, Leaf) and not leaf.is_key
        )
        return [text for text in found if text]

    @property
    def must_be_grounded(self) -> bool:
        """Grounded, as asked or because an identifier in it would be carried otherwise."""
        asked = self.is_to_be("grounded")
        carried = self.is_to_be("carries_untrusted")
        return asked is True or (asked is None and carried is False and any(map(has_identifier, self.texts)))


@dataclass(slots=True)
class Told:
    """Who says what: the user, tools in results, tools in errors."""

    user: list[str] = field(default_factory=list)
    results: dict[str, list[str]] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)


def cases(
    case: Mapping[str, Json], wishes: Sequence[Wish], tools: Mapping[str, ToolDecl]
) -> Iterator[dict[str, Json]]:
    """The case, in sessions that may make the wishes come true. What its own history holds comes after."""
    later = case.get("history", [])
    since = {"at": later[0]["at"]} if later and "at" in later[0] else {}
    for session in sessions(wishes, tools):
        history = [*({**event, **since} for event in session.get("history", ())), *later]
        yield {**session, **case} | ({"history": history} if history else {})


def sessions(wishes: Sequence[Wish], tools: Mapping[str, ToolDecl]) -> Iterator[dict[str, Json]]:
    """Sessions that may make the wishes come true, as ``prompt`` and ``history`` of a test case; the plainest first."""
    seen = []
    for variant in range(VARIANTS):
        told = Told()
        for wish in wishes:
            _tell(told, wish, tools, variant)
        session = _session(told, tools, variant)
        if session not in seen:
            seen.append(session)
            yield session


def _tell(told: Told, wish: Wish, tools: Mapping[str, ToolDecl], variant: int) -> None:
    texts = wish.texts
    grounded = wish.must_be_grounded
    from_user = wish.is_to_be("from_user")
    if from_user or (grounded and from_user is None):
        told.user += texts
        grounded = False
    is_traced = False
    for (predicate, tool), holds in wish.answers.items():
        if predicate == "from_tool" and holds and tool is not None:
            told.results.setdefault(tool, []).extend(texts)
            grounded = grounded and tools[tool].label != "trusted"
            is_traced = is_traced or tools[tool].label != "trusted"
    free = [name for name in sorted(tools) if wish.is_to_be("from_tool", name) is None]
    trusted = [name for name in free if _trusted_path(tools[name]) is not None]
    if grounded and trusted:
        told.results.setdefault(trusted[variant % len(trusted)], []).extend(texts)
    if wish.is_to_be("from_untrusted") and not is_traced:
        untrusted = [name for name in free if tools[name].label == "untrusted" and not tools[name].exceptions]
        if untrusted:
            told.results.setdefault(untrusted[variant % len(untrusted)], []).extend(texts)
        else:
            failing = [name for name in sorted(tools) if tools[name].label == "untrusted"]
            for name in failing[:1]:
                told.errors.setdefault(name, []).extend(texts)


def _trusted_path(tool: ToolDecl) -> str | None:
    """Where in the tool's results a trusted value can stand."""
    if tool.label == "trusted" and not any(label == "untrusted" for _, label in tool.exceptions):
        return "$"
    if tool.label == "trusted":
        return "$.value"
    return next((path for path, label in tool.exceptions if label == "trusted"), None)


def _session(told: Told, tools: Mapping[str, ToolDecl], variant: int) -> dict[str, Json]:
    session: dict[str, Json] = {}
    history: list[dict[str, Json]] = []
    said = list(dict.fromkeys(told.user))
    if said and variant < 2:
        session["prompt"] = f"Use: {', '.join(said)}" if variant == 0 else "\n".join(said)
    else:
        history += [{"prompt": text} for text in said]  # one by one, so that no two make a third
    for name, texts in told.results.items():
        path = _trusted_path(tools[name]) or "$"
        texts = list(dict.fromkeys(texts))
        joined = [", ".join(texts)] if variant == 0 and path == "$" else texts
        history += [{"result": {"tool": name} | _content(path, text)} for text in joined]
    for name, texts in told.errors.items():
        history += [{"result": {"tool": name, "text": text, "error": True}} for text in dict.fromkeys(texts)]
    if history:
        session["history"] = history
    return session


def _content(path: str, text: str) -> dict[str, Json]:
    """A result that is the text, or a structure that has it at ``path``."""
    if path == "$":
        return {"text": text}
    value: Json = text
    for step in reversed(parse_path(path)):
        match step:
            case str():
                value = {step: value}
            case int():
                value = [None] * step + [value]
            case None:
                value = [value]
    return {"value": value}
