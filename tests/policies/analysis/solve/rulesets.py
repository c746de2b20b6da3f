"""Large problems of the shape that policies have: rules that are conjunctions of conditions on arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from bartizan.policies.analysis.formula import Formula, Formulas, Number, Text
from bartizan.policies.regular import contains, one_of, path_under, prefix, suffix

_NAMES = (
    "srv",
    "etc",
    "home",
    "data",
    "tmp",
    "var",
    "lib",
    "opt",
    "mnt",
    "docs",
    "img",
    "mail",
    "team",
    "prod",
)


@dataclass
class Ruleset:
    """Deny rules and allow rules over four texts, two integers and two enumerations."""

    make: Formulas
    random: Random
    texts: list[Text] = field(default_factory=list)
    numbers: list[Number] = field(default_factory=list)
    kinds: list[Number] = field(default_factory=list)
    allow: list[Formula] = field(default_factory=list)
    deny: list[Formula] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.texts = [self.make.text(name, 4_096) for name in ("path", "to", "host", "subject")]
        self.numbers = [self.make.whole(name) for name in ("amount", "count")]
        self.kinds = [self.make.whole(name) for name in ("mode", "tier")]

    @property
    def well_formed(self) -> Formula:
        return self.make.all(self.make.between(0, kind, 7) for kind in self.kinds)

    def allowed(self, deny: list[Formula] | None = None, allow: list[Formula] | None = None) -> Formula:
        denied = self.make.some(self.deny if deny is None else deny)
        return self.make.both(self.make.neg(denied), self.make.some(self.allow if allow is None else allow))

    def rule(self) -> Formula:
        return self.make.all(self.condition() for _ in range(self.random.randint(3, 5)))

    def condition(self) -> Formula:
        make, random = self.make, self.random
        kind = random.randrange(10)
        if kind < 2:
            low = random.randrange(0, 1_000)
            return make.between(low, random.choice(self.numbers), low + random.randrange(50, 5_000))
        if kind < 4:
            chosen = random.choice(self.kinds)
            return make.some(make.equal(chosen, make.constant(v)) for v in random.sample(range(8), 3))
        text = random.choice(self.texts)
        match kind:
            case 4:
                found = make.member(text, prefix(f"/{self.word()}/"))
            case 5:
                found = make.member(text, suffix(f".{self.word()}"))
            case 6:
                found = make.member(text, contains(self.word()))
            case 7:
                found = make.member(text, path_under(f"/{self.word()}/{self.word()}"))
            case _:
                found = make.member(
                    text, one_of(self.word() + self.word() for _ in range(random.randint(1, 8)))
                )
        return make.neg(found) if random.random() < 0.2 else found

    def word(self) -> str:
        return self.random.choice(_NAMES) + (
            str(self.random.randrange(40)) if self.random.random() < 0.5 else ""
        )


def ruleset(count: int, seed: int = 0) -> Ruleset:
    """``count`` rules, two in three of which allow; about one in ten repeats an earlier one more strictly."""
    rules = Ruleset(Formulas(), Random(seed))
    for _ in range(count):
        into = rules.deny if rules.random.random() < 0.33 else rules.allow
        rule = rules.rule()
        if into and rules.random.random() < 0.1:
            rule = rules.make.both(rules.random.choice(into), rule)
        into.append(rule)
    return rules
