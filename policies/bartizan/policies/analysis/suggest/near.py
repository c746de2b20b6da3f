"""Texts at the edge of a text test: just inside its language, and just outside, where mistakes and attacks are."""

from __future__ import annotations

from collections.abc import Iterator

from ...evaluation.plan import language_of
from ...language import ast

MOST = 3
_HOST, _DOMAIN = "evil.example", "evil.example"


def edge(test: ast.StringTest) -> tuple[list[str], list[str]]:
    """A few texts just inside and just outside, the most telling first."""
    language = language_of(test)
    inside = [text for text in _distinct(_inside(test)) if language.matches(text)]
    word = inside[0] if inside else language.witness()
    if word is not None and not inside:
        inside = [word]
    tried = _distinct([*_outside(test), *edits(word or "")])
    outside = [text for text in tried if not language.matches(text)]
    return inside[:MOST], outside[:MOST]


def edits(word: str) -> Iterator[str]:
    """Texts that differ from a word in one place."""
    yield f"{word}x"
    yield f"x{word}"
    if word:
        yield word[:-1]
        yield word[1:]
        for index, character in enumerate(word):
            yield f"{word[:index]}{'y' if character == 'x' else 'x'}{word[index + 1 :]}"
    if word.swapcase() != word:
        yield word.swapcase()


def _inside(test: ast.StringTest) -> Iterator[str]:
    literal = test.params[0] if test.params else ""
    match test.predicate:
        case "startsWith" | "endsWith" | "contains":
            yield literal
        case "ieq":
            yield literal.swapcase()
            yield literal
        case "path_under":
            yield literal
            yield f"{literal.rstrip('/')}/x"
        case "host_under":
            for host in test.params:
                yield f"https://{host}"
                yield f"https://x.{host}"
        case "email_domain":
            for domain in test.params:
                yield f"a@{domain}"


def _outside(test: ast.StringTest) -> Iterator[str]:
    literal = test.params[0] if test.params else ""
    match test.predicate:
        case "startsWith":
            yield f"x{literal}"
            yield literal[:-1]
        case "endsWith":
            yield f"{literal}x"
            yield literal[1:]
        case "contains":
            middle = len(literal) // 2
            yield literal[:middle] + literal[middle + 1 :]
            yield literal.swapcase()
        case "path_under":
            yield f"{literal.rstrip('/')}/../x"
            yield f"{literal}x"
            yield f"{literal}/"
        case "host_under":
            yield f"https://{literal}.{_HOST}"
            yield f"https://x{literal}"
            yield f"https://{literal}@{_HOST}"
        case "email_domain":
            yield f"a@{literal}.{_DOMAIN}"
            yield f"a@x{literal}"
            yield f"a@{_DOMAIN},b@{literal}"


def _distinct(texts: Iterator[str] | list[str]) -> list[str]:
    return list(dict.fromkeys(texts))
