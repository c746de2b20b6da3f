"""Paths, URLs and e-mail addresses: hostile texts stay out, and what is inside is what other parsers see."""

from __future__ import annotations

import posixpath
import unicodedata
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.policies.regular import contains, email_domain, host_under, path_under, regex, suffix

SRV = path_under("/srv")
GOOD = host_under(["good.com"])
CORP = email_domain(["corp.com", "corp.co.uk"])

PATHS_INSIDE = [
    "/srv",
    "/srv/a",
    "/srv/a/b/c.txt",
    "/srv/.hidden",
    "/srv/..a",
    "/srv/...",
    "/srv/a..",
    "/srv/a b",
    "/srv/~root",
    "/srv/é/文",
    "/srv/100%",
    "/srv/My%20File",
    "/srv/%zz",
    "/srv/a:b",
    "/srv/-rf",
]
PATHS_OUTSIDE = [
    "",
    "/",
    "srv",
    "srv/a",
    "./srv/a",
    "/srv/",
    "/srvx",
    "/srv.bak/a",
    "/SRV/a",
    "//srv/a",
    "/srv//a",
    "/srv/a/",
    "/srv/.",
    "/srv/..",
    "/srv/./a",
    "/srv/../etc/passwd",
    "/srv/a/../../etc",
    "/srv/a/..",
    "/srv/..\\etc",
    "/srv\\a",
    "/srv/a\\..\\b",
    "/srv/a\x00",
    "/srv/a\x00.txt",
    "/srv/a\n",
    "\n/srv/a",
    "/srv/a\r",
    "/srv/\x1b[31m",
    "/srv/a\x7f",
    "/srv/a\x85b",
    " /srv/a",
    "/srv /a",
    "/srv/%2e%2e/etc",
    "/srv/%2E%2E/etc",
    "/srv/.%2e/etc",
    "/srv/%252e%252e/etc",
    "/srv/..%2fetc",
    "/srv/a%2F..%2Fb",
    "/srv/a%5cb",
    "/srv/a%00",
    "/srv/\uff0e\uff0e/etc",
    "/srv/\u2024\u2024/etc",
    "/srv/\u2025/etc",
    "/srv/\ufe52\ufe52/etc",
    "/srv/..\uff0fetc",
    "/srv\uff0fa",
    "/srv/a\uff3cb",
    "\uff0fsrv/a",
    "file:///srv/a",
    "~/srv/a",
    "/etc/passwd",
]
URLS_INSIDE = [
    "https://good.com",
    "http://good.com",
    "https://good.com/",
    "HTTPS://GOOD.COM/Path",
    "hTtP://a.good.com",
    "https://a.b-c.xn--bcher-kva.good.com/x?y=z#w",
    "https://good.com:443",
    "https://good.com:8080/x",
    "https://good.com?q=1",
    "https://good.com#top",
    "https://good.com/@evil.com",
    "https://good.com/?next=https://evil.com/",
    "https://good.com/a//b/../c",
]
URLS_OUTSIDE = [
    "",
    "good.com",
    "good.com/path",
    "//good.com/",
    "https:good.com",
    "https:/good.com",
    "https:///good.com",
    "https://",
    "https:// good.com",
    "https://good.com@evil.com",
    "https://good.com:pw@evil.com/",
    "https://user@good.com/",
    "https://@good.com/",
    "https://evil.com@good.com/",
    "https://good.com.evil.com/",
    "https://evilgood.com/",
    "https://evil-good.com/",
    "https://good.com.",
    "https://good.com./x",
    "https://.good.com",
    "https://a..good.com",
    "https://-a.good.com",
    "https://a-.good.com",
    "https://a_b.good.com",
    "https://good。com",
    "https://good．com",
    "https://good｡com",
    "https://g\u043e\u043ed.com",
    "https://ｇood.com",
    "https://bücher.good.com",
    "https://good.com%2eevil.com",
    "https://good%2ecom",
    "https://evil.com%2f.good.com",
    "https://evil.com\\.good.com",
    "https://good.com\\@evil.com",
    "https://evil.com/good.com",
    "https://evil.com?good.com",
    "https://evil.com#good.com",
    "https://evil.com#@good.com/",
    "https://good.com#@evil.com/",
    "https://good.com?@evil.com/",
    "https://good.com:80@evil.com",
    "https://good.com:",
    "https://good.com:/x",
    "https://good.com:abc",
    "https://good.com:٣",
    "https://good.com:123456",
    "https://good.com:-1",
    "https://good.com\n",
    "https://good.com/\n",
    "https://good.com/a b",
    "https://good.com/a\tb",
    "https://good.com/\u00a0",
    "https://good.com/é",
    "https://good.com\x00.evil.com",
    "https://good.com/\x00",
    "https://good\n.com",
    "https://go\tod.com",
    " https://good.com",
    "https://good.com ",
    "https://good.com\\path",
    "https://good.com/\\evil.com",
    "ftp://good.com",
    "javascript://good.com/%0aalert(1)",
    "file://good.com/etc/passwd",
    "data:text/html,good.com",
    "httpss://good.com",
    "https\uff1a//good.com",
    "https://[::1]/good.com",
    "https://0x7f.1/good.com",
    "https://com",
    "https://good.com,evil.com",
    "https://good.com;evil.com",
    "https://good.com&@evil.com",
    "https://good.com https://evil.com",
]
EMAILS_INSIDE = [
    "a@corp.com",
    "first.last+tag@corp.com",
    "A_B-c'd@CORP.com",
    "x@corp.co.uk",
    "1@Corp.Co.Uk",
    "a=b@corp.com",
]
EMAILS_OUTSIDE = [
    "",
    "corp.com",
    "@corp.com",
    "a@",
    "a@corp",
    "a@corp.com.evil.com",
    "a@sub.corp.com",
    "a@evilcorp.com",
    "a@corp.com.",
    "a@.corp.com",
    "a@corp..com",
    "a@b@corp.com",
    "a@evil.com@corp.com",
    "a@corp.com@evil.com",
    "a@corp.com,b@evil.com",
    "b@evil.com,a@corp.com",
    "a@corp.com;b@evil.com",
    "a@corp.com b@evil.com",
    "a@corp.com\nb@evil.com",
    "a@corp.com\r\nBcc: b@evil.com",
    "a@corp.com\n",
    " a@corp.com",
    "a@corp.com ",
    "a b@corp.com",
    '"a b"@corp.com',
    '"b@evil.com"@corp.com',
    '"b@evil.com,"@corp.com',
    "Mallory <a@corp.com>",
    "<a@corp.com>",
    "b@evil.com <a@corp.com>",
    "a(comment)@corp.com",
    "a@(x)corp.com",
    "a@corp.com(x)",
    "a@[127.0.0.1]",
    "mailto:a@corp.com",
    "a@corp.com?cc=b@evil.com",
    ".a@corp.com",
    "a.@corp.com",
    "a..b@corp.com",
    "b%evil.com@corp.com",
    "evil.com!b@corp.com",
    "a\\@evil.com@corp.com",
    "é@corp.com",
    "a@c\u043erp.com",
    "a@corp。com",
    "a@corp．com",
    "a＠corp.com",
    "a\x00@corp.com",
    "a@corp.com\x00",
    "a@corp.com/../evil.com",
    "group:a@corp.com;",
]


