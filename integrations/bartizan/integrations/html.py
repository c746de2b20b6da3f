"""Self-contained HTML pages for reports: no scripts, no network, everything escaped.

Plain ``str`` is always text and is always escaped; only :class:`Markup`, which these functions make, passes
through. Reports show what attackers wrote, so three things hold besides escaping: characters that are
invisible or that reorder a line (controls, bidirectional overrides, zero-width) are shown as ``⟨U+202E⟩``;
every page carries a content security policy under which no script, image or request can run; and links are
never made from text. Plots live in :mod:`bartizan.integrations.plots`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

__all__ = [
    "Markup", "Tile", "badge", "code", "details", "element", "join", "page", "paragraph", "section",
    "table", "text", "tiles",
]  # fmt: skip

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_VOID = frozenset({"br", "hr", "meta", "path", "line", "rect", "circle", "polyline", "polygon"})
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # Unicode general categories


class Markup(str):
    """HTML that is safe to put into a page as it stands."""

    __slots__ = ()


class Tile(NamedTuple):
    """One headline figure. ``tone`` is one of ``""``, ``good``, ``warn``, ``bad``."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


def visible(value: str) -> str:
    """``value`` with every invisible or reordering character spelled out, except newline and tab."""
    if value.isprintable():
        return value
    return "".join(
        f"⟨U+{ord(char):04X}⟩" if char not in "\n\t" and unicodedata.category(char) in _HIDDEN else char
        for char in value
    )


def text(value: object) -> Markup:
    """Any value as escaped text; :class:`Markup` passes unchanged."""
    return value if isinstance(value, Markup) else Markup(escape(visible(str(value)), quote=True))


def join(parts: Iterable[object], separator: str = "") -> Markup:
    return Markup(text(separator).join(text(part) for part in parts))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """``element("td", "a < b", class_="n")``: children and attribute values are escaped.

    Attribute names: a trailing underscore is dropped and inner underscores become hyphens. ``None`` leaves
    the attribute out. ``tag`` and attribute names are the programmer's, never data.
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID and not children:
        return Markup(f"<{tag}{named}/>")
    return Markup(f"<{tag}{named}>{join(children)}</{tag}>")


def paragraph(*children: object) -> Markup:
    return element("p", *children)


def code(value: object) -> Markup:
    """A block of preformatted text, wrapped, with its own scroll bar when it is long."""
    return element("pre", element("code", value))


def badge(value: object, tone: str = "") -> Markup:
    """A small coloured word: an outcome, a state. Tones: ``good warn bad`` and ``""``."""
    return element("span", value, class_=f"badge {tone}".strip())


def section(title: str, *children: object) -> Markup:
    return element("section", element("h2", title), *children)


def details(summary: object, *children: object, open: bool = False) -> Markup:
    """Children behind a summary that unfolds on a click."""
    return element("details", element("summary", summary), *children, open="" if open else None)


def tiles(items: Iterable[Tile]) -> Markup:
    """A row of headline figures."""
    return element(
        "div",
        *(
            element(
                "div",
                element("div", item.label, class_="label"),
                element("div", item.value, class_="value"),
                element("div", item.note, class_="note"),
                class_=f"tile {item.tone}".strip(),
            )
            for item in items
        ),
        class_="tiles",
    )


def table(
    headers: Sequence[object], rows: Iterable[Sequence[object]], *, caption: str = "", left: int = 1
) -> Markup:
    """A table whose first ``left`` columns are text; the others are right-aligned figures."""
    aligned = ["" if column < left else "n" for column in range(len(headers))]

    def cells(tag: str, values: Sequence[object]) -> Markup:
        return element(
            "tr",
            *(element(tag, value, class_=side or None) for value, side in zip(values, aligned, strict=True)),
        )

    return element(
        "div",
        element(
            "table",
            element("caption", caption) if caption else Markup(),
            element("thead", cells("th", headers)),
            element("tbody", *(cells("td", row) for row in rows)),
        ),
        class_="scroll",
    )


def page(title: str, *body: object, subtitle: object = "", style: str = "") -> str:
    """A whole document, light or dark as the reader's system asks. ``style`` is further CSS, the programmer's own."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        Markup(f"<style>{_CSS}{style}</style>"),
    )
    header = element("header", element("h1", title), element("p", subtitle, class_="subtitle"))
    return "<!doctype html>\n" + element("html", head, element("body", header, *body), lang="en") + "\n"


