"""Policies that carry their proofs, and policies that come from Lean.

Proofs are terms of the calculus that Lean 4's kernel checks; nothing here needs a Lean toolchain. From the bottom up:
``calculus`` (terms), ``kernel`` (the checker), ``ndjson`` (lean4export's file format), ``check`` (a file, checked),
``theory`` (semantics and theorems, once), ``encoding`` (a policy as a term, and back), ``proving`` (claims, and the
search for proofs), ``certificates`` (what is written, and what is loaded), ``source`` (Lean source). Believed are
``calculus``, ``kernel`` and ``ndjson``, and of ``encoding`` what decodes.
"""
