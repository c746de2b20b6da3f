"""A service with a page, in a process of its own; an agent that asks it, and people who look at it in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect
from tests.integrations.sidecar.serving import Running, written

POLICY = """
version: 1
name: desk
tools:
  read_mail: {args: {folder: str}, effect: read}
  pay: {args: {to: str, amount: dec(2), "memo?": str}, effect: destructive}
  mail: {args: {to: str, body: str}, effect: write}
  note: {args: any, effect: write}
rules:
  - {id: everyday, allow: [read_mail, pay, mail, note]}
  - id: from-mail
    escalate: [pay]
    when: from_untrusted(args.to)
    reason: The account comes from a mail.
  - {id: large, escalate: [pay], when: args.amount > 100.00, reason: A person looks at payments above 100.}
  - {id: limit, deny: [pay], when: args.amount > 1000.00, reason: Nothing above 1000 is paid.}
  - {id: notes, escalate: [note], reason: A person reads notes.}
  - {id: outside, deny: [mail], when: '!args.to.endsWith("@example.org")', mode: shadow, reason: Mail stays inside.}
repair:
  pay: {amount: clamp, "*": locked}
tests:
  - name: small payments go
    call: {tool: pay, args: {to: Ada, amount: 5.00}}
    expect: allow
"""
TOKENS: list[dict[str, Any]] = [
    {"name": "agent", "scopes": ["decide"], "acts_for": True, "secret": {"env": "AGENT"}},
    {"name": "ann", "scopes": ["approve", "read"], "secret": {"env": "ANN"}},
    {"name": "ben", "scopes": ["approve", "read"], "secret": {"env": "BEN"}},
    {"name": "eve", "scopes": ["read"], "secret": {"env": "EVE"}},
    {"name": "quick", "tenant": "quick", "scopes": ["decide"], "secret": {"env": "QUICK"}},
    {"name": "kim", "tenant": "quick", "scopes": ["approve", "read"], "secret": {"env": "KIM"}},
]
SECRETS = {token["secret"]["env"]: f"{token['name']}-token" for token in TOKENS}
"""Each one's token is its name and ``-token``."""

PATIENCE = 120_000
"""Milliseconds for what should be there at once: the machine may be busy."""

expect.set_options(timeout=PATIENCE)

_WATCH = """
window.seen = { violations: [], ran: [] };
addEventListener("securitypolicyviolation", (event) => window.seen.violations.push(
  event.violatedDirective + " " + event.blockedURI + " " + event.sourceFile + ":" + event.lineNumber));
"""


def configured(directory: Path, **default: Any) -> Path:
    """Two tenants of one policy; in ``quick`` a question is open for a moment. ``default``: more of the other."""
    tenants = {
        "default": {"policy": "policy.yaml", "capture_content": True, **default},
        "quick": {"policy": "policy.yaml", "approval_ttl": 0.2},
    }
    return written(directory, POLICY, tenants=tenants, tokens=TOKENS)


class Agent:
    """Whoever asks the service for decisions."""

    def __init__(self, service: Running, token: str = "agent-token") -> None:
        self._service = service
        self._token = token

    def ask(self, path: str, body: Any) -> Any:
        status, answer = self._service.ask(path, body, token=self._token)
        assert status == 200, answer
        return answer

    def call(self, session: str, id: str, tool: str, args: dict[str, Any], **rest: Any) -> Any:
        body = {"session": session, "call": {"id": id, "tool": tool, "args": args}, **rest}
        return self.ask("/v1/calls", body)

    def pays(self, session: str, amount: float = 250.0, to: str = "Ada", id: str = "1") -> Any:
        answer = self.call(session, id, "pay", {"to": to, "amount": amount})
        return answer

    def says(self, session: str, text: str, kind: str = "prompt") -> Any:
        return self.ask("/v1/events", {"session": session, "kind": kind, "text": text})

    def reads(self, session: str, mails: Any, id: str = "r") -> None:
        """It reads mail, and is told this."""
        args = {"folder": "inbox"}
        assert self.call(session, id, "read_mail", args)["outcome"] == "allow"
        text = mails if isinstance(mails, str) else ""
        value = None if isinstance(mails, str) else mails
        call = {"id": id, "tool": "read_mail", "args": args}
        self.ask(
            f"/v1/calls/{quote(id, safe='')}/result",
            {"session": session, "call": call, "text": text, "value": value},
        )


class Person:
    """Somebody with a browser. What the browser noticed beside the page is kept: it must be nothing."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.noticed: list[str] = []
        page.add_init_script(_WATCH)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.noticed.append(f"error: {error}"))
        page.on("request", self._requested)
        page.on("dialog", lambda dialog: self.noticed.append(f"dialog: {dialog.message}"))
        page.on("popup", lambda popup: self.noticed.append(f"popup: {popup.url}"))

    def sign_in(self, token: str, view: str = "approvals") -> Self:
        self.page.goto(f"{self.base}/#/{view}")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("button", name="Live")).to_be_visible()
        return self

    def go(self, view: str) -> None:
        self.page.evaluate("view => { location.hash = `#/${view}` }", view)

    def card(self, session: str) -> Any:
        return self.page.locator("article.card").filter(
            has=self.page.get_by_role("link", name=session, exact=True)
        )

    def check(self) -> None:
        """Nothing ran that is not the page's, nothing was asked for elsewhere, no policy was violated."""
        seen = self.page.evaluate("window.seen")
        assert self.noticed == [] and seen == {"violations": [], "ran": []}, (self.noticed, seen)

    def _said(self, message: ConsoleMessage) -> None:
        # A refusal (409, 401, 503) is a message of the browser's own; the page shows it in words.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.noticed.append(f"console: {message.text}")

    def _requested(self, request: Request) -> None:
        if not request.url.startswith(f"{self.base}/"):
            self.noticed.append(f"request: {request.url}")


@contextmanager
def looking(browser: Browser, base: str, **options: Any) -> Iterator[Person]:
    """Somebody's browser window, with cookies and storage of its own; looked over when it is closed."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    try:
        person = Person(context.new_page(), base)
        yield person
        person.check()
    finally:
        context.close()
