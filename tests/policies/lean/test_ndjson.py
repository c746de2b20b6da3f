"""The export format: written and read without loss, and refused with a line where anything is off."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bartizan.policies.lean.calculus.build import app, arrow, lam, local
from bartizan.policies.lean.calculus.declarations import Axiom, Declaration, Definition, Opaque, Theorem
from bartizan.policies.lean.calculus.terms import (
    PROP,
    TYPE,
    Const,
    Expr,
    IMax,
    Lam,
    Let,
    Lit,
    Param,
    Pi,
    Proj,
    Sort,
    Var,
)
from bartizan.policies.lean.check import check_file
from bartizan.policies.lean.kernel import KernelError
from bartizan.policies.lean.ndjson import read, write
from bartizan.policies.lean.ndjson.facts import facts

from .small import NAT, base, eq, families, fn, inductive, refl, theorem

TEXT = write(base().declarations)
LINES = TEXT.splitlines()


def declarations(source: str) -> list[Declaration]:
    """What a text declares."""
    return [declaration for _, declaration in read(source)]


def test_reading_undoes_writing() -> None:
    """The declarations come back identical, and so does the text; the file is checked again."""
    assert declarations(TEXT) == base().declarations
    assert write(declarations(TEXT)) == TEXT
    assert check_file(TEXT).declarations == base().declarations


def test_every_kind_of_term_is_written_and_read() -> None:
    """Also those that the small environment lacks."""
    x = local("x", NAT)
    level = IMax(Param("a.«b.c»"), Param("u"))
    terms: list[Declaration] = [
        Axiom("ax", ("u", "a.«b.c»"), Pi("α✝", Sort(level), Sort(level), "strictImplicit")),
        Opaque("op.1", (), NAT, Lit(10**6000 + 7)),
        Definition("d", (), NAT, Let("y", NAT, Lit(0), Proj("P", 3, Var(0))), "abbrev"),
        Definition("e", (), NAT, Lit(1), "opaque"),
        Definition("f", (), NAT, Lam("", NAT, Var(0), "instImplicit"), 7),
        Theorem("«t.u».«1».1", (), PROP, lam([x], app(Const("«»"), x))),
    ]
    assert declarations(write(terms)) == terms


def test_a_file_of_lean4export_is_read() -> None:
    """Lines as lean4export writes them: other orders of keys, spaces, metadata around terms."""
    text = "\n".join(
        [
            '{"meta":{"exporter":{"name":"lean4export","version":"3.1.0"},'
            '"lean":{"githash":"2fcce7258eeb6e324366bc25f9058293b04b7547","version":"4.29.0"},"format":{"version":"3.1.0"}}}',
            '{"in":1,"str":{"pre":0,"str":"T"}}',
            '{"il":1,"succ":0}',
            '{ "sort": 0, "ie": 0 }',
            '{"ie":1,"sort":1}',
            '{"ie":2,"mdata":{"data":{"noindex":"true"},"expr":0}}',
            '{"def":{"all":[1],"hints":{"regular":1},"levelParams":[],"name":1,"safety":"safe","type":1,"value":2}}',
        ]
    )
    assert check_file(text).declarations == [Definition("T", (), TYPE, PROP, 1)]


def test_sources_are_paths_bytes_texts_or_lines(tmp_path: Path) -> None:
    """All the same to the reader."""
    path = tmp_path / "small.ndjson"
    path.write_text(TEXT, encoding="utf-8")
    sources: list[Path | bytes | str | list[str]] = [path, TEXT.encode(), TEXT, LINES]
    assert all(check_file(each).declarations == base().declarations for each in sources)


def test_a_file_may_go_on_from_an_environment() -> None:
    """The base stays as it is; the file declares what it needs again or not at all."""
    text = write([*base().declarations, theorem(eq(NAT, Lit(1), Lit(1)), refl(NAT, Lit(1)))])
    more = declarations(text)[-1]
    only = write([more])
    assert "claim" in check_file(only, base=base()) and "claim" not in base()
    with pytest.raises(KernelError, match="Nat: Nat is already declared"):
        check_file(text, base=base())


def test_axioms_are_allowed_by_the_caller_only() -> None:
    """A file cannot bring its own trust."""
    text = write([*families(), Axiom("sorryAx", (), fn("False"))][-1:])
    with pytest.raises(KernelError, match="sorryAx: "):
        check_file(text)
    choice = Axiom("choice", (), PROP)
    assert check_file(write([choice]), [choice]).axioms == ["choice"]


def test_recursors_are_written_only_if_they_are_known() -> None:
    """What no environment has accepted has no recursors to write."""
    with pytest.raises(ValueError, match="lacks its recursors"):
        write(families())


def test_a_term_with_a_free_variable_is_not_written() -> None:
    """The format has no place for one."""
    with pytest.raises(ValueError, match="not a closed term"):
        write([Definition("c", (), NAT, local("x", NAT))])


# --- malformed files


def _edit(kind: str, key: str, value: Any, inside: str | None = None) -> str:
    """The text with one field of the first entry of a kind changed; ``...`` as a value removes it."""
    for place, line in enumerate(LINES):
        entry = json.loads(line)
        if kind not in entry:
            continue
        target = entry if inside is None else entry[kind]
        for step in (inside or "").split("/")[1:]:
            target = target[int(step) if step.isdigit() else step]
        if value is ...:
            del target[key]
        else:
            target[key] = value
        return "\n".join([*LINES[:place], json.dumps(entry), *LINES[place + 1 :]])
    raise KeyError(kind)


def _swap() -> str:
    lines = list(LINES)
    first = next(place for place, line in enumerate(lines) if '"ie"' in line and '"ie"' in lines[place + 1])
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    return "\n".join(lines)


EDITS = {
    "no version": (_edit("meta", "format", ..., ""), "keys"),
    "another version": (_edit("meta", "version", "2.0.0", "/format"), "export again"),
    "no meta": ("\n".join(LINES[1:]), "keys"),
    "meta twice": ("\n".join([LINES[0], *LINES]), "unknown kind 'meta'"),
    "empty": ("", "empty"),
    "an empty line": ("\n".join([LINES[0], "", *LINES[1:]]), "not a line of JSON"),
    "no JSON": (TEXT.replace("{", "", 1), "not a line of JSON"),
    "a cut line": (TEXT[: len(TEXT) - 5], "not a line of JSON"),
    "a list": ("[1]", "JSON object"),
    "a key twice": (TEXT.replace('"il":1', '"il":1,"il":1', 1), "written twice"),
    "a float": (TEXT.replace('"il":1', '"il":1.0', 1), "not an integer"),
    "not a number": (TEXT.replace('"il":1', '"il":NaN', 1), "not an integer"),
    "a truth value for a number": (TEXT.replace('"il":1', '"il":true', 1), "the next one"),
    "an endless number": (TEXT.replace('"il":1', '"il":1' + "0" * 5000, 1), "digits"),
    "a number out of order": (_edit("app", "ie", 10**6), "the next one"),
    "two lines swapped": (_swap(), "next one|not come yet"),
    "a name to come": (_edit("const", "name", 10**6, ""), "not come yet"),
    "a level to come": (_edit("sort", "sort", 10**6), "not come yet"),
    "an expression to come": (_edit("app", "fn", 10**6, ""), "not come yet"),
    "a negative reference": (_edit("app", "fn", -1, ""), "natural number"),
    "a missing field": (_edit("lam", "binderInfo", ..., ""), "expected the keys"),
    "an extra field": (_edit("lam", "note", 1, ""), "expected the keys"),
    "an extra key": (_edit("lam", "note", 1), "one entry"),
    "an unknown kind": (TEXT.replace('"app"', '"fvar"', 1), "unknown kind"),
    "an unknown binder": (_edit("lam", "binderInfo", "auto", ""), "binderInfo"),
    "a negative index": (_edit("bvar", "bvar", -1), "natural number"),
    "a string literal": (LINES[0] + '\n{"strVal":"a","ie":0}', "string literals"),
    "a numeral that is a number": (LINES[0] + '\n{"natVal":5,"ie":0}', "numeral"),
    "a numeral with a sign": (LINES[0] + '\n{"natVal":"-5","ie":0}', "numeral"),
    "a numeral with a zero before": (LINES[0] + '\n{"natVal":"05","ie":0}', "numeral"),
    "an empty numeral": (LINES[0] + '\n{"natVal":"","ie":0}', "numeral"),
    "a numeral of another script": (LINES[0] + '\n{"natVal":"٣","ie":0}', "numeral"),
    "a numeral without end": (LINES[0] + '\n{"natVal":"' + "9" * 300_000 + '","ie":0}', "digits"),
    "a guillemet in a name": (LINES[0] + '\n{"str":{"pre":0,"str":"a»"},"in":1}', "guillemets"),
    "half a surrogate in a name": (LINES[0] + '\n{"str":{"pre":0,"str":"\\ud800"},"in":1}', "surrogate"),
    "a max of one": (_edit("max", "max", [0]), "two levels"),
    "a quotient of another kind": (
        LINES[0] + '\n{"quot":{"name":0,"levelParams":[],"type":0,"kind":"sound"}}',
        "unknown kind",
    ),
    "an unsafe type": (_edit("inductive", "isUnsafe", True, "/types/0"), "isUnsafe"),
    "an unsafe constructor": (_edit("inductive", "isUnsafe", True, "/ctors/0"), "isUnsafe"),
    "an unsafe recursor": (_edit("inductive", "isUnsafe", True, "/recs/0"), "isUnsafe"),
    "a nested type": (_edit("inductive", "numNested", 1, "/types/0"), "nested"),
    "wrong indices": (_edit("inductive", "numIndices", 1, "/types/0"), "not what its type says"),
    "wrong recursion": (_edit("inductive", "isRec", False, "/types/0"), "not what its type says"),
    "wrong reflexivity": (_edit("inductive", "isReflexive", True, "/types/0"), "not what its type says"),
    "wrong fields": (_edit("inductive", "numFields", 3, "/ctors/1"), "numFields"),
    "wrong place": (_edit("inductive", "cidx", 1, "/ctors/0"), "cidx"),
    "wrong type of a constructor": (_edit("inductive", "induct", 0, "/ctors/0"), "induct"),
    "wrong parameters of a constructor": (_edit("inductive", "numParams", 1, "/ctors/0"), "numParams"),
    "wrong levels of a constructor": (_edit("inductive", "levelParams", [1], "/ctors/0"), "levelParams"),
    "another all": (_edit("inductive", "all", [0], "/types/0"), "all"),
    "another all of a recursor": (_edit("inductive", "all", [], "/recs/0"), "all"),
    "constructors in another order": (_edit("inductive", "ctors", [3, 2], "/types/0"), "in their order"),
    "an unlisted constructor": (_edit("inductive", "ctors", [2], "/types/0"), "in their order"),
    "no type": (_edit("inductive", "types", [], ""), "without types"),
    "wrong minors": (_edit("inductive", "numMinors", 3, "/recs/0"), "minors"),
    "k": (_edit("inductive", "k", True, "/recs/0"), "k is True"),
    "wrong fields of a rule": (_edit("inductive", "nfields", 1, "/recs/0/rules/0"), "rules"),
    "another rule": (_edit("inductive", "rhs", 0, "/recs/0/rules/0"), "not the derived one"),
    "no recursors": (_edit("inductive", "recs", [], ""), "recursors must be"),
    "an unsafe definition": (_edit("def", "safety", "unsafe", ""), "safe"),
    "a partial definition": (_edit("def", "safety", "partial", ""), "safe"),
    "other hints": (_edit("def", "hints", "fast", ""), "object"),
    "a definition of others": (_edit("def", "all", [], ""), "does not name"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_malformed_file_is_refused_with_its_line(name: str) -> None:
    """Nothing is guessed or skipped."""
    text, reason = EDITS[name]
    with pytest.raises(KernelError, match=reason) as caught:
        check_file(text)
    assert caught.value.line is not None and 1 <= caught.value.line <= len(LINES) + 1


def test_a_type_of_too_many_fields_is_refused_where_it_is_read() -> None:
    """What an entry says of itself is compared with its types only if these are of a reasonable length."""
    many: Expr = Const("T")
    for _ in range(600):
        many = arrow(NAT, many)
    text = write([replace(inductive("T", TYPE, {"mk": many}), recursors=())])
    with pytest.raises(KernelError, match="T: a type or constructor has more than 500"):
        declarations(text)


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (NAT, (False, False)),
        (Const("T"), (True, False)),
        (arrow(NAT, NAT), (False, False)),
        (arrow(NAT, NAT, Const("T")), (True, True)),
        (arrow(Const("T"), NAT), (False, False)),
    ],
    ids=["other", "itself", "function", "function to itself", "function from itself"],
)
def test_what_a_type_says_of_itself_is_read_off(field: Expr, found: tuple[bool, bool]) -> None:
    """Whether it is recursive, and whether by a function; also where several fields have one type."""
    known = facts(inductive("T", TYPE, {"mk": arrow(field, NAT, field, Const("T"))}))
    assert (known.recursive, known.reflexive) == found
    assert (known.indices, known.fields) == ((0,), {"T.mk": 3})


def test_messages_are_of_a_bounded_length() -> None:
    """A file does not decide how long the error is."""
    long = "x" * 1_000_000
    entries: list[dict[str, Any]] = [
        {"in": 1, long: {}},
        {"il": 1, long: 0},
        {"ie": 0, long: 0},
        {"in": 1, "str": {long: 0}},
        {long: {}},
        {"ie": 0, "lam": {"name": 0, "type": 0, "body": 0, "binderInfo": long}},
    ]
    for entry in entries:
        with pytest.raises(KernelError) as caught:
            declarations(f"{LINES[0]}\n{json.dumps(entry)}")
        assert len(str(caught.value)) < 500


def test_bytes_that_are_no_text_are_refused() -> None:
    """UTF-8 or nothing, with the line."""
    with pytest.raises(KernelError, match="line 2: not UTF-8"):
        check_file(LINES[0].encode() + b"\n\xff\n")


def test_deeply_nested_json_is_refused() -> None:
    """The parser's own recursion limit is an error like any other."""
    with pytest.raises(KernelError, match="line 1: "):
        check_file("[" * 100_000)


def test_names_have_a_bounded_length_together() -> None:
    """Tens of thousands of names that share a long beginning are refused: each is kept whole."""
    lines = [LINES[0], json.dumps({"in": 1, "str": {"pre": 0, "str": "a" * 1_900}})]
    lines += [f'{{"in":{number},"num":{{"pre":1,"i":{number}}}}}' for number in range(2, 40_000)]
    with pytest.raises(KernelError, match="characters together"):
        declarations("\n".join(lines))
    assert declarations("\n".join(lines[:10_000])) == []


def test_long_lines_are_refused() -> None:
    """A line is read only up to a limit."""
    with pytest.raises(KernelError, match="more than"):
        check_file(" " * ((1 << 24) + 1) + "{}")
