"""Account numbers, IBANs, card and phone numbers, order and product codes: compared without their spacing.

A code is written as the key ``C`` + its letters and digits in upper case: ``GB33 BUKB 2020 1555``,
``GB33-BUKB-2020-1555`` and ``gb33bukb20201555`` are one code. Dots do not space a code out (two IP addresses can
have the same digits), and numbers with a fraction or grouped thousands are amounts, not codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .normalise import is_digits
from .tokens import Token

_SHORTEST = 6
_SHORTEST_SPACED = 8
_LONGEST = 40
_GROUPS = 12
_GAPS = frozenset((" ", ") ", " (", " (0)"))


def codes(tokens: Sequence[Token], text: str) -> Iterator[tuple[int, int, str]]:
    """Every code in a text as (first token, tokens, key).

    A spaced code comes once for each length that it may have, since nothing says where it ends. It starts where no
    other is running, so that the keys stay linear in the text.
    """
    free = 0
    for i, token in enumerate(tokens):
        compact = _compact(token.raw)
        if compact is None:
            continue
        if _SHORTEST <= len(compact) <= _LONGEST and any(map(str.isdigit, compact)):
            yield i, 1, f"C{compact.upper()}"
        if i >= free:
            groups = _groups(tokens, i, compact, text)
            free = i + len(groups)
            for count, key in _spaced(groups, _has_plus(token, text)):
                yield i, count, key


def whole_code(tokens: Sequence[Token], text: str) -> str | None:
    """The code that all the tokens together write."""
    if len(tokens) > _GROUPS:
        return None
    return next((key for i, count, key in codes(tokens, text) if i == 0 and count == len(tokens)), None)


def longest_code(tokens: Sequence[Token], i: int, text: str) -> tuple[int, str] | None:
    """The longest spaced code that starts at token ``i``: (tokens, key)."""
    compact = _compact(tokens[i].raw)
    if compact is None:
        return None
    spaced = list(_spaced(_groups(tokens, i, compact, text), _has_plus(tokens[i], text)))
    return spaced[-1] if spaced else None


def _compact(raw: str) -> str | None:
    """The token without hyphens, if nothing else joins it."""
    if raw.isascii() and raw.isalnum():
        return raw
    compact = raw.replace("-", "")
    return compact if compact.isascii() and compact.isalnum() and not raw.startswith("-") else None


def _groups(tokens: Sequence[Token], i: int, head: str, text: str) -> list[str]:
    """The groups that a spaced code starting at token ``i`` may have, the head among them."""
    if _is_iban(head):
        fits = _is_iban_group
    elif is_digits(head) and (len(head) >= 2 or _has_plus(tokens[i], text)):
        fits = _is_digit_group
    else:
        return []
    groups = [tokens[i].raw]
    for j in range(i + 1, min(i + _GROUPS, len(tokens))):
        if text[tokens[j - 1].end : tokens[j].start] not in _GAPS or not all(
            map(fits, tokens[j].raw.split("-"))
        ):
            break
        groups.append(tokens[j].raw)
    return groups


def _spaced(groups: Sequence[str], has_plus: bool) -> Iterator[tuple[int, str]]:
    if not groups:
        return
    joined, pieces = groups[0], 1 + groups[0].count("-")
    for count, group in enumerate(groups[1:], 2):
        joined += group
        pieces += 1 + group.count("-")
        compact = joined.replace("-", "")
        if len(compact) > _LONGEST:
            return
        if len(compact) >= _SHORTEST_SPACED and (_is_iban(compact) or has_plus or pieces >= 3):
            yield count, f"C{compact.upper()}"


def _is_iban(head: str) -> bool:
    return len(head) >= 4 and head[:2].isalpha() and is_digits(head[2:4])


def _is_iban_group(group: str) -> bool:
    is_short = 1 <= len(group) <= 4 and group.isascii() and group.isalnum()
    return is_short and (len(group) == 4 or group.isupper() or any(map(str.isdigit, group)))


def _is_digit_group(group: str) -> bool:
    return is_digits(group) and 2 <= len(group) <= 9


def _has_plus(token: Token, text: str) -> bool:
    return token.start > 0 and text[token.start - 1] == "+"
