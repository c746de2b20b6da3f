"""A fixed, fast part of the differential checks; exits with 1 at the first disagreement.

``python -m tests.policies.analysis.differential.subset [ROOM]``: with a ROOM, it must be there that the package under
test is loaded from, else the exit code is 3. What each wave looks at is fixed by the seeds.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import bartizan.policies

from ..agreement import bodies_agree, formula_agrees, pinned_agrees, room_suffices
from ..situations import generated
from ..solve.enumeration import answer_agrees, core_agrees, memory_agrees
from .decisions import decision_agrees, lists_agree, origins_agree, ranks_agree, relations_hold
from .harness import answers_hold
from .scope import ATOMS, MORE, SmallScope, trees
from .terms import charset_agrees, conjunction_agrees, term_agrees
from .texts_together import difference_agrees, length_agrees

DISAGREEMENT, ELSEWHERE = 1, 3
WAVES = 8

Check = tuple[str, Callable[[Any], Any], Sequence[Any], Sequence[Any]]


def checks() -> Iterator[Check]:
    """Each check with the cases that told most mutants from the original, and with all others that it looks at."""
    few, more = SmallScope(ATOMS), SmallScope(MORE)
    small = [tree for size in (1, 2, 3) for tree in trees(size, ATOMS)]
    literal = [tree for size in (1, 2) for tree in trees(size, MORE)]
    yield "charset", charset_agrees, range(8), range(160)
    yield "ranks", ranks_agree, (), range(8)
    yield "term", term_agrees, (0, 2, 3, 5, 8, 13, 29, 38, 41, 59), range(160)
    yield "formula", formula, (0, 1, 3, 4, 6, 7, 9, 10, 12, 16, 26, 101, 214, 238), range(320)
    yield "small scope", few.check, small[:8], small
    yield "more atoms", more.check, literal[-1:], literal
    yield "difference", difference_agrees, (0,), range(40)
    yield "length", length_agrees, (0, 1, 13), range(40)
    yield "origins", origins_agree, (2,), range(40)
    yield "lists", lists_agree, (14, 30), range(80)
    yield "enumeration", enumeration, (0, 4, 11), range(120)
    yield "conjunction", conjunction_agrees, (0, 1, 2), range(96)
    yield "relations", relations_hold, (0, 9, 11, 20, 36), range(80)
    yield "decision", decision_agrees, (0, 4, 5, 8, 29, 34), range(120)
    yield "bodies", lambda seed: list(bodies_agree(generated(seed)[0])), (), range(80)
    yield "pinned", lambda seed: pinned_agrees(*generated(seed)), (8,), range(24)
    yield "memory", memory_agrees, (11, 27, 33, 40), range(48)
    yield "core", core_agrees, (37,), range(48)
    yield "answers", lambda seed: answers_hold(seed, 40), (3, 18, 34), range(48)
    yield "room", lambda seed: room_suffices(*generated(seed)), (), range(48)


def formula(seed: int) -> None:
    formula_agrees(*generated(seed))


def enumeration(seed: int) -> None:
    answer_agrees(seed, texts=2)


def first_disagreement() -> str | None:
    """What disagrees first, and how; None if all agree. A crash is a disagreement."""
    chosen = list(checks())
    waves = [[(name, check, case) for name, check, telling, _ in chosen for case in telling]]
    for wave in range(WAVES):
        waves.append([(name, check, case) for name, check, _, cases in chosen for case in cases[wave::WAVES]])
    for name, check, case in chain.from_iterable(waves):
        try:
            check(case)
        except Exception:  # noqa: BLE001 - whatever a mutant breaks, it shows here
            return f"{name}, case {case}:\n{traceback.format_exc(limit=-3)}"
    return None


def main(arguments: Sequence[str]) -> int:
    loaded = Path(bartizan.policies.__file__).resolve()
    if arguments and Path(arguments[0]).resolve() not in loaded.parents:
        print(f"expected the package from {arguments[0]}, found {loaded}")
        return ELSEWHERE
    try:
        found = first_disagreement()
    except Exception:  # noqa: BLE001 - as above
        found = f"making the cases:\n{traceback.format_exc(limit=-3)}"
    if found is not None:
        print(found[:4_000])
        return DISAGREEMENT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
