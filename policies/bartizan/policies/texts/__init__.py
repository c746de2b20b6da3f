"""Rules on what a model says: how they are checked, and the automata that find what is not to leave."""

from __future__ import annotations

from .check import check_texts
from .rules import CheckedText, Redaction, TextRules
from .scanner import TextScanner

__all__ = ["CheckedText", "Redaction", "TextRules", "TextScanner", "check_texts"]
