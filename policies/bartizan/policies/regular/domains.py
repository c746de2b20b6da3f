"""Paths, URLs and e-mail addresses as regular languages with strict grammars.

Each grammar is narrower than its standard: it leaves out the forms that programs read differently, where
bypasses live. What matches is inside for everyone; what does not match may still name the same file or host in
another spelling. So use these languages to allow, or negated to deny (``deny when !path_under(x, "/srv")``);
``deny when path_under(x, "/etc")`` would let ``/srv/../etc`` through.
"""

from __future__ import annotations

from collections.abc import Iterable

from .algebra import complement, intersection, letters, loop, sequence, star, union, word
from .charset import CONTROL, DIGITS, EVERY, LETTERS, CharSet, chars, span
from .language import Language
from .languages import folded
from .term import ANYTHING, EPSILON, Term

# Compatibility normalisation (NFKC) turns these into "." or "..", or into text with a slash or backslash.
_LOOKALIKES = chars("\u2024\u2025\ufe30\ufe52\uff0e\uff0f\ufe68\uff3c\u2100\u2101\u2105\u2106")
_NAME = EVERY - CONTROL - chars("/\\") - _LOOKALIKES
_DOT = chars(".")


def _segment(first: CharSet, rest: CharSet) -> Term:
    """A file name other than "", "." and "..", whose first character is in ``first`` and the others in ``rest``."""
    more = star(letters(rest))
    plain = sequence(letters(first - _DOT), more)
    hidden = sequence(word("."), letters(rest - _DOT), more)
    dots = sequence(word(".."), letters(rest), more)
    return union((plain, hidden, dots))


_SLASH_SEGMENT = sequence(word("/"), _segment(_NAME, _NAME))
# The first segment of a path relative to ".": no "~user", and no ":" that would make it a URI with a scheme
# or a drive (RFC 3986 section 4.2, path-noscheme).
_FIRST = _segment(_NAME - chars(":~"), _NAME - chars(":"))
# %00 %25 %2e %2f %5c: NUL, percent sign, dot, slash and backslash for a tool that decodes its argument.
_ENCODED = sequence(
    ANYTHING,
    word("%"),
    union(
        (
            word("00"),
            sequence(word("2"), letters(chars("5eEfF"))),
            sequence(word("5"), letters(chars("cC"))),
        )
    ),
    ANYTHING,
)
_NOT_ENCODED = complement(_ENCODED)
_BELOW = star(_SLASH_SEGMENT)
_PATHS = Language.of(intersection((sequence(union((_FIRST, _SLASH_SEGMENT)), _BELOW), _NOT_ENCODED)))


def path_under(root: str) -> Language:
    r"""POSIX paths that are lexically ``root`` or below it: ``root(/segment)*``.

    No segment is empty, ``.`` or ``..``. No segment holds a backslash, a control character (NUL among them), a
    percent-encoded dot, slash, backslash, NUL or percent sign, or a character whose compatibility form is one of
    these (such as the full-width full stop). So neither ``/srv//a`` nor ``/srv/a/`` is under ``/srv``. Symbolic
    links are not looked at.

    ``root`` is absolute (``/srv``; ``/`` is every absolute path) or relative (``data``; ``.`` is ``.`` itself and
    every relative path that does not begin with ``~`` and has no ``:`` in its first segment).

    Raises:
        ValueError: ``root`` is not such a path itself.
    """
    if root == "/":
        term = union((word("/"), sequence(_SLASH_SEGMENT, _BELOW)))
    elif root == ".":
        term = union((word("."), sequence(_FIRST, _BELOW)))
    elif _PATHS.matches(root):
        term = sequence(word(root), _BELOW)
    else:
        raise ValueError(
            f"expected a normalised POSIX path such as /srv/data or data, found {root!r}; write it without empty, "
            "'.' and '..' segments, trailing slash, backslashes, control characters and percent escapes"
        )
    return Language.of(intersection((term, _NOT_ENCODED)))


_ALNUM = letters(LETTERS | DIGITS)
_LABEL = sequence(_ALNUM, loop(sequence(star(letters(LETTERS | DIGITS | chars("-"))), _ALNUM), 0, 1))
_HOST_NAMES = Language.of(sequence(_LABEL, star(sequence(word("."), _LABEL))))
_PRINTABLE = span("!", "~") - chars("\\")
_PORT = sequence(word(":"), loop(letters(DIGITS), 1, 5))


def host_under(hosts: Iterable[str], *, scheme_optional: bool = False) -> Language:
    """http and https URLs whose host is one of ``hosts`` or a subdomain of one.

    ``scheme://host[:port][rest]``: the scheme in any case; no user information (``user@``); the host in any case,
    labels of ASCII letters, digits and inner hyphens (international names in ``xn--`` form), no trailing dot; a
    port of one to five digits; then nothing, or ``/`` and printable ASCII without spaces and backslashes, or
    ``?`` or ``#`` and the same without ``@`` (``http://good#@evil`` is read differently by different programs). An
    IPv4 address has no subdomains.

    A URL without a scheme (``host/path``) does not match, unless ``scheme_optional`` is set; then both do.

    Raises:
        ValueError: one of ``hosts`` is not a plain host name.
    """
    names = [_checked_host(host, "host_under") for host in hosts]
    subdomains = star(sequence(_LABEL, word(".")))
    host = union(folded(name) if _is_address(name) else sequence(subdomains, folded(name)) for name in names)
    scheme = sequence(folded("http"), loop(folded("s"), 0, 1), word("://"))
    rest = union(
        (
            EPSILON,
            sequence(word("/"), star(letters(_PRINTABLE))),
            sequence(letters(chars("?#")), star(letters(_PRINTABLE - chars("@")))),
        )
    )
    optional_scheme = loop(scheme, 0 if scheme_optional else 1, 1)
    return Language.of(sequence(optional_scheme, host, loop(_PORT, 0, 1), rest))


def email_domain(domains: Iterable[str]) -> Language:
    """Single e-mail addresses ``local@domain`` at exactly one of ``domains``, whose case is ignored.

    The local part is an RFC 5322 dot-atom without ``%`` and ``!``, with which old mail servers relay to
    another domain. No subdomains, display names, comments, quoted parts, lists or surrounding spaces.

    Raises:
        ValueError: one of ``domains`` is not a plain domain name.
    """
    names = [_checked_host(domain, "email_domain") for domain in domains]
    atom = loop(letters(LETTERS | DIGITS | chars("#$&'*+-/=?^_`{|}~")), 1, None)
    local = sequence(atom, star(sequence(word("."), atom)))
    return Language.of(sequence(local, word("@"), union(folded(name) for name in names)))


def _checked_host(host: str, builtin: str) -> str:
    labels = host.split(".")
    last_is_number = labels[-1].isdigit()
    if not _HOST_NAMES.matches(host) or (last_is_number and not _is_address(host)):
        raise ValueError(
            f"{builtin} expects host names such as example.com, found {host!r}; write it without scheme, port, "
            "user, path and dots at the ends, and international names in their xn-- form"
        )
    return host


def _is_address(host: str) -> bool:
    """Whether ``host``, a plain host name, is an IPv4 address in dotted decimal form."""
    labels = host.split(".")
    return len(labels) == 4 and all(
        label.isdigit() and str(int(label)) == label and int(label) <= 255 for label in labels
    )
