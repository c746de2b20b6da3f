"""Whole sessions: what a policy lets happen over any number of events, with the registers that run.

The files, from the bottom up: ``cells`` (symbolic registers), ``past`` (the registers of a policy at one point of a
session), ``relevance`` (which events matter to a question), ``unroll`` (events one after the other), ``search``
(sessions of growing length), ``established`` (facts about all sessions), ``induction`` (proofs about all sessions),
``invariants``, ``reach`` and ``history`` (what is asked).
"""

from __future__ import annotations
