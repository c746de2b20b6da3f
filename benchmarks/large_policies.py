"""Policies as large as wanted, and as ordinary as can be made up: six tools, a rule or a thousand, faults on request.

Half of the rules allow, a third denies, the rest asks. Conditions are one to three tests of paths, addresses, links,
amounts, enums and optional texts. What they are depends on the number of rules and the seed only.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

TOOLS = """\
  read_file: {args: {path: str, "encoding?": "enum(utf8, latin1, ascii)"}, effect: read}
  write_file: {args: {path: str, content: str(10000), mode: "enum(create, append, replace)"}, effect: write}
  send_email: {args: {to: "list(str, 8)", subject: str, "cc?": str, priority: "enum(low, normal, high)"}, effect: write}
  fetch: {args: {url: str, "max_length?": int}, effect: read, open: true}
  pay: {args: {to: str, amount: dec(2), currency: "enum(EUR, USD, GBP, CHF)", "memo?": str}, effect: destructive}
  query: {args: {table: str(64), limit: int, "filter?": str}, effect: read}
"""
NAMES = ("read_file", "write_file", "send_email", "fetch", "pay", "query")
TEAMS = [
    "ada",
    "bell",
    "cray",
    "dahl",
    "eiffel",
    "fermi",
    "gauss",
    "hertz",
    "ising",
    "joule",
    "kelvin",
    "laue",
]
FOLDERS = ["reports", "drafts", "invoices", "archive", "inbox", "shared", "tmp", "public", "logs", "backups"]
SUFFIXES = ["txt", "pdf", "csv", "md", "json", "log"]
SECRETS = ["secret", "token", "passwd", "private", "key", "credential"]
TABLES = ["orders", "customers", "stock", "returns", "suppliers", "staff", "visits"]

INVARIANTS = """\
  - never: allowed(read_file) && args.path.startsWith("/etc/")
  - never: allowed(read_file) && args.path.contains("/../")
  - never: allowed(write_file) && !path_under(args.path, "/srv")
  - never: allowed(write_file) && args.path.endsWith(".exe")
  - never: allowed(send_email) && args.to.exists(a, a.contains(" "))
  - never: allowed(fetch) && !args.url.startsWith("https://")
  - never: allowed(pay) && args.amount > 100000.00
  - never: allowed(query) && args.limit > 5000
"""
"""The guards see to these, whatever rules follow: all eight hold."""

GUARDS = (
    'deny: [read_file]\n    when: args.path.startsWith("/etc/") || args.path.contains("..")',
    'deny: [write_file]\n    unless: path_under(args.path, "/srv")',
    'deny: [write_file]\n    when: args.path.endsWith(".exe") || args.path.endsWith(".sh")',
    'deny: [send_email]\n    unless: args.to.all(a, email_domain(a, ["corp.example", "partner.example"]))',
    'deny: [fetch]\n    unless: args.url.startsWith("https://")',
    "deny: [pay]\n    when: args.amount > 90000.00 || args.amount <= 0.00",
    "deny: [query]\n    when: args.limit > 4000",
)


@dataclass(frozen=True, slots=True)
class Made:
    """A policy's text, and what was planted in it: the ids of rules that can never fire, and that change nothing."""

    text: str
    vacuous: tuple[str, ...] = ()
    shadowed: tuple[str, ...] = ()


