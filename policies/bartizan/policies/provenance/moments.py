"""Dates and times of day in a run of tokens: ISO 8601 and English month names.

``2024-05-15``, ``May 15th, 2024``, ``15 May 2024``, ``14th of November``, ``June 15-17``; ``10:30``, ``10:30:05``,
``10 am``, ``10:30 PM``, ``2024-05-15T10:30:00Z``. Numeric forms such as 05/15/2024 mean different days to different
readers and are read as text. Time zones are not compared: a user who says "10 am" means no zone.

A moment is written as keys, one of which a source must have:

* ``D2024-05-15`` a full date; every source that has one also has ``M05-15``, its month and day;
* ``Y05-15`` a month and day with no year: in a source it fits any year;
* ``T10:30``, ``T10:30:05.5`` a time of day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .normalise import is_digits
from .tokens import Token

_NAMES = (
    ("january", "jan"), ("february", "feb"), ("march", "mar"), ("april", "apr"), ("may",), ("june", "jun"),
    ("july", "jul"), ("august", "aug"), ("september", "sep", "sept"), ("october", "oct"), ("november", "nov"),
    ("december", "dec"),
)  # fmt: skip
_MONTHS = {name: month for month, names in enumerate(_NAMES, 1) for name in names}
_ORDINARY_WORDS = frozenset(("may", "march", "mar"))
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_HALVES = {"am": 0, "a.m": 0, "pm": 12, "p.m": 12}


class Moment(NamedTuple):
    """``length`` tokens that write dates, times, or one of each.

    Looked for as all of ``parts``, each of which is alternative keys; offered, in a source, as ``evidence``.
    """

    parts: tuple[tuple[str, ...], ...]
    evidence: tuple[str, ...]
    length: int


def moments(tokens: Sequence[Token]) -> Iterator[tuple[int, Moment]]:
    """Every date and time in a text, with the position of its first token."""
    i = 0
    while i < len(tokens):
        found = _date_at(tokens, i) or _time_at(tokens, i)
        if found is not None:
            yield i, found
        i += found.length if found is not None else 1


def whole_moment(tokens: Sequence[Token]) -> Moment | None:
    """The date, the time, or the date and time that the tokens write and nothing beside. Midnight may be absent."""
    first = _date_at(tokens, 0) or _time_at(tokens, 0)
    if first is None:
        return None
    if first.length == len(tokens):
        return first if _is_single(first) else None
    at = first.length + (tokens[first.length].text in ("at", "on", "t"))
    dated_first = first.evidence[0][0] != "T"
    second = _time_at(tokens, at) if dated_first else _date_at(tokens, at)
    if second is None or at + second.length != len(tokens) or len(first.parts) + len(second.parts) > 2:
        return None
    date, time = (first, second) if dated_first else (second, first)
    if not (_is_single(date) and _is_single(time)):
        return None
    return _date_time(date, time, len(tokens))


def _is_single(moment: Moment) -> bool:
    """One date, one time, or one of each: a range of days or hours is not one moment."""
    kinds = [part[0][0] for part in moment.parts]
    return len(kinds) == 1 or (len(kinds) == 2 and kinds[0] != "T" and kinds[1] == "T")


def _date_time(date: Moment, time: Moment, length: int) -> Moment:
    parts = date.parts if time.evidence == ("T00:00",) else date.parts + time.parts
    return Moment(parts, date.evidence + time.evidence, length)


# --- dates


def _date_at(tokens: Sequence[Token], i: int) -> Moment | None:
    if i >= len(tokens):
        return None
    text = tokens[i].text
    if text[:1].isdigit() and "-" in text:
        iso = _iso(text)
        if iso is not None:
            return iso
    if text in _MONTHS:
        return _month_first(tokens, i)
    return _day_first(tokens, i) if text[:1].isdigit() else None


def _month_first(tokens: Sequence[Token], i: int) -> Moment | None:
    days = _days(tokens, i + 1)
    if days is None:
        return None
    year = _year(tokens, i + 2)
    if year is None and _is_ordinary(tokens[i]) and not _is_ordinal(tokens[i + 1].text):
        return None  # "they may 5 times out of 10"
    return _dates(year, _MONTHS[tokens[i].text], days, 2 + (year is not None))


def _day_first(tokens: Sequence[Token], i: int) -> Moment | None:
    days = _days(tokens, i)
    if days is None:
        return None
    has_of = _text(tokens, i + 1) == "of"
    name = _text(tokens, i + 1 + has_of)
    if name not in _MONTHS:
        return None
    year = _year(tokens, i + 2 + has_of)
    is_ordinary = not has_of and _is_ordinary(tokens[i + 1])
    if year is None and is_ordinary and not _is_ordinal(tokens[i].text):
        return None  # "rule 5 may apply"
    return _dates(year, _MONTHS[name], days, 2 + has_of + (year is not None))


def _is_ordinary(name: Token) -> bool:
    """A month's name that may be another word: "may", "march"; not "May"."""
    return name.text in _ORDINARY_WORDS and name.raw.islower()