_CSS = """
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1c1e21;--soft:#646a73;--line:#e3e4e6;
--s0:#2f6fc4;--s1:#c9701b;--s2:#2b8a63;--s3:#8a56b5;--s4:#b3405e;--s5:#5f6b7a;
--good:#22804f;--warn:#a66a00;--bad:#b8322a}
@media(prefers-color-scheme:dark){:root{--bg:#15171a;--card:#1c1f23;--ink:#e7e8ea;--soft:#9aa1ab;
--line:#31353b;--s0:#6ba5ef;--s1:#e79a4f;--s2:#5cbf93;--s3:#bb8fe0;--s4:#e47e96;--s5:#a0abb8;
--good:#5cbf8a;--warn:#e0aa4a;--bad:#f0837b}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:68rem;background:var(--bg);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.6rem;line-height:1.2;margin:0}h2{font-size:1.15rem;margin:2.4rem 0 .6rem}
h3{font-size:1rem;margin:1.4rem 0 .4rem}.subtitle{color:var(--soft);margin:.35rem 0 1.4rem}
.tiles{display:grid;gap:.75rem;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));margin:1rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem}
.tile .label,.tile .note{color:var(--soft);font-size:.82rem}
.tile .value{font-size:1.6rem;font-weight:650;font-variant-numeric:tabular-nums}
.tile.good .value{color:var(--good)}.tile.warn .value{color:var(--warn)}.tile.bad .value{color:var(--bad)}
.scroll{overflow-x:auto;margin:.6rem 0}table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;color:var(--soft);padding:.2rem 0 .4rem}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;
overflow-wrap:break-word}
th{color:var(--soft);font-weight:600;vertical-align:bottom}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
pre{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;
white-space:pre-wrap;overflow-wrap:anywhere;max-height:24rem;overflow-y:auto;font-size:.83rem;margin:.4rem 0}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
details{border:1px solid var(--line);border-radius:6px;background:var(--card);margin:.4rem 0;padding:.3rem .8rem}
summary{cursor:pointer}.badge{display:inline-block;border:1px solid currentColor;border-radius:99px;
padding:0 .5rem;font-size:.78rem;color:var(--soft)}
.badge.good{color:var(--good)}.badge.warn{color:var(--warn)}.badge.bad{color:var(--bad)}
figure{margin:1rem 0;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem}
figcaption{font-weight:600;margin-bottom:.4rem}svg{display:block;width:100%;height:auto}
svg text{fill:var(--ink);font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
svg .soft{fill:var(--soft)}svg .grid{stroke:var(--line)}svg .whisker{stroke:var(--ink);stroke-opacity:.65}
svg .f0{fill:var(--s0)}svg .f1{fill:var(--s1)}svg .f2{fill:var(--s2)}svg .f3{fill:var(--s3)}
svg .f4{fill:var(--s4)}svg .f5{fill:var(--s5)}svg .good{fill:var(--good)}svg .warn{fill:var(--warn)}
svg .bad{fill:var(--bad)}svg .line{fill:none;stroke-width:2;stroke-linejoin:round}
svg .l0{stroke:var(--s0)}svg .l1{stroke:var(--s1)}svg .l2{stroke:var(--s2)}svg .l3{stroke:var(--s3)}
svg .l4{stroke:var(--s4)}svg .l5{stroke:var(--s5)}
""".strip()
