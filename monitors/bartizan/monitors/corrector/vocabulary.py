"""What our corrector reads and writes: bytes, and eight marks between them. No tokenizer, so offsets are exact."""

from __future__ import annotations

PAD = 256
CALL = 257
"""Starts a call: the tool, its arguments."""
TEXT = 258
"""Starts a text: what was said before, then the segment."""
CONTEXT = 259
"""Who asks; or the segment, after what was said."""
CORE = 260
"""What was violated: the conditions that decided."""
OUT = 261
"""Ends the input; what follows is the script."""
END = 262
"""Ends the script."""
PLACE = 263
"""Before an offset that is no part of the text."""
SIZE = 264


def ids(*parts: int | str | bytes) -> list[int]:
    """Marks as they are, texts as their UTF-8."""
    found: list[int] = []
    for part in parts:
        if isinstance(part, int):
            found.append(part)
        else:
            found += part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
    return found
