"""Wrong programs: each is the analysis with one operator changed, and the differential checks must notice.

``before`` occurs exactly once in ``file`` (below the room's package); ``because`` says what goes wrong.
"""

# ruff: noqa: E501 - a mutant a line

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    file: str
    before: str
    after: str
    because: str


_EXPRESSIONS = "analysis/encode/expressions.py"
_INPUTS = "analysis/encode/inputs.py"
_PAST = "analysis/encode/past.py"
_ROOM = "analysis/encode/room.py"
_SYMBOLS = "analysis/encode/symbols.py"
_DECISION = "analysis/encode/decision.py"
_IMPLICANT = "analysis/solve/implicant.py"
_THEORY = "analysis/solve/theory.py"
_GROUPS = "analysis/solve/groups.py"
_DISTINCT = "analysis/solve/distinct.py"
_WORDS = "analysis/solve/words.py"
_STRINGS = "analysis/solve/strings.py"
_EVALUATE = "analysis/solve/evaluate.py"
_Z3 = "analysis/solve/z3.py"
_SOLVER = "analysis/solve/solver.py"
_DERIVATIVE = "regular/derivative.py"
_ALGEBRA = "regular/algebra.py"
_DECIDE = "regular/decide.py"
_LENGTHS = "regular/lengths.py"
_CHARSET = "regular/charset.py"

