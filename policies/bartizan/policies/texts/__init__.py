"""Rules on what a model says: how they are checked, and the automata that find what is not to leave."""

from __future__ import annotations

from .check import check_texts
from .rules import CheckedText, TextRules
from .scanner import Redaction, TextScanner

__all__ = ["CheckedText", "Redaction", "TextRules", "TextScanner", "check_texts"]
