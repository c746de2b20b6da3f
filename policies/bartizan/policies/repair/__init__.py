"""From a denied call to the cheapest one that the policy allows, without touching what its author locked.

``taking`` takes a tool's conditions apart into ``parts``, once; ``case`` holds one call with its alternatives;
``encode`` asks a solver which edits are allowed, ``search`` finds the best of them, with ``hitting`` for the least cost
and ``refine`` for what is no arithmetic. ``enumerate`` does without a solver where there is no number to change.
``plan`` puts it together, ``advice`` opens what could be advised, and ``proposer`` offers both to a guard. ``z3`` is
the boundary to the solver, and nothing else imports it.
"""

from __future__ import annotations

from .plan import Limits, Repair, RepairPlan, advise, repair
from .proposer import SolverProposer
from .z3 import SolverMissing

__all__ = ["Limits", "Repair", "RepairPlan", "SolverMissing", "SolverProposer", "advise", "repair"]