@pytest.mark.parametrize("text", PATHS_INSIDE)
def test_paths_under_the_root(text: str) -> None:
    """Normalised paths at or below the root are inside."""
    assert SRV.matches(text)


@pytest.mark.parametrize("text", PATHS_OUTSIDE)
def test_paths_that_leave_or_blur_the_root(text: str) -> None:
    """Traversal, empty segments, other spellings, controls and look-alikes are outside."""
    assert not SRV.matches(text)


@pytest.mark.parametrize("text", URLS_INSIDE)
def test_urls_of_the_host(text: str) -> None:
    """Plain URLs of the host and its subdomains are inside."""
    assert GOOD.matches(text)


@pytest.mark.parametrize("text", URLS_OUTSIDE)
def test_urls_of_other_hosts_or_none(text: str) -> None:
    """User information, look-alike hosts, other schemes and texts that parsers disagree on are outside."""
    assert not GOOD.matches(text)


@pytest.mark.parametrize("text", EMAILS_INSIDE)
def test_addresses_of_the_domain(text: str) -> None:
    """Plain addresses at exactly the domains are inside."""
    assert CORP.matches(text)


@pytest.mark.parametrize("text", EMAILS_OUTSIDE)
def test_addresses_of_other_domains_or_several(text: str) -> None:
    """Lists, quotes, display names, routes, subdomains and header injection are outside."""
    assert not CORP.matches(text)


