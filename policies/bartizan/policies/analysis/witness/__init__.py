"""From a model to a counterexample that a person can read and a policy can be tested with.

The files, from the bottom up: ``question`` (what is to be asked again), ``decode`` (variables as JSON), ``assign`` (the
inverse: what the variables are in a situation that happened), ``places``, ``words``, ``simplest`` and ``readable`` (the
model that is easiest to read), ``sessions`` (prompts and results that make provenance answer as wanted), ``draft`` and
``past_events`` (calls and histories as test cases), ``replay`` (a case in the real program), ``prediction`` (what it is
to do there), ``supposing`` and ``assumptions`` (the real evaluator, with what no session shows taken for granted),
``histories`` (what session operators read), ``build`` (all of it, for one call) and ``session`` (for a list of calls).
"""

from __future__ import annotations
