"""One policy with stages, sound, and a way to spoil it."""

from __future__ import annotations

from bartizan.policies.diagnostics import Source
from bartizan.policies.load import check_policy
from bartizan.policies.policy import CheckedPolicy

MAIL = """
version: 1
name: mail
tools:
  read_file: {args: {path: str}, effect: read, result: {label: trusted}}
  send_mail: {args: {to: str, "note?": str}, effect: write}
  request_review: {args: {why: str}, effect: write}
stages:
  initial: active
  states:
    active: {}
    quarantined:
      only: ["@read"]
      for: 1h
      then: probation
      reason: A mail to a stranger was stopped.
    probation: {for: 24h, then: active}
    suspended: {only: [request_review]}
    closed: {only: [], final: true}
  transitions:
    - {from: [active], on: denied, because: [strangers], to: quarantined}
    - {from: [quarantined, probation], on: denied, because: [strangers], to: suspended}
    - {from: [suspended], on: call, tools: [request_review], to: probation}
    - {from: [active], on: result, tools: [read_file], when: result.text.contains("STOP"), to: closed}
rules:
  - {id: reads, allow: ["@read"]}
  - {id: mails, allow: [send_mail]}
  - {id: review, escalate: [request_review]}
  - {id: strangers, deny: [send_mail], unless: 'email_domain(args.to, ["corp.com"])'}
  - {id: careful, escalate: [send_mail], in: [probation]}
"""


def mail(*changes: tuple[str, str], more: str = "") -> CheckedPolicy:
    """The policy with texts in it replaced, each of which it must hold once."""
    text = MAIL
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return check_policy(Source("mail.yaml", text + more))
