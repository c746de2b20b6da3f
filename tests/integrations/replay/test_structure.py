from __future__ import annotations

import sys

import pytest

from bartizan.integrations.replay.structure import MAX_TEXT, structured


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        ("[{'name': \"it's\", 'ok': True, 'n': None}]", [{"name": "it's", "ok": True, "n": None}]),
        ("- id_: '0'\n  read: true\n  tags: []\n", [{"id_": "0", "read": True, "tags": []}]),
        (
            "start: 2024-05-20 10:00:00\nat: 12:30\nid: 0123\n",
            {"start": "2024-05-20 10:00:00", "at": "12:30", "id": "0123"},
        ),
        ("a: &x [1]\nb: *x\n", {"a": [1], "b": [1]}),
        ("1: one\n2: yes\n", {"1": "one", "2": "yes"}),
        ("{'f': open('/etc/passwd')}", {"f": "open('/etc/passwd')"}),
        ("[]", []),
    ],
)
def test_printed_containers_come_back(text: str, value: object) -> None:
    """JSON, Python literals and YAML dumps of lists and records are read back, dates and times as text."""
    assert structured(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "Sent 10.0 to GB33: thanks.",
        "1810.0",
        "2024-05-19",
        "",
        "<html>\n<body>a: b: c</body>\n</html>",
        "!!python/object/apply:os.system ['true']\n",
        "a: !!python/name:os.system\nb: 1\n",
        r"{'x': '\ud800'}",
        "a: .nan\n? [1, 2]\n: 3\n",
        "[" * 5_000 + "]" * 5_000,
    ],
)
def test_everything_else_stays_text(text: str) -> None:
    """Scalars, prose, pages, tags, code and monsters have no structure."""
    assert structured(text) is None


def test_alias_bombs_are_defused() -> None:
    """A text whose aliases multiply to a billion nodes is text, at once."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for old, new in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]")
    assert structured("\n".join(lines)) is None


def test_long_texts_are_not_parsed() -> None:
    """A text beyond the limit is text."""
    assert structured("- a\n" * (MAX_TEXT // 4 + 1)) is None


def test_no_module_is_imported_by_a_text() -> None:
    """Reading a text with a Python tag imports nothing."""
    before = set(sys.modules)
    structured("a: !!python/module:antigravity\nb: 1\n")
    assert set(sys.modules) == before