MUTANTS = (
    # --- the encoder
    Mutant(_EXPRESSIONS, "self.f.both(x.true, y.true), self.f.either(x.false, y.false)", "self.f.both(x.true, y.true), self.f.both(x.false, y.false)", "F && E is E, not F."),
    Mutant(_EXPRESSIONS, "self.f.either(x.true, y.true), self.f.both(x.false, y.false)", "self.f.both(x.true, y.true), self.f.both(x.false, y.false)", "T || E is E, not T."),
    Mutant(_EXPRESSIONS, "return Condition(x.false, x.true)", "return Condition(x.false, self.f.neg(x.false))", "Not E is F."),
    Mutant(_EXPRESSIONS, "self.f.both(c.true, x), self.f.both(c.false, y))", "self.f.both(c.true, x), self.f.both(self.f.neg(c.true), y))", "A condition that is E chooses the second branch."),
    Mutant(_EXPRESSIONS, "leaves += [(self.f.both(c.false, guard), leaf) for guard, leaf in right]", "leaves += [(self.f.both(c.true, guard), leaf) for guard, leaf in right]", "A text chosen by a condition is both texts or none."),
    Mutant(_EXPRESSIONS, "equal = f.either(f.both(a, x), f.both(b, y))", "equal = f.either(f.both(a, x), f.both(a, y))", "Booleans that are both false are not equal."),
    Mutant(_EXPRESSIONS, '"<": f.less, "<=": f.at_most', '"<": f.at_most, "<=": f.at_most', "Less is at most."),
    Mutant(_EXPRESSIONS, "return self.known(relation(m, n), f.both(a, b))", "return self.known(relation(m, n), f.either(a, b))", "A comparison of numbers is E only if both sides are."),
    Mutant(_EXPRESSIONS, "return self.known(same, f.both(a, b))", "return self.known(same, a)", "An equality of texts ignores that the right side is E."),
    Mutant(_EXPRESSIONS, "return self.known(self.f.some(self.f.equal(number, value) for value in values), defined)", "return self.known(self.f.all(self.f.equal(number, value) for value in values), defined)", "A number is in a list only if it is every item."),
    Mutant(_EXPRESSIONS, "false if False not in items else FALSE", "false if False in items else FALSE", "False is outside of a list that it is in."),
    Mutant(_EXPRESSIONS, "number = self.f.pick(guard, size, number)", "number = self.f.pick(guard, number, size)", "The size of a chosen text is that of the other."),
    Mutant(_EXPRESSIONS, "self.f.times(factor, a.number)", "self.f.times(-factor, a.number)", "A product has the wrong sign."),
    Mutant(_EXPRESSIONS, "Amount(self.f.both(a.defined, b.defined), self.f.plus(a.number, b.number))", "Amount(self.f.both(a.defined, b.defined), self.f.minus(a.number, b.number))", "A sum is a difference."),
    Mutant(_EXPRESSIONS, "here = self.f.less(self.f.constant(index), elements.length)", "here = self.f.at_most(self.f.constant(index), elements.length)", "A list has one element more than its size."),
    Mutant(_EXPRESSIONS, "self.f.all(self.f.implies(here, x) for here, x in failing)", "self.f.all(x for _, x in failing)", "A quantifier looks at elements beyond the size of the list."),
    Mutant(_EXPRESSIONS, '(outside, inside) if kind == "all" else (inside, outside)', '(outside, inside) if kind != "all" else (inside, outside)', "Universal and existential quantifiers are swapped."),
    Mutant(_EXPRESSIONS, "return self.known(present, parent)", "return self.known(present)", "A field of an absent record is absent, not E."),
    Mutant(_EXPRESSIONS, "there = self.f.both(there, present)", "there = self.f.either(there, present)", "A field is there as soon as its parent is."),
    Mutant(_EXPRESSIONS, "return Condition(self.f.both(there, answer.true), self.f.both(there, answer.false))", "return Condition(self.f.both(there, answer.true), answer.false)", "Nobody sent what is absent, so that its origin is F and not E."),
    Mutant(_EXPRESSIONS, "self.f.implies(user.true, self.f.neg(grounded.false))", "self.f.implies(user.true, grounded.false)", "What the user said is not grounded."),
    Mutant(_EXPRESSIONS, "self.encoder.fact(self.f.between(0, number, ONE))", "self.encoder.fact(self.f.between(1, number, ONE))", "No signal is 0."),
    Mutant(_EXPRESSIONS, "f.truth(language.matches(leaf)) if isinstance(leaf, str)", "f.truth(not language.matches(leaf)) if isinstance(leaf, str)", "A literal text is in the languages that it is not in."),
    Mutant(_EXPRESSIONS, "if language.matches(v)]", "if not language.matches(v)]", "An enum value is in the languages that it is not in."),
    Mutant(_INPUTS, "self.facts(f.between(0, length, room))", "self.facts(f.between(1, length, room))", "No list is empty."),
    Mutant(_INPUTS, "self.facts(f.between(-LARGEST, number, LARGEST))", "self.facts(f.between(-LARGEST, number, 0))", "No float is positive."),
    Mutant(_INPUTS, "self.facts(f.between(0, number, None))", "self.facts(f.between(1, number, None))", "No duration is zero."),
    Mutant(_INPUTS, "self.facts(f.some(f.equal(number, f.constant(self.codes.of(value))) for value in values))", "self.facts(f.some(f.equal(number, f.constant(self.codes.of(value))) for value in values[1:]))", "An enum never has its first value."),
    Mutant(_INPUTS, "f.flag(is_there(name + step(key))) if field.optional else TRUE", "f.flag(is_there(name + step(key))) if not field.optional else TRUE", "What is optional is always there."),
    Mutant(_SYMBOLS, "return bits if bits < _SIGN else _SIGN - bits", "return bits if bits < _SIGN else bits - _SIGN", "Negative floats rank as positive ones."),
    Mutant(_ROOM, "uses[name] += times", "uses[name] = times", "A list that is looked at twice has room for one element."),
    Mutant(_ROOM, "return type_.limit if path in sized else", "return 1 if path in sized else", "A list whose size is asked has one element."),
    Mutant(_PAST, "(window is not None and window <= wider)", "(window is not None and window >= wider)", "A wider window holds less than a narrower one."),
    Mutant(_PAST, "encoder.fact(f.between(0, number, self.established.at_most.get(name)))", "encoder.fact(f.between(1, number, self.established.at_most.get(name)))", "Every count is positive."),
    Mutant(_PAST, "f.pick(f.at_most(number, bound), number, bound)", "f.pick(f.at_most(number, bound), bound, number)", "A count that saturates is the greater of itself and its cap."),
    Mutant(_PAST, "Amount(f.both(known, f.less(number, bound)), number)", "Amount(f.both(known, f.at_most(number, bound)), number)", "A count at its cap has a value."),
    Mutant(_PAST, "positive = f.at_most(f.constant(1), count)", "positive = f.at_most(f.constant(2), count)", "What happened once happened twice."),
    Mutant(_PAST, "encoder.fact(f.between(0, largest, ONE))", "encoder.fact(f.between(1, largest, ONE))", "The largest signal is never 0."),
    Mutant(_PAST, "f.implies(y.false, x.false)", "f.implies(x.false, y.false)", "What is not in the narrow window is not in the wide one."),
    Mutant(_DECISION, "return f.both(f.neg(hit.condition.false), f.neg(hit.softened))", "return f.both(hit.condition.true, f.neg(hit.softened))", "A deny rule that is E does not deny."),
    Mutant(_DECISION, "return f.both(f.neg(condition.true), f.neg(condition.false), f.some(missing))", "return f.both(f.neg(condition.true), f.neg(condition.false), f.all(missing))", "A rule that reads no such signal is softened when it is E."),
    Mutant(_DECISION, "return f.both(f.neg(self.denies(but)), f.either(self.asks(but), self.permits(but)))", "return f.both(f.neg(self.denies(but)), self.asks(but))", "What is allowed without an approval is not let go."),
    # --- the solver
    Mutant(_IMPLICANT, "bound += 0 if value else 1", "bound += 1", "A length that is at most n may be n + 1."),
    Mutant(_IMPLICANT, "below = value == (factor > 0)", "below = value != (factor > 0)", "An upper bound of a length is a lower one."),
    Mutant(_IMPLICANT, "facts.narrow(unknown.text, now, now)", "facts.narrow(unknown.text, 0, now)", "A length in a sum may be less than the sum assumes."),
    Mutant(_IMPLICANT, "self.lengths[text] = (max(least, low), min(greatest, high))", "self.lengths[text] = (max(least, low), max(greatest, high))", "The wider of two upper bounds is kept."),
    Mutant(_IMPLICANT, "if evaluator.truth(node) == isinstance(node, All):", "if evaluator.truth(node) != isinstance(node, All):", "One item is the reason of a conjunction, all are that of a disjunction."),
    Mutant(_THEORY, "len(self._unlike[each]) + 1)", "len(self._unlike[each]))", "As many words as neighbours are too few to differ from all of them."),
    Mutant(_THEORY, "if any(words[left] == words[right] for left, right in edges.values()):", "if all(words[left] == words[right] for left, right in edges.values()):", "Some texts that must differ may be equal."),
    Mutant(_THEORY, "fits = make.at_most(make.constant(tail.start), length)", "fits = make.less(make.constant(tail.start), length)", "The first length of a periodic tail is left out."),
    Mutant(_THEORY, "make.between(0, found, period - 1)", "make.between(0, found, period - 2)", "No length leaves the greatest remainder."),
    Mutant(_THEORY, "if self._strings.matches(other[0], word) != other[1]:", "if self._strings.matches(other[0], word) == other[1]:", "A word refutes what is true of it."),
    Mutant(_THEORY, "found: list[Formula] = [member if sign else self._formulas.neg(member) for member, sign in members]", "found: list[Formula] = [member for member, sign in members]", "A conflict of what a text is not in is one of what it is in."),
    Mutant(_GROUPS, "lowest = max(queue, key=lambda text: lengths[text][0])", "lowest = min(queue, key=lambda text: lengths[text][0])", "The weakest lower bound of equal texts is kept."),
    Mutant(_GROUPS, "        if equal:", "        if not equal:", "Texts that differ are made equal."),
    Mutant(_DISTINCT, "if word not in taken]", "if word in taken]", "The words of the neighbours are what is possible."),
    Mutant(_WORDS, "yield make.implies(before, after)", "yield make.implies(after, before)", "A text is the first of the words that it is compared with, or none."),
    Mutant(_WORDS, "return low if low == high else None", "return low if low <= high else None", "A class of characters is its first one."),
    Mutant(_STRINGS, "if self.matches(term, found) != sign]", "if self.matches(term, found) == sign]", "A text that is where it must not be is taken."),
    Mutant(_STRINGS, 'key = ("word", frozenset(literals), low, high)', 'key = ("word", frozenset(literals), low, low)', "A word is remembered without the greatest length it was found for."),
    Mutant(_EVALUATE, "return self.number(number) <= 0", "return self.number(number) < 0", "At most is less."),
    Mutant(_Z3, "made = self._compared(_core.Z3_mk_le, number)", "made = self._compared(_core.Z3_mk_lt, number)", "Z3 is told less for at most."),
    Mutant(_Z3, "return relation(self._ref, left, self._numeral(-number.constant))", "return relation(self._ref, left, self._numeral(number.constant))", "A constant changes sides and keeps its sign."),
    Mutant(_SOLVER, "core = [other for other in fewer if other in core]", "core = [other for other in fewer if other not in core]", "A core is minimised to what it does not need."),
    # --- the regular engine
    Mutant(_DERIVATIVE, "upper = None if term.upper is None else term.upper - 1", "upper = None if term.upper is None else term.upper", "A bounded loop never ends."),
    Mutant(_DERIVATIVE, "            if not term.head.nullable:\n                return", "            if term.head.nullable:\n                return", "The tail of a concatenation is derived when its head is not empty."),
    Mutant(_DERIVATIVE, "return intersection([self(member, code) for member in term.members])", "return union([self(member, code) for member in term.members])", "The derivative of an intersection is a union."),
    Mutant(_DERIVATIVE, "return complement(self(term.inner, code))", "return self(term.inner, code)", "The derivative of a complement is that of what it complements."),
    Mutant(_DERIVATIVE, "if everywhere or node.head.nullable:", "if everywhere and node.head.nullable:", "Characters of a tail that may come first are not told apart."),
    Mutant(_ALGEBRA, "each.lower <= upper + 1", "each.lower <= upper + 2", "Counts with a gap between them are joined over it."),
    Mutant(_ALGEBRA, "if EPSILON in members and any(member.nullable for member in members if member is not EPSILON):", "if EPSILON in members and not any(member.nullable for member in members if member is not EPSILON):", "The empty word is dropped from a union that no other member has it for."),
    Mutant(_ALGEBRA, "return EPSILON if all(member.nullable for member in members) else EMPTY", "return EPSILON if any(member.nullable for member in members) else EMPTY", "The empty word is in an intersection of which not all members have it."),
    Mutant(_ALGEBRA, "if head is ANYTHING and tail.nullable:", "if head is ANYTHING or tail.nullable:", "What ends in something optional is everything."),
    Mutant(_ALGEBRA, "if isinstance(head, Loop) and head.lower == 0 and head.upper is None:", "if isinstance(head, Loop) and head.lower == 0:", "r{0,n} twice is r{0,n} once."),
    Mutant(_ALGEBRA, "body.upper is None and body.lower <= 1:", "body.upper is None and body.lower <= 2:", "(r{2,}){1,2} is r{1,}."),
    Mutant(_ALGEBRA, "result = concat(reverse(node.head), result)", "result = concat(result, reverse(node.head))", "The reversal of a concatenation keeps its order."),
    Mutant(_DECIDE, "self._automata.matches(term, text) != sign for term, sign", "self._automata.matches(term, text) == sign for term, sign", "A text violates what it satisfies."),
    Mutant(_DECIDE, "(excluded, False)])", "(excluded, True)])", "Only excluded words are found."),
    Mutant(_DECIDE, "return self._find(chosen, lengths) is None", "return self._find(chosen, lengths) is not None", "A conflict is reduced to what does not conflict."),
    Mutant(_LENGTHS, "inside[start - 1] == ((start - 1) % period in repeated)", "inside[start - 1] == (start % period in repeated)", "A tail begins where the length before it does not fit."),
    Mutant(_LENGTHS, "return any(low <= length <= high for low, high in self.intervals)", "return any(low <= length < high for low, high in self.intervals)", "The last length of an interval is left out."),
    Mutant(_LENGTHS, "return length >= self.start and length % self.period in self.residues", "return length > self.start and length % self.period in self.residues", "The first length of a tail is left out."),
    Mutant(_CHARSET, "if merged and start <= merged[-1][1] + 1:", "if merged and start <= merged[-1][1] + 2:", "Ranges with one character between them become one."),
    Mutant(_CHARSET, "            if left[i][1] < right[j][1]:", "            if left[i][1] > right[j][1]:", "The range that ends later is done with first."),
    Mutant(_CHARSET, "return index >= 0 and code <= self.ranges[index][1]", "return index >= 0 and code < self.ranges[index][1]", "The last character of a range is outside."),
    Mutant(_CHARSET, "low = end + 1", "low = end", "The last character of a range is in its complement, too."),
    Mutant(_CHARSET, "append((previous, point - 1))", "append((previous, point))", "Classes of characters overlap."),
    Mutant(_CHARSET, "return self | _shifted(upper, 0x20) | _shifted(lower, -0x20)", "return self | _shifted(upper, 0x20) | _shifted(lower, 0x20)", "Lower case is folded to what comes after it."),
)  # fmt: skip
