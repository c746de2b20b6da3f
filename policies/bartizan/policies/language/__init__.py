"""The language: types, values, and expressions from text to the checked AST that every back end reads."""

from __future__ import annotations