def _dates(year: int | None, month: int, days: tuple[int, ...], length: int) -> Moment | None:
    if not all(_exists(year, month, day) for day in days):
        return None
    parts, evidence = [], []
    for day in days:
        short = f"{month:02}-{day:02}"
        if year is None:
            parts.append((f"Y{short}", f"M{short}"))
            evidence += [f"Y{short}", f"M{short}"]
        else:
            parts.append((f"D{year:04}-{short}", f"Y{short}"))
            evidence += [f"D{year:04}-{short}", f"M{short}"]
    return Moment(tuple(parts), tuple(evidence), length)


def _days(tokens: Sequence[Token], i: int) -> tuple[int, ...] | None:
    """``15``, ``15th``, ``15-17``."""
    first, dash, last = _text(tokens, i).partition("-")
    days = [_day(first)] + ([_day(last)] if dash else [])
    return None if None in days else tuple(day for day in days if day is not None)


def _day(text: str) -> int | None:
    digits = text[:-2] if _is_ordinal(text) else text
    return int(digits) if is_digits(digits) and len(digits) <= 2 and 1 <= int(digits) <= 31 else None


def _is_ordinal(text: str) -> bool:
    return text[-2:] in ("st", "nd", "rd", "th")


def _year(tokens: Sequence[Token], i: int) -> int | None:
    text = _text(tokens, i)
    return int(text) if len(text) == 4 and is_digits(text) and text[:2] in ("19", "20", "21") else None


def _exists(year: int | None, month: int, day: int) -> bool:
    if not (1 <= month <= 12 and 1 <= day <= _LENGTHS[month - 1]):
        return False
    if month == 2 and day == 29 and year is not None:
        return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return True


def _iso(text: str) -> Moment | None:
    """``2024-05-15`` and ``2024-05-15T10:30:00+02:00``, as one token."""
    date, rest = text[:10], text[10:]
    if len(date) < 10 or date[4] != "-" or date[7] != "-":
        return None
    fields = (date[:4], date[5:7], date[8:])
    if not all(is_digits(field) for field in fields):
        return None
    year, month, day = (int(field) for field in fields)
    found = _dates(year, month, (day,), 1)
    if found is None or not rest:
        return found
    time = _clock(_without_zone(rest[1:])) if rest[0] in "t_" else None
    return _date_time(found, _times((time,), 1), 1) if time is not None else None


# --- times


def _time_at(tokens: Sequence[Token], i: int) -> Moment | None:
    text = _text(tokens, i)
    if not text[:1].isdigit():
        return None
    half = _HALVES.get(_text(tokens, i + 1))
    if half is not None:
        time = _clock(text, half, bare_hour=True)
        if time is not None:
            return _times((time,), 2)
    first, dash, last = text.partition("-")
    if dash and ":" in first:
        both = (_half_day(first), _half_day(last))
        if both[0] is not None and both[1] is not None and ":" in last:
            return _times((both[0], both[1]), 1)
    time = _half_day(text)
    return _times((time,), 1) if time is not None else None


def _times(times: tuple[str, ...], length: int) -> Moment:
    return Moment(tuple((time,) for time in times), times, length)


def _half_day(text: str) -> str | None:
    """``10:30``, ``10:30z``, ``10am``, ``10:30pm``."""
    if text[-2:] in ("am", "pm"):
        return _clock(text[:-2], _HALVES[text[-2:]], bare_hour=True)
    return _clock(_without_zone(text)) if ":" in text else None


def _without_zone(text: str) -> str:
    if text.endswith("z"):
        return text[:-1]
    for sign in "+-":
        clock, found, zone = text.rpartition(sign)
        if found and len(zone) in (2, 4, 5) and is_digits(zone.replace(":", "", 1)):
            return clock
    return text


def _clock(text: str, half: int | None = None, bare_hour: bool = False) -> str | None:
    """``T10:30`` for ``10:30`` and ``10:30:00``; seconds and their fraction are kept where they are not zero."""
    fields = text.split(":")
    if not (1 if bare_hour else 2) <= len(fields) <= 3:
        return None
    fields += ["00"] * (2 - len(fields))
    hour, minute, seconds = fields[0], fields[1], fields[2] if len(fields) == 3 else "00"
    whole, dot, fraction = seconds.partition(".")
    if not (is_digits(hour) and len(hour) <= 2 and _sixty(minute) and _sixty(whole)):
        return None
    if dot and not is_digits(fraction):
        return None
    h = int(hour)
    if half is not None:
        if not 1 <= h <= 12:
            return None
        h = h % 12 + half
    if h > 23:
        return None
    exact = (whole + "." + fraction).rstrip("0").rstrip(".") if fraction.strip("0") else whole
    return f"T{h:02}:{minute}" + (f":{exact}" if exact != "00" else "")


def _sixty(text: str) -> bool:
    return len(text) == 2 and is_digits(text) and int(text) < 60


def _text(tokens: Sequence[Token], i: int) -> str:
    return tokens[i].text if i < len(tokens) else ""
