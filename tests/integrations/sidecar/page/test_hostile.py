"""Everything that an agent, a tool or a user wrote is hostile: it is shown as text, and nothing of it happens."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.integrations.sidecar.page.desk import Agent, Person, Running

Come = Callable[..., Person]

RUN = "window.seen.ran.push('{}')"
PAYLOADS = {
    "img": f'<img src="http://evil.test/x.png" onerror="{RUN.format("img")}">',
    "script": f"</textarea></script><script>{RUN.format('script')}</script>",
    "svg": f"'\"><svg/onload={RUN.format('svg')}><iframe srcdoc='<script>parent.seen.ran.push(1)</script>'></iframe>",
    "template": "{{constructor.constructor('window.seen.ran.push(1)')()}}${window.seen.ran.push(2)}",
    "link": "javascript:window.seen.ran.push('link')",
    "style": "<style>@import 'http://evil.test/x.css'</style><link rel=stylesheet href=//evil.test/y.css>",
    "refresh": '<meta http-equiv="refresh" content="0;url=http://evil.test/"><base href="http://evil.test/">',
    "proto": '__proto__"]; window.seen.ran.push(3); //',
}


def test_no_agent_controlled_field_runs_anything(agent: Agent, person: Come) -> None:
    """Payloads in names of sessions, calls, tools and arguments, in values, prompts, results, principals: all inert."""
    everything = " ".join(PAYLOADS.values())
    for name, payload in PAYLOADS.items():
        session = f"{name}/{payload}\n?#%2f"
        agent.says(session, f"prompt {payload}, of the inbox")
        agent.says(session, f"answer {payload}", "text")
        agent.reads(session, [{payload: payload, "plain": {"deep": payload}}], id=f"r{payload}")
        agent.reads(session, payload, id=f"s{payload}")
        args = {payload: payload, "list": [payload], "__proto__": payload, "constructor": 1}
        who = {"id": f"who {payload}", "roles": [f"role {payload}"]}
        asked = agent.call(session, f"id {payload}", "note", args, principal=who)
        assert asked["outcome"] == "escalate"
        assert agent.call(session, f"x{payload}", f"tool {payload}", {payload: payload})["outcome"] == "deny"

    ann = person("ann-token")
    page = ann.page
    for name, payload in PAYLOADS.items():
        card = page.locator("article.card").filter(has_text=f"who {payload}"[:40]).filter(has_text=name)
        expect(card.first).to_contain_text(payload)
        expect(card.first).to_contain_text("untrusted")  # its source text is quoted
    card = page.locator("article.card").filter(has_text="who ").first
    card.get_by_text("The exact call").click()
    card.get_by_role("button", name="Edit…").click()
    box = card.get_by_label("Arguments, as JSON")
    box.fill(json.dumps({everything: everything}))
    expect(card.locator("table.diff ins").last).to_contain_text("<script>")
    expect(card.locator(".side").nth(1)).to_have_attribute("data-outcome", "ALLOW")
    card.get_by_role("button", name="Approve the edited call").click()
    expect(card).to_contain_text("edited and approved")
    expect(card.locator("table.diff ins").last).to_contain_text("<script>")

    ann.go("decisions?what=all")
    expect(page.locator(".timeline > li").first).to_be_visible()
    for row in page.locator(".timeline details").all()[:80]:
        row.evaluate("row => { row.open = true }")
    expect(page.locator(".timeline")).to_contain_text(PAYLOADS["img"])

    ann.go("sessions")
    page.locator(".plain-list a").filter(has_text="<img").first.click()
    expect(page.locator(".conversation > li")).to_have_count(6)
    expect(page.locator(".conversation")).to_contain_text(f"prompt {PAYLOADS['img']}")
    page.get_by_role("button", name="Mark in the conversation").first.click()
    expect(page.locator("mark").first).to_be_visible()

    ann.go("playground")
    call = json.dumps({"tool": everything, "args": {everything: everything}})
    page.get_by_label("A call, or a case").fill(call)
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".result-box")).to_contain_text("unknown-tool")
    page.get_by_label("A call, or a case").fill(f"call: {everything}")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".result-box")).to_contain_text("error[")
    assert (
        page.locator(
            "main iframe, main svg, main img, main script, main style, main meta, main link, main base"
        ).count()
        == 0
    )
    assert page.evaluate("[...document.querySelectorAll('a')].every(a => a.protocol === location.protocol)")
    assert page.evaluate("({}).polluted === undefined && Object.keys(Object.prototype).length === 0")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("invoice\u202egpj.exe", "invoice⟨U+202E⟩gpj.exe"),
        ("pay\u200bpal.com", "pay⟨U+200B⟩pal.com"),
        ("a\u0000b\u001b[31mc", "a⟨U+0000⟩b⟨U+001B⟩[31mc"),
        ("x\U000e0041\ufeff\u3164y", "x⟨U+E0041⟩⟨U+FEFF⟩⟨U+3164⟩y"),
        ("line\u2028break\u2066", "line⟨U+2028⟩break⟨U+2066⟩"),
    ],
)
def test_characters_that_hide_or_reorder_are_spelled_out(
    agent: Agent, person: Come, written: str, shown: str
) -> None:
    """Bidirectional controls, zero-width characters, tags and controls are visible where a person decides."""
    session = f"hidden-{len(written)}-{ord(written[-1])}"
    agent.call(session, "1", "note", {"name": written})
    ann = person("ann-token")
    expect(ann.card(session).locator(".argument-value")).to_have_text(shown)
    assert ann.card(session).locator(".hidden-char").first.get_attribute("title")


def test_letters_that_look_alike_are_pointed_out(agent: Agent, person: Come) -> None:
    """A Cyrillic letter in a Latin word is the classic way to another payee."""
    agent.call("mixed", "1", "note", {"to": "pаypal.com"})
    expect(person("ann-token").card("mixed")).to_contain_text(
        "Letters of several scripts that look alike: pаypal"
    )


def test_numbers_are_shown_and_approved_to_the_digit(agent: Agent, person: Come) -> None:
    """What JavaScript would round is neither shown rounded nor sent back rounded."""
    args = '{"n": 12345678901234567891, "f": 1.0, "e": 1e-7}'
    body = '{"session": "digits", "call": {"id": "1", "tool": "note", "args": ' + args + "}}"
    assert agent.ask("/v1/calls", body.encode())["outcome"] == "escalate"
    card = person("ann-token").card("digits")
    expect(card.locator(".argument-value")).to_have_text(["1e-07", "1.0", "12345678901234567891"])
    card.get_by_role("button", name="Edit…").click()
    box = card.get_by_label("Arguments, as JSON")
    assert "12345678901234567891" in box.input_value() and "1.0" in box.input_value()
    box.fill(box.input_value().replace("1e-07", "2.50"))
    card.get_by_role("button", name="Approve the edited call").click()
    expect(card).to_contain_text("edited and approved")
    answer = agent.ask("/v1/calls", body.encode())
    assert answer["call"]["args"] == {"n": 12345678901234567891, "f": 1.0, "e": 2.5}


def test_a_huge_text_is_folded_and_the_page_stays_usable(agent: Agent, person: Come) -> None:
    """Two hundred thousand characters, half of them markup, are shown in part until somebody asks."""
    agent.call("huge", "1", "note", {"text": "<b>" * 66_000})
    card = person("ann-token").card("huge")
    more = card.get_by_role("button", name="more characters")
    expect(more.first).to_be_visible()
    assert len(card.locator(".argument-value").inner_text()) < 10_000
    card.get_by_role("button", name="Reject").click()
    expect(card).to_contain_text("rejected")


def test_a_session_with_a_huge_name_leaves_room_for_the_others(agent: Agent, person: Come) -> None:
    """The name is the agent's: it scrolls in its place, and pushes no other question off the page."""
    agent.pays("n" * 20_000)
    ann = person("ann-token")
    card = ann.page.locator("article", has_text="n" * 200).first
    expect(card).to_be_visible()
    box = card.bounding_box()
    assert box is not None and box["height"] < 1000
    ann.go("sessions")
    row = ann.page.locator(".plain-list a", has_text="n" * 200).first
    expect(row).to_be_visible()
    box = row.bounding_box()
    assert box is not None and box["height"] < 200


