"""Policies that carry their proofs, and policies that come from Lean.

Proofs are terms of the calculus that Lean 4's kernel checks; nothing here needs a Lean toolchain. From the bottom up:
``terms`` (levels and expressions), ``build`` (ways to make them), ``declarations``, ``show`` (for people), ``kernel``
(the checker), ``ndjson`` (lean4export's file format), ``check`` (a file, checked).
"""
