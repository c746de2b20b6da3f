"""The kernel: the one part that decides whether a term proves what it says.

    environment = Environment()
    environment.add(declaration)      # raises KernelError, or the declaration is checked
    environment["Nat.add"].type

It checks the calculus of Lean 4: universe levels with ``max`` and ``imax``, dependent products, functions, ``let``,
beta, delta, iota, zeta and eta, proof irrelevance, K, inductive and mutually inductive families with parameters and
indices, whose recursors it derives itself, structures with projections and eta, natural numbers with literals and
fast arithmetic, the four primitives of quotients. It refuses what it does not understand.

What it does not cover, and therefore refuses: nested inductive types, string literals, unsafe and partial definitions,
axioms that are not allowed. What it takes that Lean's kernel does not: nothing that is known; what
it may refuse and Lean's accepts: an inductive type whose constructors must be reduced before their form is seen, a
proof projected out of a Prop behind data, a level in which more than five parameters decide an ``imax``, and terms that
exceed the budget.

What must be right for its answers to be right: this package (``readback`` only words messages), ``calculus`` and
Python. From the bottom up: ``errors`` (refusal, budget, recursion without Python's stack), ``levels``, ``values`` and
``machine`` (reduction), ``naturals``, ``constants``, ``typing`` (types of what is well typed), ``conversion``
(definitional equality), ``infer`` (the typing rules), ``recursors`` and ``inductive``, ``form`` (names and variables),
``pinned`` (what must be as Lean declares it), ``recognise`` (functions to compute), ``environment``.
"""

from __future__ import annotations

from .environment import Environment
from .errors import Budget, BudgetError, KernelError

__all__ = ["Budget", "BudgetError", "Environment", "KernelError"]
