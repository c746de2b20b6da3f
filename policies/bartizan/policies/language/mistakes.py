"""What people write from other languages, and what this one has instead."""

from __future__ import annotations

from typing import Final

_COMPARE = "`==` compares"
_PLAIN_QUOTE = "use the plain quotes \" and '"
_LINEAR = "arithmetic is + - and * by a constant"
MAPS: Final = "there are no maps or structs; `x in [..]` tests for one of several values"
_NO_OPTIONAL = "has(x) asks whether an optional field is there"

# Longest first: the first match is reported.
FOREIGN_OPERATORS: Final = (
    ("===", _COMPARE),
    ("!==", "`!=` compares"),
    ("<=>", "use < <= == != > >="),
    ("**", _LINEAR),
    ("//", "comments are YAML's: `#` outside the expression"),
    ("/*", "comments are YAML's: `#` outside the expression"),
    ("<>", "write !="),
    ("=<", "write <="),
    ("=>", "write >=; `a implies b` is `!a || b`"),
    ("=~", 'write x.matches(r"...")'),
    ("!~", 'write !x.matches(r"...")'),
    ("->", "`a implies b` is `!a || b`"),
    (":=", "there are no assignments; `==` compares"),
    ("+=", "there are no assignments"),
    ("-=", "there are no assignments"),
    ("++", "there are no assignments"),
    ("<<", _LINEAR),
    (">>", _LINEAR),
    ("??", _NO_OPTIONAL),
    ("?.", _NO_OPTIONAL),
    ("[?", _NO_OPTIONAL),
    ("..", "write x >= a && x <= b"),
)

FOREIGN_CHARACTERS: Final = {
    "&": ("a single `&`", "`&&` is and"),
    "|": ("a single `|`", "`||` is or"),
    "/": ("there is no division", _LINEAR),
    "%": ("there is no remainder", _LINEAR),
    "^": ("`^` is not an operator here", _LINEAR),
    "~": ("`~` is not an operator here", "`!` is not"),
    "@": ("`@` is not an operator here", 'tags are for scopes, like deny: ["@write"]'),
    "$": ("names do not begin with `$`", "arguments are args.name"),
    "#": ("`#` is not part of an expression", "comments stand outside it"),
    ";": ("`;` is not part of an expression", "`&&` joins conditions"),
    "\\": ("a backslash outside a text", "put it inside quotes"),
    "`": ("backquoted names are not part of the profile", 'write args["name"]'),
    "\u201c": ("a typographic quote", _PLAIN_QUOTE),
    "\u201d": ("a typographic quote", _PLAIN_QUOTE),
    "\u201e": ("a typographic quote", _PLAIN_QUOTE),
    "\u2018": ("a typographic quote", _PLAIN_QUOTE),
    "\u2019": ("a typographic quote", _PLAIN_QUOTE),
    "\u00ab": ("a typographic quote", _PLAIN_QUOTE),
    "\u00bb": ("a typographic quote", _PLAIN_QUOTE),
    "\u2264": ("a typographic comparison", "write <="),
    "\u2265": ("a typographic comparison", "write >="),
    "\u2260": ("a typographic comparison", "write !="),
    "\u2227": ("a typographic operator", "`&&` is and"),
    "\u2228": ("a typographic operator", "`||` is or"),
    "\u00ac": ("a typographic operator", "`!` is not"),
    "\u2208": ("a typographic operator", "write in"),
    "\u2212": ("a typographic minus", "write -"),
    "\u2013": ("a typographic dash", "write -"),
    "\u00d7": ("a typographic operator", "write *"),
    "\u00a0": ("a no-break space", "use a plain space"),
}

# A word where an operator should stand.
WORD_OPERATORS: Final = {
    "and": "`&&` is and",
    "or": "`||` is or",
    "not": "write !(x in [..])",
    "xor": "`a xor b` is `a != b`",
    "is": _COMPARE,
    "eq": _COMPARE,
    "ne": "`!=` compares",
    "lt": "write <",
    "gt": "write >",
    "le": "write <=",
    "ge": "write >=",
    "mod": _LINEAR,
    "div": _LINEAR,
    "if": "write condition ? a : b",
    "implies": "`a implies b` is `!a || b`",
    "like": 'write x.glob("...") or x.matches(r"...")',
    "between": "write x >= a && x <= b",
}

# A word where a value should stand.
WORD_VALUES: Final = {
    "null": "there is no null: has(x) asks whether an optional field is there",
    "none": "there is no null: has(x) asks whether an optional field is there",
    "nil": "there is no null: has(x) asks whether an optional field is there",
    "undefined": "has(x) asks whether an optional field is there",
    "not": "`!` is not: write !(...)",
    "nan": "there is no NaN: a number that is none is an error of its own",
    "and": "`&&` is and",
    "or": "`||` is or",
}

# Predicates that are methods here and infix words elsewhere.
METHODS: Final = frozenset({"contains", "startsWith", "endsWith", "matches", "fullmatches", "glob", "ieq"})

# CEL keeps these words for itself; they may still name fields (args.package).
RESERVED: Final = frozenset(
    (
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop"),
        *("package", "namespace", "return", "var", "void", "while"),
    )
)


def remedy(kind: str, text: str) -> str | None:
    """What to write instead of a token that cannot stand where it stands."""
    if text == "=":
        return _COMPARE
    if text in ("{", "}"):
        return MAPS
    if kind == "string":
        return "to join conditions use && or ||; texts cannot be put side by side"
    if text in METHODS:
        return f"write x.{text}(...)"
    return WORD_OPERATORS.get(text.lower())
