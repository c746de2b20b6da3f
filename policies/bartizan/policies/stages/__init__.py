"""Stages of a session: a governance graph, checked, and compiled to a register and rules."""

from __future__ import annotations