def policy(rules: int, seed: int = 0, *, faults: bool = False, invariants: bool = False) -> Made:
    """A policy of so many rules; with faults, one in fifty is vacuous and one in fifty shadowed."""
    made = [f"  - id: guard-{index}\n    {guard}" for index, guard in enumerate(GUARDS)]
    rng = random.Random(f"{rules} {seed}")
    effects = ["allow"] * (rules // 2) + ["deny"] * (rules // 3 - len(GUARDS))
    effects += ["escalate"] * (rules - len(GUARDS) - len(effects))
    rng.shuffle(effects)
    vacuous: list[str] = []
    shadowed: list[str] = []
    while len(made) < rules:
        index = len(made)
        if faults and index % 50 == 8:
            vacuous.append(f"r{index}")
            made.append(f"  - id: r{index}\n    {_vacuous(index, rng)}")
        elif faults and index % 50 == 9:
            shadowed.append(f"r{index}")
            made.append(f"  - id: r{index}\n    {_shadowed(index, rng)}")
        else:
            made.append(f"  - id: r{index}\n    {_rule(effects[index - len(GUARDS)], rng)}")
    return Made(_document(made, invariants), tuple(vacuous), tuple(shadowed))


def edited(rules: int, seed: int = 0) -> tuple[str, str]:
    """A policy before and after an edit: one rule is new, one is gone, one limit is raised."""
    before = policy(rules, seed).text
    after = before.replace("args.limit > 4000", "args.limit > 4500", 1)
    after = after.replace('["corp.example", "partner.example"]', '["corp.example"]', 1)
    new = '  - id: added\n    allow: [fetch]\n    when: host_under(args.url, ["added.example"])\n'
    return before, after + new


def _document(rules: list[str], invariants: bool) -> str:
    body = "\n".join(rules)
    ending = f"invariants:\n{INVARIANTS}" if invariants else ""
    return f"version: 1\nname: large\ntools:\n{TOOLS}{ending}rules:\n{body}\n"


def _rule(effect: str, rng: random.Random) -> str:
    """A test of what the tool is about (a place, a payee), and up to two of other things."""
    tool = rng.choice(NAMES)
    first, *others = _TESTS[tool]
    extra = rng.sample(others, min((rng.random() < 0.45) + (rng.random() < 0.2), len(others)))
    tests = [rng.choice(_TESTS[tool][each])(rng) for each in (first, *extra)]
    return f"{effect}: [{tool}]\n    when: {' && '.join(tests)}"


def _word(rng: random.Random) -> str:
    return f"{rng.choice(TEAMS)}{rng.randrange(60)}"


def _folder(rng: random.Random) -> str:
    return f"/srv/{rng.choice(TEAMS)}/{rng.choice(FOLDERS)}{rng.randrange(40)}"


Test = Callable[[random.Random], str]

_PATHS: dict[str, tuple[Test, ...]] = {
    "place": (
        lambda rng: f'path_under(args.path, "{_folder(rng)}")',
        lambda rng: f'args.path.startsWith("{_folder(rng)}/")',
        lambda rng: f'glob(args.path, "/srv/{rng.choice(TEAMS)}/**/{_word(rng)}-*.*")',
        lambda rng: (
            f'args.path.fullmatches("/srv/[a-z]+/{rng.choice(FOLDERS)}/.*[0-9]{{{rng.randint(2, 6)}}}.*")'
        ),
    ),
    "name": (
        lambda rng: f'args.path.endsWith("{rng.randrange(100)}.{rng.choice(SUFFIXES)}")',
        lambda rng: f'args.path.contains("{rng.choice(SECRETS)}{rng.randrange(50)}")',
    ),
}
_TESTS: dict[str, dict[str, tuple[Test, ...]]] = {
    "read_file": {
        **_PATHS,
        "encoding": (lambda rng: f'has(args.encoding) && args.encoding == "{rng.choice(("utf8", "latin1", "ascii"))}"',),  # noqa: E501 (a rule on one line)
    },
    "write_file": {
        **_PATHS,
        "mode": (lambda rng: f'args.mode == "{rng.choice(("create", "append", "replace"))}"',),
        "content": (lambda rng: f"size(args.content) <= {rng.randrange(100, 9_000)}",),
    },
    "send_email": {
        "to": (
            lambda rng: f'args.to.all(a, a.startsWith("{_word(rng)}."))',
            lambda rng: f'args.to.exists(a, a.startsWith("{rng.choice(TEAMS)}.{_word(rng)}@"))',
        ),
        "subject": (
            lambda rng: f'args.subject.contains("{rng.choice(SECRETS)}{rng.randrange(50)}")',
            lambda rng: f'args.subject.matches(r"(?i){rng.choice(FOLDERS)} no\\. ?[0-9]{{{rng.randint(3, 6)}}}")',
        ),
        "cc": (lambda rng: f'has(args.cc) && email_domain(args.cc, ["{_word(rng)}.example"])',),
        "priority": (lambda rng: f'args.priority == "{rng.choice(("low", "normal", "high"))}"',),
    },
    "fetch": {
        "host": (
            lambda rng: f'host_under(args.url, ["{_word(rng)}.example"])',
            lambda rng: f'args.url.startsWith("https://{_word(rng)}.example/")',
            lambda rng: f'args.url.fullmatches("https://[a-z.]+/{rng.choice(FOLDERS)}/.*[0-9]{{{rng.randint(1, 8)}}}.*")',  # noqa: E501 (a rule on one line)
        ),
        "rest": (lambda rng: f'args.url.contains("{rng.choice(SECRETS)}={rng.randrange(60)}")',),
        "length": (lambda rng: f"has(args.max_length) && args.max_length <= {rng.randrange(1, 5_000)}",),
    },
    "pay": {
        "to": (
            lambda rng: f'args.to.startsWith("{rng.choice(("DE", "FR", "GB", "CH"))}{rng.randrange(100):02}")',
            lambda rng: f'args.to.fullmatches("[A-Z]{{2}}{rng.randrange(100):02}[A-Z0-9]{{{rng.randint(11, 30)}}}")',
            lambda rng: f'args.to == "DE{rng.randrange(10**6):06}"',
        ),
        "amount": (lambda rng: f"args.amount <= {rng.randrange(1, 90_000)}.{rng.randrange(10)}0",),
        "currency": (lambda rng: f'args.currency == "{rng.choice(("EUR", "USD", "GBP", "CHF"))}"',),
        "memo": (lambda rng: f'has(args.memo) && args.memo.contains("{rng.choice(FOLDERS)} {rng.randrange(60)}")',),
    },
    "query": {
        "table": (
            lambda rng: f'args.table in ["{rng.choice(TABLES)}_{rng.randrange(40)}", "{rng.choice(TABLES)}"]',
            lambda rng: f'args.table.startsWith("{rng.choice(TABLES)}_{rng.randrange(40)}_")',
        ),
        "limit": (lambda rng: f"args.limit <= {rng.randrange(1, 4_000)}",),
        "filter": (
            lambda rng: f'has(args.filter) && args.filter.startsWith("{_word(rng)} = ")',
            lambda rng: f"has(args.filter) && size(args.filter) > {rng.randrange(200, 60_000)}",
        ),
    },
}  # fmt: skip


def _vacuous(index: int, rng: random.Random) -> str:
    return (
        f'allow: [read_file]\n    when: path_under(args.path, "{_folder(rng)}") && args.path.contains("/../")',
        f'deny: [pay]\n    when: args.to.startsWith("DE{index}") && args.to.fullmatches("[A-Z]{{2}}[A-Z][0-9]*")',
        'escalate: [query]\n    when: size(args.table) > 20 && args.table in ["orders", "customers"]',
        f'allow: [fetch]\n    when: host_under(args.url, ["{rng.choice(TEAMS)}.example"]) && args.url.startsWith("ftp:")',  # noqa: E501 (a rule on one line)
    )[index // 50 % 4]


def _shadowed(index: int, rng: random.Random) -> str:
    return (
        f"deny: [query]\n    when: args.limit > {rng.randrange(4001, 9000)}",
        f'deny: [write_file]\n    when: args.path.startsWith("/home/{rng.choice(TEAMS)}")',
        f'escalate: [read_file]\n    when: args.path.startsWith("/etc/{rng.choice(TEAMS)}")',
        f'deny: [fetch]\n    when: args.url.startsWith("http://{rng.choice(TEAMS)}")',
    )[index // 50 % 4]
