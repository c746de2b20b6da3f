"""Hiding parts of a result: what a redact rule matched, in the text and in every text of the value."""

from __future__ import annotations

from typing import Any as Json

from ..language import ast
from ..regular import Language
from .plan import language_of


class Redactor:
    """Applies redact rules one after the other to a result's text and value."""

    def __init__(self, text: str, value: Json) -> None:
        self.text = text
        self.value = value

    def apply(self, rule: str, condition: ast.Expr | None) -> None:
        """Replace every occurrence that the rule's string tests on ``result.text`` found.

        With no condition (the rule was E), or one that matched without naming an occurrence, everything goes;
        so does the value when an occurrence is the whole text, since its parts need not match on their own.
        """
        mark = f"[redacted:{rule}]"
        languages = _positive_tests(condition) if condition is not None else []
        spans = [span for language in languages for span in language.spans(self.text)]
        if not spans or (0, len(self.text)) in spans:
            self.text, self.value = mark, None
            return
        for language in languages:
            self.text = _hide(self.text, language, mark)
            self.value = _hide_in(self.value, language, mark)


def _positive_tests(node: ast.Expr, positive: bool = True) -> list[Language]:
    """The languages of the string tests on ``result.text`` that speak for the rule, not against it."""
    if isinstance(node, ast.Not):
        return _positive_tests(node.operand, not positive)
    if isinstance(node, ast.StringTest):
        about = isinstance(node.operand, ast.Input) and node.operand.path == ("result", "text")
        return [language_of(node)] if about and positive else []
    return [language for child in ast.children(node) for language in _positive_tests(child, positive)]


def _hide(text: str, language: Language, mark: str) -> str:
    parts, end = [], 0
    for start, stop in language.spans(text):
        parts += [text[end:start], mark]
        end = stop
    return "".join([*parts, text[end:]])


def _hide_in(value: Json, language: Language, mark: str) -> Json:
    if isinstance(value, str):
        return _hide(value, language, mark)
    if isinstance(value, list):
        return [_hide_in(item, language, mark) for item in value]
    if isinstance(value, dict):
        return {_hide(key, language, mark): _hide_in(item, language, mark) for key, item in value.items()}
    return value