_path_parts = st.sampled_from(
    ["/", "/", "//", "/srv", "a", ".", "..", "%2e", "%", "2", "e", "\\", "\x00", "\uff0e", "\uff0f", "~", ":", " "]
)  # fmt: skip


@given(st.lists(_path_parts, max_size=9).map("".join))
@settings(deadline=None, max_examples=500)
def test_a_path_inside_is_normal_and_inside_for_everyone(text: str) -> None:
    """What matches is unchanged by normpath, and below the root even after decoding or NFKC."""
    for root in ("/srv", "/"):
        if path_under(root).matches(text):
            for read in (text, unquote(text), unicodedata.normalize("NFKC", text), unquote(unquote(text))):
                assert posixpath.normpath(read) == read
                assert posixpath.commonpath([root, read]) == root
    if path_under(".").matches(text):
        assert posixpath.normpath(text) == text
        assert posixpath.normpath(posixpath.join("/work", text)).startswith("/work")
        assert not text.startswith(("/", "~"))


def test_normalisation_cannot_make_a_dot_or_slash_of_a_path_character() -> None:
    """No character allowed in a segment has a compatibility form that is dots or holds a slash or backslash."""
    for code in [*range(0x80, 0xD800), *range(0xE000, 0x110000)]:
        char = chr(code)
        form = unicodedata.normalize("NFKC", char)
        if form != char and (form in (".", "..") or "/" in form or "\\" in form):
            assert not SRV.matches(f"/srv/{char}"), hex(code)


_url_parts = st.sampled_from(
    ["http", "https", "://", ":", "//", "/", "good.com", "good.com", "evil.com", "a.", ".", "@", "#", "?", "\\", "80",
     "%2e", " ", "x", "-"]
)  # fmt: skip


@given(st.lists(_url_parts, max_size=8).map("".join))
@settings(deadline=None, max_examples=1000)
def test_a_url_inside_has_the_host_for_the_standard_library(text: str) -> None:
    """What matches is read by ``urlsplit`` as that host or a subdomain, without user information."""
    if GOOD.matches(text):
        parts = urlsplit(text)
        assert parts.scheme in ("http", "https")
        assert parts.hostname is not None
        assert parts.hostname == "good.com" or parts.hostname.endswith(".good.com")
        assert parts.username is None


def test_the_solver_finds_no_way_out() -> None:
    """Proofs over all texts, not samples: nothing inside holds a traversal, user information or a second address."""
    for hostile in ("/../", "//", "\\", "\x00", "\n", "%2e", "%2F", "\uff0e"):
        assert (SRV & contains(hostile)).is_empty() is True
    assert (SRV & suffix("/")).is_empty() is True
    assert (SRV & ~regex("^/srv/|^/srv$")).is_empty() is True
    user = regex(r"^[^/]*//[^/?#]*@")
    assert (GOOD & user).is_empty() is True
    assert regex(r"(?i)^https?://([a-z0-9.-]+\.)?good\.com(:[0-9]+)?([/?#].*)?$").includes(GOOD) is True
    assert (CORP & regex("@.*@")).is_empty() is True
    assert regex(r"(?i)@corp\.(com|co\.uk)$").includes(CORP) is True