def test_the_headers_let_nothing_else_in(base: str) -> None:
    """Every file of the page comes with the policy that the page's safety rests on, and without a token."""
    files = ("/", "/page/app.js", "/page/style.css", "/page/icon.svg")
    for path in files:
        with urllib.request.urlopen(base + path) as answer:
            headers: dict[str, Any] = {name.lower(): value for name, value in answer.headers.items()}
        policy = set(headers["content-security-policy"].split("; "))
        assert policy >= {
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self'",
            "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        }  # fmt: skip
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_the_browser_enforces_the_policy(person: Come, base: str) -> None:
    """Were markup ever assigned, or a script written in, the browser would refuse: tried on purpose."""
    someone = person("ann-token")
    page = someone.page
    assert (
        page.evaluate("""() => {
        try { document.body.innerHTML = "<p>x</p>"; return "assigned"; } catch (error) { return error.name; }
    }""")
        == "TypeError"
    )
    failures: list[str | None] = []
    page.on("requestfailed", lambda request: failures.append(request.failure))
    with page.expect_event("requestfailed"):
        page.evaluate("""() => {
            const image = document.createElement("img");
            image.src = "https://evil.test/x.png";
            document.body.append(image);
            image.remove();
        }""")
    page.wait_for_function("window.seen.violations.some(each => each.startsWith('img-src'))")
    found = page.evaluate("window.seen.violations.map(each => each.split(' ')[0])")
    assert set(found) <= {"img-src", "require-trusted-types-for"} and "img-src" in found
    assert failures == ["csp"]
    page.evaluate("window.seen.violations = []")
    someone.noticed.clear()


def test_a_token_goes_nowhere_but_to_the_service(service: Running, person: Come) -> None:
    """It is in no address, no cookie and no storage that outlives the tab; signing out forgets it."""
    someone = person("ann-token")
    page = someone.page
    assert "ann-token" not in page.url
    assert page.context.cookies() == []
    assert "ann-token" not in json.dumps(page.evaluate("({...localStorage})"))
    page.reload()
    expect(page.get_by_role("heading", name="Approvals")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
