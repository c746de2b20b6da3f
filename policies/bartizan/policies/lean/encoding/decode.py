"""From a kernel term to the policy that it is: constructors are read off, whatever the term has to compute first.

``Reader`` brings a value into constructor form with the kernel's own reduction, so that an author may have used
definitions, projections or numerals of any kind.
"""

from __future__ import annotations

from ..calculus.terms import Const
from ..calculus.terms import Expr as Term
from ..kernel.environment import Environment
from ..kernel.errors import KernelError
from ..kernel.values import Natural, Stuck, Value
from .constructors import MAX_ITEMS, MAX_PARTS, CannotDecode, Constructors
from .model import Effect, Policy, Rule

PIECE = 256
_EFFECTS: dict[str, Effect] = {
    "Effect.allow": "allow",
    "Effect.deny": "deny",
    "Effect.escalate": "escalate",
    "Effect.redact": "redact",
    "Effect.label": "label",
}


class Reader(Constructors[Value]):
    """Reads closed terms of an environment, at most ``parts`` parts. Raises :class:`CannotDecode`."""

    def __init__(self, environment: Environment, parts: int = MAX_PARTS) -> None:
        super().__init__(parts)
        self._machine = environment.machine  # reduction is all that is needed of it, and nothing is added

    def policy(self, term: Term) -> Policy:
        """The policy that a term of type ``Bartizan.Policy`` is."""
        try:
            header, leaves, rules = self.fields(self._machine.delay(term, ()), "Policy.mk", 3)
            return Policy(
                self.text(header),
                tuple(self.items(leaves, self.text)),
                tuple(self.items(rules, self.rule)),
            )
        except KernelError as error:
            raise CannotDecode(f"it does not reduce to a policy: {error}") from error
        except RecursionError as error:
            raise CannotDecode("its conditions are nested too deep") from error

    def made(self, part: Value, what: str) -> tuple[str, tuple[Value, ...]]:
        found = self._machine.whnf(part)
        if not isinstance(found, Stuck) or not isinstance(found.head, Const):
            raise CannotDecode(f"expected {what}, found something that does not compute")
        return found.head.name, found.args

    def nat(self, part: Value) -> int:
        counted = 0
        while True:
            found = self._machine.whnf(part)
            if isinstance(found, Natural):
                return counted + found.value
            name, args = self.head(found, "a number")
            if name == "Nat.zero":
                return counted
            if name != "Nat.succ" or counted >= MAX_ITEMS:
                raise CannotDecode(f"expected a number, found {name}")
            counted, part = counted + 1, args[0]

    def text(self, part: Value) -> str:
        return text_of(self.items(part, self.nat))

    def rule(self, part: Value) -> Rule:
        id, effect, tool, condition, soft, shadow, about = self.fields(part, "Rule.mk", 7)
        name, _ = self.ours(effect, "an effect")
        if name not in _EFFECTS:
            raise CannotDecode(f"expected an effect, found {name}")
        return Rule(
            self.text(id), _EFFECTS[name], self.text(tool), self.expr(condition),
            tuple(self.items(soft, self.nat)), self.truth(shadow), self.text(about),
        )  # fmt: skip


def text_of(pieces: list[int]) -> str:
    """The text of its pieces: 256 bytes of UTF-8 each (the last may be shorter), as the number behind a leading 1.

    There is one list of pieces for each text, and no other is read: the kernel compares texts piece by piece.
    """
    data = bytearray()
    for place, piece in enumerate(pieces):
        written = f"{piece:x}"
        long = len(written) // 2
        full = long == PIECE or (place == len(pieces) - 1 and 0 < long < PIECE)
        if len(written) % 2 == 0 or written[0] != "1" or not full:
            raise CannotDecode(f"expected a text in pieces of {PIECE} bytes behind a leading 1")
        data += bytes.fromhex(written[1:])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise CannotDecode(f"expected a text in UTF-8: {error}") from error
