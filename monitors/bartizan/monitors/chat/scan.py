"""A reply's text while it arrives, told apart into what is said and what is called.

What may still become a call is held back; what turns out not to be one is said, as it stands. Only what a model
generated comes through here: text in a prompt that looks like a call is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .formats import Call, JSONCursor, ToolFormat, named_call, objects, one_call

_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Said:
    text: str


Part = Said | Call


class Scanner(Protocol):
    def feed(self, text: str) -> list[Part]: ...

    def finish(self) -> list[Part]:
        """The text is over: what was held back."""
        ...


def scanner(form: ToolFormat | None) -> Scanner:
    """``None``: nothing is a call, everything is said."""
    if form is None:
        return Plain()
    scanners: dict[ToolFormat, type[Hermes | Llama | Mistral]] = {
        "hermes": Hermes,
        "llama": Llama,
        "mistral": Mistral,
    }
    return _Tidy(scanners[form]())


class Plain:
    def feed(self, text: str) -> list[Part]:
        return [Said(text)] if text else []

    def finish(self) -> list[Part]:
        return []


class Hermes:
    """Calls between ``<tool_call>`` and the first ``</tool_call>`` that is not inside a JSON string."""

    START, END = "<tool_call>", "</tool_call>"

    def __init__(self) -> None:
        self._text, self._at = "", 0  # what is held back, and where it begins in the reply
        self._inside: JSONCursor | None = None
        self._looked = 0

    def feed(self, text: str) -> list[Part]:
        self._text += text
        parts: list[Part] = []
        while True:
            if self._inside is None:
                found = self._text.find(self.START)
                if found < 0:
                    parts += self._say(len(self._text) - overlap(self._text, self.START))
                    return parts
                parts += self._say(found)
                self._inside, self._looked = JSONCursor(), len(self.START)
            end = self._end(self._inside)
            if end is None:
                return parts
            parts.append(self._called(end))
            self._inside = None

    def finish(self) -> list[Part]:
        self._inside = None
        return self._say(len(self._text))

    def _end(self, cursor: JSONCursor) -> int | None:
        """Where the call ends, marker included. A marker that may be cut off is looked at again later."""
        while self._looked < len(self._text):
            if not cursor.in_string and self._text[self._looked] == "<":
                rest = self._text[self._looked : self._looked + len(self.END)]
                if rest == self.END:
                    return self._looked + len(self.END)
                if self.END.startswith(rest):
                    return None
            cursor.step(self._text[self._looked])
            self._looked += 1
        return None

    def _called(self, end: int) -> Part:
        raw = self._text[:end]
        body = raw[len(self.START) : -len(self.END)]
        call = one_call("hermes", body, self._at, self._at + end)
        self._text, self._at = self._text[end:], self._at + end
        return call if call is not None else Said(raw)

    def _say(self, count: int) -> list[Part]:
        said, self._text, self._at = self._text[:count], self._text[count:], self._at + count
        return [Said(said)] if said else []


class Llama:
    """A reply that begins with ``{`` (or the python tag) is calls from beginning to end, or none at all."""

    TAG = "<|python_tag|>"

    def __init__(self) -> None:
        self._text = ""
        self._says = False

    def feed(self, text: str) -> list[Part]:
        if self._says:
            return [Said(text)] if text else []
        self._text += text
        begun = self._text.lstrip(_SPACE)
        if not begun or begun.startswith(("{", self.TAG)) or self.TAG.startswith(begun):
            return []
        self._says = True
        return [Said(self._text)]

    def finish(self) -> list[Part]:
        if self._says or not self._text:
            return []
        start = len(self._text) - len(self._text.lstrip(_SPACE))
        skip = start + len(self.TAG) if self._text.startswith(self.TAG, start) else start
        calls: list[Part] = []
        at = skip
        for begin, end in objects(self._text[skip:]):
            between = self._text[at : skip + begin].strip(_SPACE)
            if between not in ("", ";"):
                break
            call = one_call("llama", self._text[skip + begin : skip + end], start, skip + end)
            if call is None:
                break
            calls.append(call)
            at = start = skip + end
        else:
            if calls and self._text[at:].strip(_SPACE) in ("", ";"):
                return calls
        return [Said(self._text)]


class Mistral:
    """From ``[TOOL_CALLS]`` on there are calls, or what is there is said as it stands."""

    START = "[TOOL_CALLS]"

    def __init__(self) -> None:
        self._text, self._at = "", 0
        self._calls = False

    def feed(self, text: str) -> list[Part]:
        self._text += text
        if self._calls:
            return []
        found = self._text.find(self.START)
        self._calls = found >= 0
        count = found if self._calls else len(self._text) - overlap(self._text, self.START)
        said, self._text, self._at = self._text[:count], self._text[count:], self._at + count
        return [Said(said)] if said else []

    def finish(self) -> list[Part]:
        if not self._text:
            return []
        calls = self._all() if self._calls else None
        return list(calls) if calls else [Said(self._text)]

    def _all(self) -> list[Call] | None:
        body = self._text[len(self.START) :].strip(_SPACE)
        return self._array() if body.startswith("[") else self._named()

    def _array(self) -> list[Call] | None:
        """``[{...}, {...}]``: each object is a call, and nothing else is in the array or after it."""
        calls: list[Call] = []
        rest, begin = "", 0
        at = len(self.START)
        for start, end in objects(self._text[at:]):
            rest += self._text[at:][begin:start]
            call = one_call(
                "mistral",
                self._text[at + start : at + end],
                self._at if not calls else self._at + at + start,
                self._at + at + end,
            )
            if call is None:
                return None
            calls.append(call)
            begin = end
        rest += self._text[at:][begin:]
        frame = "".join(rest.split())
        return calls if calls and frame == "[" + "," * (len(calls) - 1) + "]" else None

    def _named(self) -> list[Call] | None:
        """``name[ARGS]{...}``, each with the marker before it; a marker inside a JSON string is none."""
        calls: list[Call] = []
        at = 0
        while at < len(self._text):
            if not self._text.startswith(self.START, at):
                return None
            head = at + len(self.START)
            found = next(objects(self._text[head:]), None)
            if found is None:
                return None
            end = head + found[1]
            call = named_call(self._text[head:end], self._at + at, self._at + end)
            if call is None:
                return None
            calls.append(call)
            at = end + len(self._text[end:]) - len(self._text[end:].lstrip(_SPACE))
        return calls


class _Tidy:
    """White space next to a call is layout, not something said."""

    def __init__(self, inner: Scanner) -> None:
        self._inner = inner
        self._space = ""
        self._after_call = False

    def feed(self, text: str) -> list[Part]:
        return self._tidied(self._inner.feed(text))

    def finish(self) -> list[Part]:
        parts = self._tidied(self._inner.finish())
        if self._space and not self._after_call:
            parts.append(Said(self._space))
        return parts

    def _tidied(self, parts: list[Part]) -> list[Part]:
        tidy: list[Part] = []
        for part in parts:
            if isinstance(part, Call):
                self._space, self._after_call = "", True
                tidy.append(part)
                continue
            text = self._space + part.text
            if self._after_call:
                text = text.lstrip(_SPACE)
            said = text.rstrip(_SPACE)
            self._space = text[len(said) :]
            if said:
                self._after_call = False
                tidy.append(Said(said))
        return tidy


def overlap(text: str, marker: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of ``marker``."""
    for count in range(min(len(text), len(marker) - 1), 0, -1):
        if text.endswith(marker[:count]):
            return count
    return 0
