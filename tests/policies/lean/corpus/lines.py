"""Files that are no files: cut, reordered, misspelt, with numbers that mean nothing or two things."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import META, File, const, lam, pi
from tests.policies.lean.corpus.prelude import NAT, TRIVIAL, YES, eq, refl, start

FAMILY = Family("lines")
wrong, valid = FAMILY.wrong, FAMILY.valid


@valid
def whole() -> File:
    """A file with a theorem about every number."""
    file = start("Nat", "True", "Eq")
    file.theorem("first", YES, TRIVIAL)
    proof = lam("n", NAT, lambda n: refl(NAT, n))
    return file.theorem("last", pi("n", NAT, lambda n: eq(NAT, n, n)), proof)


@valid
def in_another_key_order() -> str:
    """The keys of every object stand in another order."""
    return "".join(
        json.dumps(dict(reversed(list(json.loads(line).items())))) + "\n" for line in whole().lines
    )


LAST = len(whole().lines) - 1


def edit(name: str, sentence: str, change: Callable[[list[str]], list[str]], *kinds: str) -> None:
    def make() -> str:
        return "".join(line + "\n" for line in change(list(whole().lines)))

    FAMILY.add(name, sentence, make, *(kinds or ("format",)))


def record(place: int, change: Callable[[dict[str, object]], object]) -> Callable[[list[str]], list[str]]:
    """The line at `place`, changed as an object."""

    def spoil(lines: list[str]) -> list[str]:
        found = json.loads(lines[place])
        changed = change(found)
        lines[place] = json.dumps(found if changed is None else changed)
        return lines

    return spoil


def first(key: str) -> int:
    """The place of the first line that has the key."""
    return next(place for place, line in enumerate(whole().lines) if key in json.loads(line))


def last(key: str) -> int:
    return max(place for place, line in enumerate(whole().lines) if key in json.loads(line))


def inside(key: str, inner: str, value: object) -> Callable[[list[str]], list[str]]:
    """The last line with `key`, with one value inside it replaced."""

    def change(found: dict[str, object]) -> None:
        part = found[key]
        assert isinstance(part, dict)
        part[inner] = value

    return record(last(key), change)


def without(key: str, inner: str) -> Callable[[list[str]], list[str]]:
    def change(found: dict[str, object]) -> None:
        part = found[key]
        assert isinstance(part, dict)
        del part[inner]

    return record(last(key), change)


def top(key: str, value: object) -> Callable[[list[str]], list[str]]:
    """The last line with `key`, with the value of `key` replaced."""
    return record(last(key), lambda found: found.update({key: value}))


# --- cut and reordered
edit("empty", "The file is empty.", lambda lines: [])
edit("only-blank", "The file is one blank line.", lambda lines: [""])
edit(
    "cut-in-the-last-line",
    "The last line is cut in the middle.",
    lambda lines: [*lines[:-1], lines[-1][: len(lines[-1]) // 2]],
)
edit(
    "cut-in-the-middle",
    "The file ends in the middle of a line of its middle.",
    lambda lines: [*lines[: LAST // 2], lines[LAST // 2][:-3]],
)
edit("cut-by-a-bracket", "The last line lacks its last bracket.", lambda lines: [*lines[:-1], lines[-1][:-1]])
edit("without-its-head", "The first line, with the version, is missing.", lambda lines: lines[1:])
edit(
    "without-a-part",
    "A line that later ones refer to is missing.",
    lambda lines: lines[:20] + lines[21:],
)
edit(
    "without-an-inductive",
    "The declaration of Nat is missing.",
    lambda lines: [
        line for line in lines if not line.startswith('{"inductive"') or '"numFields": 1' not in line
    ],
    "scope",
)
edit("reversed", "The lines stand in the reverse order.", lambda lines: lines[::-1])
edit("rotated", "The last line stands first.", lambda lines: [lines[-1], *lines[:-1]])
edit(
    "theorem-first",
    "The theorem stands before the parts that it refers to.",
    lambda lines: [lines[0], lines[-1], *lines[1:-1]],
)
edit(
    "two-lines-exchanged",
    "Two neighbouring lines, of which one refers to the other, are exchanged.",
    lambda lines: _exchange(lines, last("app")),
)
edit(
    "last-line-twice",
    "The last declaration stands twice.",
    lambda lines: [*lines, lines[-1]],
    "name",
)
edit("head-twice", "The version stands twice.", lambda lines: [lines[0], *lines])
edit("head-later", "The version stands after the first part.", lambda lines: [lines[1], lines[0], *lines[2:]])
edit("two-files", "The file stands twice in one.", lambda lines: [*lines, *lines])
edit("two-on-a-line", "Two objects stand on one line.", lambda lines: [lines[0] + lines[1], *lines[2:]])
edit(
    "one-on-two-lines",
    "One object is spread over two lines.",
    lambda lines: [*lines[:-1], *lines[-1].replace(",", ",\n", 1).split("\n")],
)
edit("trailing-words", "Words follow after the last line.", lambda lines: [*lines, "end of file"])
edit("comment", "A line is a comment.", lambda lines: [lines[0], "// a comment", *lines[1:]])
edit("as-one-array", "The file is a JSON array of its lines.", lambda lines: ["[" + ",".join(lines) + "]"])


def _exchange(lines: list[str], place: int) -> list[str]:
    lines[place], lines[place - 1] = lines[place - 1], lines[place]
    return lines


# --- the version
edit(
    "version-2", "The format's version is 2.0.0.", record(0, lambda head: _version(head, "2.0.0")), "version"
)
edit(
    "version-4",
    "The format's version is 4.0.0, which nobody knows.",
    record(0, lambda head: _version(head, "4.0.0")),
    "version",
)
edit("version-missing", "The head says no version.", record(0, lambda head: {"meta": {}}))
edit(
    "version-a-number",
    "The format's version is the number 3.1.",
    record(0, lambda head: _version(head, 3.1)),
)
edit("head-of-nothing", "The head is null.", record(0, lambda head: {"meta": None}))


def _version(head: dict[str, object], version: object) -> None:
    meta = head["meta"]
    assert isinstance(meta, dict)
    meta["format"] = {"version": version}


# --- values of another kind
for _name, _value, _spoken in (
    ("negative", -1, "negative"),
    ("boolean", True, "true, which is 1 in Python"),
    ("float", 1.0, "1.0"),
    ("text", "1", "a text"),
    ("null", None, "null"),
    ("list", [1], "a list"),
    ("far", 10**6, "of a part that is not there"),
    ("huge", 10**30, "larger than a machine word"),
):
    edit(
        f"reference-{_name}",
        f"A reference to an expression is {_spoken}.",
        inside("app", "fn", _value),
        "format",
    )
    edit(f"name-{_name}", f"A reference to a name is {_spoken}.", inside("thm", "name", _value), "format")
    edit(f"level-{_name}", f"A reference to a level is {_spoken}.", top("succ", _value), "format")
    if _name not in ("far", "huge"):
        edit(f"variable-{_name}", f"A variable's index is {_spoken}.", top("bvar", _value), "format")
edit("level-list-a-number", "The levels of a constant are a number.", inside("const", "us", 1))
edit("level-params-a-text", "The level parameters are a text.", inside("thm", "levelParams", "u"))
edit("application-a-list", "An application is a list.", top("app", [1, 2]))
edit("sort-of-a-list", "A sort's level is a list.", top("sort", [0]))
edit("max-of-one", "A max of one level.", lambda lines: [*lines[:2], '{"max": [0], "il": 1}', *lines[2:]])
edit(
    "max-of-three",
    "A max of three levels.",
    lambda lines: [*lines[:2], '{"max": [0, 0, 0], "il": 1}', *lines[2:]],
)
edit(
    "name-of-a-number",
    "A name's text is a number.",
    record(first("str"), lambda found: {**found, "str": {"pre": 0, "str": 7}}),
)
edit("binder-kind", "A binder's kind is unknown.", inside("lam", "binderInfo", "erased"))
edit("safety", "A declaration's safety is unknown.", lambda lines: _defined(lines, safety="mostly"))
edit("hints", "A declaration's hints are unknown.", lambda lines: _defined(lines, hints="fast"))
edit(
    "hints-regular-text",
    "A declaration's height is a text.",
    lambda lines: _defined(lines, hints={"regular": "1"}),
)


def _defined(lines: list[str], **change: Any) -> list[str]:
    file = whole()
    file.define("copy", NAT, const("Nat.zero"), **change)
    return file.lines


# --- keys
edit("key-missing", "A theorem has no value.", without("thm", "value"))
edit("statement-missing", "A theorem has no type.", without("thm", "type"))
edit("name-missing", "A theorem has no name.", without("thm", "name"))
edit("function-missing", "An application has no function.", without("app", "fn"))
edit(
    "number-missing", "An expression has no number.", record(last("app"), lambda found: {"app": found["app"]})
)
edit(
    "key-unknown",
    "A line declares a thing that there is not.",
    lambda lines: [*lines, '{"lemma": {"name": 1}}'],
)
edit("key-added", "A theorem says more than the format knows.", inside("thm", "trusted", True))
edit(
    "two-kinds",
    "A line is an application and a sort at once.",
    record(last("app"), lambda found: {**found, "sort": 0}),
)
edit(
    "two-declarations",
    "A line is a theorem and an axiom at once.",
    record(LAST, lambda found: {**found, "axiom": found["thm"]}),
)
edit(
    "key-twice",
    "A theorem's name stands twice in its object.",
    lambda lines: [*lines[:-1], lines[-1].replace('"name":', '"name": 1, "name":', 1)],
)
edit("value-twice", "An application has two arguments of one key.", lambda lines: _twice(lines))
edit("no-object", "A line is a number.", lambda lines: [*lines, "7"])
edit("null-line", "A line is null.", lambda lines: [*lines, "null"])
edit("empty-object", "A line is an object without keys.", lambda lines: [*lines, "{}"])
edit(
    "not-a-number", "A line has NaN, which JSON has not.", lambda lines: [*lines, '{"bvar": NaN, "ie": 999}']
)
edit(
    "infinity",
    "A line has Infinity, which JSON has not.",
    lambda lines: [*lines, '{"bvar": Infinity, "ie": 999}'],
)
edit(
    "single-quotes",
    "A line is written with single quotes.",
    lambda lines: [*lines[:-1], lines[-1].replace('"', "'")],
)


def _twice(lines: list[str]) -> list[str]:
    place = last("app")
    lines[place] = lines[place].replace('"arg":', '"arg": 0, "arg":', 1)
    return lines


# --- numbers that mean two things
edit(
    "expression-number-again",
    "An expression takes the number of another one.",
    lambda lines: [*lines[:-1], '{"sort": 0, "ie": 1}', lines[-1]],
)
edit(
    "name-number-again",
    "A name takes the number of another one.",
    lambda lines: [*lines[:-1], '{"str": {"pre": 0, "str": "other"}, "in": 1}', lines[-1]],
)
edit(
    "level-number-again",
    "A level takes the number of another one.",
    lambda lines: [*lines[:-1], '{"succ": 1, "il": 1}', lines[-1]],
)
edit(
    "level-zero-redefined",
    "The number of the level zero is given to its successor.",
    lambda lines: [lines[0], '{"succ": 0, "il": 0}', *lines[1:]],
)
edit(
    "name-zero-redefined",
    "The number of the anonymous name is given to another.",
    lambda lines: [lines[0], '{"str": {"pre": 0, "str": "x"}, "in": 0}', *lines[1:]],
)
edit(
    "expression-of-itself",
    "An application's function is the application itself.",
    inside("app", "fn", json.loads(whole().lines[last("app")])["ie"]),
)
edit(
    "level-of-itself",
    "A level is its own successor.",
    record(last("succ"), lambda found: {**found, "succ": found["il"]}),
)
edit(
    "name-of-itself",
    "A name is its own prefix.",
    record(last("str"), lambda found: {**found, "str": {"pre": found["in"], "str": "x"}}),
)
edit(
    "forward-reference",
    "An application refers to an expression that comes after it.",
    inside("app", "arg", json.loads(whole().lines[last("app")])["ie"] + 1),
)
edit(
    "number-negative",
    "An expression's number is negative.",
    record(last("app"), lambda found: {**found, "ie": -1}),
)
edit(
    "number-a-text",
    "An expression's number is a text.",
    record(last("app"), lambda found: {**found, "ie": str(found["ie"])}),
)
edit("number-a-boolean", "An expression's number is true.", lambda lines: [*lines, '{"sort": 0, "ie": true}'])
edit(
    "kinds-of-numbers-mixed",
    "An expression is numbered as the next level.",
    record(
        last("app"),
        lambda found: {"app": found["app"], "il": 1 + json.loads(whole().lines[last("il")])["il"]},
    ),
)


# --- bytes and depth
@wrong("format")
def not_unicode() -> bytes:
    """A byte of the file is no UTF-8."""
    return whole().text().encode().replace(b"last", b"l\xffst")


@wrong("format")
def utf_16() -> bytes:
    """The file is in UTF-16."""
    return whole().text().encode("utf-16")


@wrong("format")
def zero_bytes() -> bytes:
    """The file goes on with zero bytes, as after a crash."""
    return whole().text().encode() + bytes(64)


@wrong("format")
def nothing_but_zero_bytes() -> bytes:
    """The file is zero bytes."""
    return bytes(1024)


@wrong("format")
def compressed() -> bytes:
    """The file is compressed."""
    return gzip.compress(whole().text().encode(), mtime=0)


@wrong("format")
def lone_surrogate() -> File:
    """A name holds half of a surrogate pair, which no text can be written with."""
    return start("True").theorem(("\ud800",), YES, TRIVIAL)


@wrong("format")
def guillemets() -> File:
    """A name holds the guillemets by which names with dots are quoted, so that it could pass for another one."""
    return start("True").theorem(("«a.b»",), YES, TRIVIAL)


@wrong("format")
def deep_json() -> str:
    """A line is a list in a list in a list, a hundred thousand times."""
    return json.dumps(META) + "\n" + "[" * 100_000 + "]" * 100_000 + "\n"


@wrong("format")
def deep_json_in_metadata() -> str:
    """The data of metadata are nested a hundred thousand times."""
    head = whole().text()
    return (
        head + '{"mdata": {"expr": 0, "data": ' + '{"a":' * 100_000 + "0" + "}" * 100_000 + '}, "ie": 9999}\n'
    )


@wrong("format")
def long_number() -> str:
    """A number of a line has a hundred thousand digits."""
    return whole().text() + '{"bvar": ' + "9" * 100_000 + ', "ie": 9999}\n'


def prefixes() -> list[str]:
    """The whole file, cut after every line."""
    lines = whole().lines
    return ["".join(line + "\n" for line in lines[:count]) for count in range(len(lines))]


def without_each() -> list[str]:
    """The whole file without one of its lines, for every line."""
    lines = whole().lines
    return ["".join(line + "\n" for line in lines[:gap] + lines[gap + 1 :]) for gap in range(len(lines))]
