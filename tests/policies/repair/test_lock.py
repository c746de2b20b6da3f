"""The lock: nothing passes that changes what is locked, or changes what is open in another way."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.guard import ToolCall
from bartizan.policies import Program, compile_policy

POLICY = """version: 1
name: open
tools:
  t:
    args:
      n: int
      d: dec(2)
      f: f64
      at: time
      wait: duration
      mode: enum(a, b, c)
      flag: bool
      "memo?": str
      note: str
      path: str
      url: str
      sql: str
      payee: str
      "box?": {k: int, "z?": str, payee: str}
      list: list(int, 4)
  u: {args: {n: int}}
rules:
  - {id: all, allow: [t]}
  - {id: secret, deny: [t], when: 'args.note.contains("secret")'}
repair:
  t:
    "*": locked
    n: {class: clamp, sign: any}
    d: clamp
    f: {class: clamp, sign: any}
    at: clamp
    wait: clamp
    mode: {class: enum, values: [a, b]}
    flag: {class: enum, values: [false]}
    memo: drop
    note: redact
    path: {class: template, root: [/srv/a, /srv/b/]}
    url: {class: template, scheme: https}
    sql: {class: template, append: " LIMIT 100"}
    payee: locked
    /box/k: {class: clamp, sign: any}
    /box/z: {class: redact, matches: "[0-9]+", with: "#"}
