"""Policies that carry their proofs, and policies that come from Lean.

Proofs are terms of the calculus that Lean 4's kernel checks; nothing here needs a Lean toolchain. From the bottom up:
``terms`` (levels and expressions), ``build`` (ways to make them), ``declarations``, ``show`` (for people), ``kernel``
(the checker), ``ndjson`` (lean4export's file format), ``check`` (a file, checked), ``theory`` (what policies mean, and
the theorems about that).

A policy as data: ``model``, made by ``translate`` and read back by ``restore``; as terms: ``emit`` and ``decode``; as
a file again: ``documents`` and ``spelling``. Proofs of invariants: ``search`` finds a ``tree`` (with ``knowing``,
``linear``, and ``facts`` about leaves), ``trees`` checks it, ``claims`` and ``limits`` state what it proves.

Certificates: ``certificate`` (the form), ``files``, ``certify`` (made), ``levels`` (required: ``binding``,
``rechecking``, ``proofs``, ``external``), ``importing`` (a constant of a file becomes a policy).
"""