def test_inclusion_follows_the_tree() -> None:
    """A deeper root, a subdomain and a smaller set of domains are included; their converses are not."""
    assert SRV.includes(path_under("/srv/data")) is True
    assert path_under("/srv/data").includes(SRV) is False
    assert path_under("/").includes(SRV) is True
    assert path_under(".").includes(path_under("data")) is True
    assert GOOD.includes(host_under(["api.good.com"])) is True
    assert host_under(["api.good.com"]).includes(GOOD) is False
    assert CORP.includes(email_domain(["corp.com"])) is True


@pytest.mark.parametrize(
    ("root", "inside", "outside"),
    [
        ("/", ["/", "/a", "/a/b"], ["", "//", "/..", "a", "/a/"]),
        ("data", ["data", "data/a"], ["", "database", "data/", "./data", "/data", "data/../x"]),
        (".", [".", "a", "a/b", ".git/config", "a/b:c"], ["", "..", "./a", "/a", "~/a", "~root", "file:/etc", "C:x"]),
        ("a/b", ["a/b", "a/b/c"], ["a", "a/c"]),
        ("/srv/é x", ["/srv/é x/1"], ["/srv/e x/1"]),
    ],
)  # fmt: skip
def test_roots(root: str, inside: list[str], outside: list[str]) -> None:
    """Absolute and relative roots hold themselves and what is below them."""
    language = path_under(root)
    assert [text for text in inside if not language.matches(text)] == []
    assert [text for text in outside if language.matches(text)] == []


@pytest.mark.parametrize(
    "root",
    [
        "",
        "//",
        "/srv/",
        "/srv/../etc",
        "/srv//a",
        "./a",
        "a/./b",
        "..",
        "/a\\b",
        "/a\x00",
        "/%2e%2e",
        "~/x",
        "C:/x",
    ],
)
def test_roots_that_are_no_normal_path_are_refused(root: str) -> None:
    """A root that a path could not be under is a mistake in the policy."""
    with pytest.raises(ValueError, match="normalised POSIX path"):
        path_under(root)


@pytest.mark.parametrize(
    "host",
    ["", "https://good.com", "good.com:80", "good.com/", ".good.com", "good.com.", "*.good.com", "a@good.com",
     "bücher.de", "good..com", "-a.com", "[::1]", "1.2.3", "256.1.1.1", "01.2.3.4", "good.com\n", "a b.com"],
)  # fmt: skip
def test_hosts_that_are_no_plain_names_are_refused(host: str) -> None:
    """Schemes, ports, wildcards, dots at the ends and Unicode in a host are mistakes in the policy."""
    with pytest.raises(ValueError, match="expects host names"):
        host_under(["ok.com", host])
    with pytest.raises(ValueError, match="expects host names"):
        email_domain([host])


def test_addresses_have_no_subdomains() -> None:
    """An IPv4 host matches itself only; a name such as localhost has subdomains."""
    assert host_under(["127.0.0.1"]).matches("http://127.0.0.1:8000/x")
    assert not host_under(["127.0.0.1"]).matches("http://1.127.0.0.1/")
    assert host_under(["localhost"]).matches("http://app.localhost/")


def test_the_scheme_is_optional_on_request() -> None:
    """Without a scheme a URL matches only if the policy asks for it, and its host is checked all the same."""
    loose = host_under(["good.com"], scheme_optional=True)
    for text in ("good.com", "a.good.com/x", "good.com:80", "https://good.com"):
        assert loose.matches(text)
    for text in ("//good.com", "evil.com/good.com", "good.com@evil.com", "ftp://good.com", "user@good.com"):
        assert not loose.matches(text)


def test_no_hosts_means_no_text() -> None:
    """An empty list of hosts or domains is the empty language."""
    assert host_under([]).is_empty() is True
    assert email_domain([]).is_empty() is True


def test_the_tables_are_large() -> None:
    """At least eighty hostile texts are tried."""
    assert len(PATHS_OUTSIDE) + len(URLS_OUTSIDE) + len(EMAILS_OUTSIDE) >= 80
