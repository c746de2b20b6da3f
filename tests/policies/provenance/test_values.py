"""Values that are written differently and are the same: numbers, URLs, dates, times, codes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard.types import Event
from bartizan.policies.provenance import Provenance

Prompt = Callable[[str], Event]
Ask = Callable[..., Provenance]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("Send 5 to Bob.", 5),
        ("Send 5.00 to Bob.", 5),
        ("Send $30,000!", 30000),
        ("Send 1,000.50 now", 1000.5),
        ("the fee of 5.29.", "5.29"),
        ("19.5% of it", 19.5),
        ("at -3.5 degrees", -3.5),
        ("Visit www.abc.com.", "https://www.abc.com/"),
        ("Visit https://WWW.abc.com/A/", "www.abc.com/A"),
        ("(see http://abc.com/a?b=1)", "https://abc.com/a?b=1"),
        ("mail Emma@X.com", "emma@x.COM"),
        ("to GB33 BUKB 2020 1555 5555 55 now", "gb33bukb20201555555555"),
        ("to GB33BUKB20201555555555", "GB33 BUKB 2020 1555 5555 55"),
        ("card 4111 1111 1111 1111", "4111-1111-1111-1111"),
        ("call +1 (319) 515-5968", "+13195155968"),
        ("order ORDER-113219", "order113219"),
        ("on May 15th, 2024", "2024-05-15"),
        ("on 15 May 2024", "2024-05-15"),
        ("the 14th of November 2024", "2024-11-14"),
        ("on Nov. 14", "2024-11-14"),
        ("June 15\u201317, 2025", "2025-06-17"),
        ("on 2024-05-15", "May 15, 2024"),
        ("on May 15, 2024", "15 May"),
        ("at 10:30 PM", "22:30"),
        ("at 10 a.m. sharp", "10:00"),
        ("at 5pm", "17:00:00"),
        ("12 am", "00:00"),
        ("12 pm", "12:00"),
        ("from 10:00-11:30", "11:30"),
        ("on 2024-05-19 at 10:00", "2024-05-19T10:00:00Z"),
        ("on May 19 at 10 am", "2024-05-19 10:00"),
        ("on May 19, 2024", "2024-05-19 00:00"),
        ("2024-05-19T10:00:00+02:00", "May 19th, 2024 at 10 am"),
        ("save it to /documents/", "/documents"),
        ("title 'First Discussion for Book Club'.", "First discussion for\nBook Club"),
    ],
)
def test_same_value(said: str, value: Any, prompt: Prompt, ask: Ask) -> None:
    """The value comes from the user's words."""
    assert ask(prompt(said)).from_user(value) is True


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("on 2024-05-13", 13),
        ("for 13.50", 13),
        ("for 13.50", "13"),
        ("/home/file.txt.bak", "file.txt"),
        ("www.abc.com/Path", "www.abc.com/path"),
        ("www.abc.com/a", "www.abc.com"),
        ("www.abc.com", "abc.com"),
        ("ftp://abc.com", "https://abc.com"),
        ("evil.com.example.org", "evil.com"),
        ("at -5", 5),
        ("between 1000 2000", 10002000),
        ("between 1000, 2000 and 3000", "100020003000"),
        ("12.345.678", 12345678),
        ("1,234.56", "123456"),
        ("server 192.168.10.1", "192.16.810.1"),
        ("05/15/2024", "2024-05-15"),
        ("on May 15, 2023", "2024-05-15"),
        ("may 5 people come?", "2024-05-05"),
        ("rule 5 may apply", "2024-05-05"),
        ("2024-02-30", "February 30"),
        ("at 10:30 PM", "10:30"),
        ("at 10:00", "2024-05-19 10:00"),
        ("on 2024-05-19", "2024-05-19 10:00"),
        ("save to documents", "/documents"),
        ("run ls tmp", "ls; tmp"),
        ("echo a b", "echo a > b"),
        ("echo a", "echo $(a)"),
        ("read id 007", 7),
        ("Bob Miller", "Bob A. Miller"),
        ("Bob", "Bo"),
        ("anything?", "?"),
    ],
)
def test_other_value(said: str, value: Any, prompt: Prompt, ask: Ask) -> None:
    """The value does not come from the user's words, though some of its characters do."""
    assert ask(prompt(said)).from_user(value) is False


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_numbers_in_every_format(prompt: Prompt, ask: Ask, number: Decimal) -> None:
    """A number is found however its zeros and thousands are written, as a number and as text."""
    for said in (f"{number}", f"{number:,}", f"{number:,.1f}" if number * 10 % 1 == 0 else f"{number:.4f}"):
        for value in (float(number), str(number), f"{number:,.2f}"):
            assert ask(prompt(f"pay {said} now")).from_user(value) is True


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)), st.times())
def test_moments_in_every_format(prompt: Prompt, ask: Ask, day: date, clock: time) -> None:
    """A date and a time of day are found in ISO form and in words."""
    clock = clock.replace(microsecond=0, second=0)
    value = f"{day.isoformat()} {clock:%H:%M}"
    for written in (f"{day:%B} {day.day}, {day.year}", f"{day.day} {day:%b} {day.year}", day.isoformat()):
        for at in (f"{clock:%H:%M}", f"{clock:%I:%M %p}", f"{clock:%I:%M%p}".lower()):
            assert ask(prompt(f"meet on {written} at {at}, please")).from_user(value) is True


@given(st.from_regex(r"[A-Z]{2}[0-9]{2}[A-Z]{4}[0-9]{10,18}", fullmatch=True))
def test_account_numbers_in_every_format(prompt: Prompt, ask: Ask, iban: str) -> None:
    """An IBAN is found with and without its spaces, in either case."""
    grouped = " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))
    for said in (iban, iban.lower(), grouped):
        for value in (iban, grouped, grouped.replace(" ", "-")):
            assert ask(prompt(f"pay 12.00 to {said}, thanks")).from_user(value) is True


def test_the_numbers_of_a_date_are_no_numbers(prompt: Prompt, ask: Ask) -> None:
    """Who says June 13, or 10 am, has not said 13 or 10; who says file 13 has."""
    asked = ask(prompt("What are we doing on June 13 at 10 am, and on May 15th, 2024?"))
    assert [asked.from_user(value) for value in ("13", 13, "10", 2024)] == [False] * 4
    assert asked.from_user("June 13") is True
    assert ask(prompt("Delete file 13 on June 14")).from_user("13") is True