"""

ARGS: dict[str, Any] = {
    "n": 5, "d": 1.5, "f": 0.5, "at": "2026-01-01T12:00:00+01:00", "wait": "1h", "mode": "c", "flag": True,
    "memo": "m", "note": "my secret and secret", "path": "/tmp/x.txt", "url": "http://a.com/q?u=http://b",
    "sql": "select 1", "payee": "ann", "box": {"k": 1, "z": "a12b3", "payee": "bob"}, "list": [1, 2],
}  # fmt: skip


@pytest.fixture(scope="module")
def program() -> Program:
    """The policy above."""
    return compile_policy(POLICY)


def edited(path: str, value: Any) -> dict[str, Any]:
    """The arguments with one place changed; ``...`` removes it."""
    args = copy.deepcopy(ARGS)
    holder = args
    *above, name = path.split(".")
    for step in above:
        holder = holder[step]
    if value is ...:
        del holder[name]
    else:
        holder[name] = value
    return args


def permits(program: Program, args: dict[str, Any], before: dict[str, Any] = ARGS) -> bool:
    return program.permits(ToolCall.of("1", "t", before), ToolCall.of("1", "t", args))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("n", 4), ("n", -(10**300)), ("d", 1), ("d", 0.25), ("f", -0.1), ("f", 3), ("wait", "59m"),
        ("at", "2026-01-01T11:59:59+01:00"), ("at", "2025-01-01T00:00:00Z"), ("mode", "a"), ("mode", "b"),
        ("flag", False), ("memo", ...), ("note", "my [redacted] and [redacted]"), ("path", "/srv/a/x.txt"),
        ("path", "/srv/b/x.txt"), ("url", "https://a.com/q?u=http://b"), ("sql", "select 1 LIMIT 100"),
        ("box.k", 7), ("box.z", "a#b#"),
    ],
)  # fmt: skip
def test_what_a_class_allows(path: str, value: Any, program: Program) -> None:
    """Another number of the type; a listed value; left out; exactly the masked text; exactly what a template makes."""
    assert permits(program, edited(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("d", 0), ("d", -0.5), ("d", -1.5),
        ("n", True), ("n", "4"), ("n", 4.5), ("n", 4.0), ("n", None), ("n", ...), ("n", [4]), ("d", "1.00"),
        ("d", 0.255),
        ("f", "0.1"), ("at", "yesterday"), ("at", 5), ("at", "2026-01-01T11:59:59"), ("at", "2026-01-01t11:59:59Z\n"),
        ("wait", 60), ("mode", "c "), ("mode", "d"), ("mode", ...), ("flag", 0), ("flag", None), ("memo", None),
        ("memo", ""), ("memo", "other"), ("note", "my [redacted] and secret"), ("note", "[redacted]"),
        ("note", "my [redacted] and [redacted]."), ("note", ...), ("path", "/srv/a/y.txt"), ("path", "/srv/a/../x.txt"),
        ("path", "/srv/a/x.txt.sh"), ("path", "/srv/c/x.txt"), ("url", "https://b.com/q?u=http://b"),
        ("url", "https://a.com/q?u=https://b"), ("url", "ftp://a.com/q?u=http://b"), ("sql", "select 1 LIMIT 1000"),
        ("sql", "select 2 LIMIT 100"), ("payee", "eve"), ("payee", "ann "), ("box.payee", "eve"), ("box", ...),
        ("box", None), ("box.z", ...), ("box.extra", 1), ("list", [1]), ("list", [1, 3]), ("list", ...), ("extra", 1),
    ],
)  # fmt: skip
def test_what_no_class_allows(path: str, value: Any, program: Program) -> None:
    """A locked argument, another type, another form, an edit of another class, something added."""
    assert not permits(program, edited(path, value))


def test_edits_go_together(program: Program) -> None:
    """Several permitted edits at once are permitted; one that is not spoils them all."""
    several = edited("n", 1) | {"mode": "a", "box": {**ARGS["box"], "k": 0}}
    assert permits(program, several)
    assert not permits(program, several | {"payee": "eve"})


def test_another_tool_is_no_edit(program: Program) -> None:
    """Not even with the same arguments; a tool without openings allows only the call itself."""
    one, other = ToolCall.of("1", "u", {"n": 1}), ToolCall.of("1", "u", {"n": 2})
    assert not program.permits(ToolCall.of("1", "t", {"n": 1}), one)
    assert program.permits(one, one) and not program.permits(one, other)
    nobody = ToolCall.of("1", "nobody", {})
    assert program.permits(nobody, nobody)


@pytest.mark.parametrize("path", ["/tmp/..", "/tmp/", "..", "a\\b", "/tmp/a\\..", "/tmp/x\n"])
def test_what_is_no_file_name_is_not_rerooted(path: str, program: Program) -> None:
    """A template makes nothing of a path that does not end in a plain name."""
    before = edited("path", path)
    for root in ("/srv/a", "/srv/b"):
        for name in (path, path.rpartition("/")[2], "x"):
            assert not permits(program, before | {"path": f"{root}/{name}"}, before)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*ARGS, "k", "z"]), inner, max_size=2)
    ),
    max_leaves=4,
)
PLACES = [*ARGS, "box.k", "box.z", "box.payee", "new", "box.new"]
LOCKED = ("payee", "list")


@settings(max_examples=600)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JSON | st.just(...)), min_size=1, max_size=4))
def test_a_hostile_proposer_never_changes_what_is_locked(changes: list[tuple[str, Any]]) -> None:
    """Whatever is put in whichever places: what passes has every locked argument as it was, and nothing new."""
    program = compile_policy(POLICY)
    args = copy.deepcopy(ARGS)
    for path, value in changes:
        *above, name = path.split(".")
        holder = args
        for step in above:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            if value is ...:
                holder.pop(name, None)
            else:
                holder[name] = value
    if not permits(program, args):
        return
    assert all(args[name] == ARGS[name] for name in LOCKED)
    assert args["box"]["payee"] == "bob" and set(args["box"]) == set(ARGS["box"])
    assert set(ARGS) - set(args) <= {"memo"} and set(args) <= set(ARGS)
    assert args["mode"] in ("a", "b", "c") and type(args["flag"]) is bool
    assert args.get("memo", "m") == "m" and args["note"] in (ARGS["note"], "my [redacted] and [redacted]")
    assert all(type(args[name]) in (int, float) for name in ("n", "d", "f"))
