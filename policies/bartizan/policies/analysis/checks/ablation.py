"""What becomes allowed when signals are missing, or lie: the call decided twice, with and without what they say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from ...language import ast
from ...policy import CheckedPolicy
from ..answers import Budget, Unknown
from ..encode.decision import Verdict, verdict
from ..encode.expressions import Encoder, Moment, Past
from ..encode.inputs import undefined
from ..encode.past import Established
from ..encode.symbols import Amount, Symbol
from ..formula import FALSE, Formula, Model
from ..inquiry import Inquiry
from ..solve import Unsat

Fate = Literal["missing", "adversarial"]


@dataclass(frozen=True, slots=True, eq=False)
class WithoutSignals:
    """The past as it reads when some signals had always been missing (E), or had been anything at all."""

    past: Past
    signals: frozenset[str]
    fate: Fate
    other: Past

    def read(self, node: ast.Register, moment: Moment, encoder: Encoder) -> Symbol:
        if not _mentions(node, self.signals):
            return self.past.read(node, moment, encoder)
        if self.fate == "missing":
            return undefined(node.type, encoder.formulas)
        return self.other.read(node, moment, encoder)


class Ablation:
    """Calls of one tool, decided with the signals as they are and with some of them gone (or lying)."""

    def __init__(
        self,
        policy: CheckedPolicy,
        tool: str,
        signals: Iterable[str],
        fate: Fate,
        budget: Budget,
        established: Established,
    ) -> None:
        self.inquiry = Inquiry((policy,), tool, budget, established)
        names = frozenset(signals)
        self.before = self.inquiry.verdict(policy)
        self.after = self._without(policy, names, fate)

    def _without(self, policy: CheckedPolicy, names: frozenset[str], fate: Fate) -> Verdict:
        encoder, moment = self.inquiry.encoder, self.inquiry.moment
        other = replace(self.inquiry.past, reads={}, _families={})
        past = WithoutSignals(self.inquiry.past, names, fate, other)
        gone = replace(moment, name="ablated ", past=past, signals=dict(moment.signals))
        for name in policy.signals:
            for which in ("value", "p_value"):
                if name not in names:
                    value = encoder.encode(ast.SignalValue(name, which), moment)  # the same in both
                    assert isinstance(value, Amount)
                elif fate == "missing":
                    value = Amount(FALSE, encoder.formulas.constant(0))
                else:
                    gone.signals.pop((name, which), None)
                    continue
                gone.signals[name, which] = value
        return verdict(encoder, policy, self.inquiry.tool, gone)

    def newly(self, which: Literal["allowed", "let_go"] = "allowed") -> Formula:
        """The call goes without the signals, and does not with them."""
        f = self.inquiry.formulas
        before, after = (getattr(v, which)() for v in (self.before, self.after))
        return f.both(after, f.neg(before))

    def check(self) -> Model | Unsat | Unknown:
        return self.inquiry.check(self.newly())


def _mentions(node: ast.Expr, names: frozenset[str]) -> bool:
    return any(isinstance(n, ast.SignalValue | ast.MaxSignal) and n.name in names for n in ast.walk(node))
