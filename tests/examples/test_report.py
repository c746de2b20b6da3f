from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from bartizan.integrations.agentdojo.records import Run, Step, Why
from bartizan.integrations.agentdojo.report import render
from bartizan.integrations.agentdojo.showcase import choose

HOSTILE = "</code><script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp.exe\u200b{{7*7}}"
STEPS = (
    Step("user-0", "user", "read", {"path": HOSTILE}, "allowed", True, output=HOSTILE, shows_injection=True),
    Step("injected-0", "injected", HOSTILE, {HOSTILE: HOSTILE}, "denied", False,
         (Why(HOSTILE, "deny", "E", HOSTILE, (HOSTILE,)),), HOSTILE),
)  # fmt: skip
RUN = Run(
    suite="banking", user_task="user_task_0", injection_task="injection_task_1", attack="split", policy=HOSTILE,
    prompt=HOSTILE, goal=HOSTILE, completed=False, reached=True, steps=STEPS, asked=1, granted=0, refused=1,
    seconds=0.5,
)  # fmt: skip
BENIGN = replace(
    RUN, injection_task=None, attack=None, reached=None, completed=True, steps=STEPS[:1], asked=0
)


class Page(HTMLParser):
    """Tags and attributes of a page; every element must be closed by its own end tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def page() -> str:
    runs = [replace(RUN, policy=None), RUN, replace(BENIGN, policy=None), BENIGN]
    return render(runs, {"banking": HOSTILE})


def test_what_attackers_write_is_text(page: str) -> None:
    """Hostile text in prompts, arguments, tool names, outputs, rules and policies makes no element or attribute."""
    parsed = Page(page)
    assert parsed.open == []
    assert not parsed.tags & {"script", "img", "iframe", "object", "embed", "link", "a", "form", "base"}
    assert not [
        name for name in parsed.attributes if name.startswith("on") or name in ("src", "href", "action")
    ]
    assert "\u202e" not in page
    assert "\u200b" not in page


def test_the_page_stands_alone(page: str) -> None:
    """Nothing is loaded: the style sheet names no other resource, and no script or request is allowed to run."""
    style = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    assert "default-src" in page
    assert "url(" not in style
    assert "@import" not in style


def test_what_went_wrong_is_shown_first(page: str) -> None:
    """A run in which the attack succeeded is listed as a shortfall and is the first of the runs shown."""
    assert "1 of 2 guarded runs" in page
    assert choose([BENIGN, RUN])[0] is RUN


def test_without_a_guard_there_is_nothing_to_show_but_the_attacks() -> None:
    """A page of unguarded runs says how many attacks succeeded, and claims nothing about a guard."""
    text = render([replace(RUN, policy=None)], {})
    assert "1 of 1" in text
    assert "Where it fell short" not in text
    assert "Bypasses" not in text


def test_a_page_of_benign_runs_alone_can_be_made() -> None:
    """Where nothing was attacked, the page speaks of costs only."""
    text = render([BENIGN], {})
    assert "Without attack" in text
    assert "Under attack" not in text


def test_of_each_kind_of_course_one_is_chosen() -> None:
    """Runs that went alike are shown once; there are never more than the limit."""
    alike = [replace(BENIGN, user_task=f"user_task_{number}") for number in range(9)]
    assert len(choose([RUN, *alike])) == 2
    different = [replace(RUN, suite=f"suite {number}") for number in range(9)]
    assert len(choose(different, limit=4)) == 4
