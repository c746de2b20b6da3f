"""The regex subset means what Python's ``re`` (ASCII) means by it; everything else is refused where it stands."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.policies.regular import RegexError, regex

texts = st.text(alphabet="aabbcABC019_ -.\n\t\x0b/é\u212a٣\U0001f600", max_size=12)

_atoms = st.sampled_from(
    [
        "a", "b", "c", "A", "0", "_", " ", "-", "/", ".", r"\.", r"\\", r"\n", r"\t", r"\d", r"\w", r"\s", r"\D", r"\W",
        r"\S", "[abc]", "[^abc]", "[a-c]", "[^a-cA-C0]", r"[\d_]", r"[^\w]", r"[\s\S]", "[-a]", "[a-]", r"[\]a]", "[.]",
        r"\x61", r"\u00e9", "é", "[^é]", "(ab)", "(?:a|b)", "[/-9]",
    ]
)  # fmt: skip
_counts = st.sampled_from(["", "", "", "*", "+", "?", "{0}", "{1}", "{2}", "{1,}", "{0,2}", "{2,3}"])


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = st.one_of(inner.map("({})".format), inner.map("(?:{})".format))
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("({0[0]}|{0[1]})".format),
        st.tuples(group, _counts).map("".join),
    )


cores = st.recursive(st.tuples(_atoms, _counts).map("".join), _compound, max_leaves=6)
flags = st.sampled_from(["", "", "(?i)", "(?s)", "(?is)"])


@given(flags, cores, st.lists(texts, min_size=5, max_size=5))
@settings(deadline=None, max_examples=400)
def test_full_and_search_agree_with_re(flag: str, core: str, samples: list[str]) -> None:
    """On the common subset, fullmatch and search give the answers of the standard library."""
    reference = re.compile(flag + core, re.ASCII)
    full, search = regex(flag + core, "full"), regex(flag + core)
    for text in samples:
        assert full.matches(text) == bool(reference.fullmatch(text))
        assert search.matches(text) == bool(reference.search(text))


Alternative = tuple[bool, str, bool]
"""Whether it stands at the start, what it looks for, whether it stands at the end."""

anchored = st.lists(st.tuples(st.booleans(), cores, st.booleans()), min_size=1, max_size=3)


def joined(alternatives: list[Alternative], start: str, end: str) -> str:
    """The alternatives as one pattern, with the given anchors."""
    return "|".join(start * at_start + core + end * at_end for at_start, core, at_end in alternatives)


@given(flags, anchored, st.lists(texts, min_size=5, max_size=5))
@settings(deadline=None, max_examples=300)
def test_anchors_agree_with_re(flag: str, alternatives: list[Alternative], samples: list[str]) -> None:
    r"""``^`` and ``$`` of top-level alternatives mean the ends of the text: re's ``\A`` and ``\Z``."""
    language = regex(flag + joined(alternatives, "^", "$"))
    reference = re.compile(flag + joined(alternatives, r"\A", r"\Z"), re.ASCII)
    for text in samples:
        assert language.matches(text) == bool(reference.search(text))


@given(flags, anchored, st.lists(texts, min_size=3, max_size=3))
@settings(deadline=None, max_examples=300)
def test_spans_are_leftmost_longest(flag: str, alternatives: list[Alternative], samples: list[str]) -> None:
    """Spans equal those of a search that tries, from the left, every start with its longest end first."""
    language = regex(flag + joined(alternatives, "^", "$"))
    compiled = [(start, re.compile(flag + core, re.ASCII), end) for start, core, end in alternatives]
    for text in samples:
        expected = []
        begin = 0
        while begin < len(text):
            end = next(
                (
                    end
                    for end in range(len(text), begin, -1)
                    for at_start, reference, at_end in compiled
                    if reference.fullmatch(text[begin:end])
                    and (begin == 0 or not at_start)
                    and (end == len(text) or not at_end)
                ),
                None,
            )
            if end is not None:
                expected.append((begin, end))
            begin = begin + 1 if end is None else end
        assert language.spans(text) == expected


SECRETS = [
    r"AKIA[0-9A-Z]{16}",
    r"\d{3}-\d{2}-\d{4}",
    r"(?i)bearer [a-z0-9._-]+",
    r"-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----",
    r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}",
    r"[\w.+-]+@[\w-]+\.[\w.]+",
    r"[^,\n]+",
]
_fragments = st.sampled_from(
    ["AKIA0123456789ABCDEF", "AKIA", "078-05-1120", "078-05-112", "Bearer abc.def", " ", ",", "\n", "x",
     "GB33BUKB20201555555555", "-----BEGIN KEY-----", "abc", "-----END KEY-----", "me@corp.com", "@"]
)  # fmt: skip


@pytest.mark.parametrize("pattern", SECRETS)
@given(parts=st.lists(_fragments, max_size=12))
@settings(deadline=None, max_examples=50)
def test_spans_of_redaction_patterns_equal_finditer(pattern: str, parts: list[str]) -> None:
    """For greedy patterns whose longest match is their first, spans equal those of ``re.finditer``."""
    text = "".join(parts)
    expected = [found.span() for found in re.finditer(pattern, text, re.ASCII) if found.group()]
    assert regex(pattern).spans(text) == expected


def test_dollar_is_the_very_end() -> None:
    """A newline at the end of the text is not skipped, which ``re`` would do."""
    assert regex("^/srv/[a-z]+$").matches("/srv/a")
    assert not regex("^/srv/[a-z]+$").matches("/srv/a\n")
    assert not regex("a", "full").matches("a\n")


def test_classes_are_ascii() -> None:
    r"""``\d \w \s`` hold no character beyond ASCII, whatever its Unicode category; negations hold them all."""
    assert not regex(r"\d|\w|\s").matches("٣é\u00a0\u2028\u212a")
    assert regex(r"^\D\W\S$").matches("٣é\u00a0")
    assert regex(r"^\s{6}$").matches(" \t\n\r\f\v")


def test_case_is_ignored_for_ascii_only() -> None:
    """(?i) pairs a-z with A-Z and nothing else, inside negated classes too."""
    assert regex("(?i)^kel[^v]in$").matches("KELXIN")
    assert not regex("(?i)^kel[^v]in$").matches("KELVIN")
    assert not regex("(?i)k|s|i").matches("\u212a\u017f\u0130\u0131")


def test_dot_excludes_newline_unless_asked() -> None:
    """A dot is any character but newline, and with (?s) any at all."""
    assert regex("^a.b$").matches("a\U0001f600b")
    assert regex("^a.b$").matches("a\rb")
    assert not regex("^a.b$").matches("a\nb")
    assert regex("(?s)^a.b$").matches("a\nb")


def test_escapes_name_code_points() -> None:
    """The hexadecimal escapes and escaped punctuation stand for exactly one character."""
    assert regex(r"^\x41\u00e9\u{1F600}\u{61}\.\$\^\-\/\"\ $").matches('Aé\U0001f600a.$^-/" ')


def test_full_mode_accepts_and_ignores_anchors() -> None:
    """In full mode the ends are anchored anyway."""
    assert regex("^a+$|b", "full") == regex("a+|b", "full")


MALFORMED = [
    ("", 0, "empty"),
    ("a|", 2, "empty"),
    ("|a", 0, "empty"),
    ("a||b", 2, "empty"),
    ("^", 0, "empty"),
    ("a|^", 2, "empty"),
    ("$", 0, "empty"),
    ("()", 1, "empty"),
    ("(a|)", 3, "empty"),
    ("(", 1, "empty"),
    ("(a", 0, "never closed"),
    ("x(a(b)", 1, "never closed"),
    ("a)", 1, "closes nothing"),
    (")", 0, "closes nothing"),
    ("a**", 2, "cannot be repeated"),
    ("a*{2}", 2, "cannot be repeated"),
    ("a*?", 2, "lazy"),
    ("a{2}?", 4, "lazy"),
    ("a++", 2, "possessive"),
    ("*a", 0, "nothing to repeat"),
    ("(*a)", 1, "nothing to repeat"),
    ("a|+", 2, "nothing to repeat"),
    ("^*", 1, "nothing to repeat"),
    ("a{", 1, "count"),
    ("a{,3}", 1, "count"),
    ("a{x}", 1, "count"),
    ("a{1,2,3}", 1, "count"),
    ("a{٣}", 1, "count"),
    ("a{3,2}", 1, "out of order"),
    ("a{257}", 1, "at most 256"),
    ("a{1,9999999}", 1, "at most 256"),
    ("a{" + "9" * 5000 + "}", 1, "at most 256"),
    ("{2}", 0, "partner"),
    ("a}", 1, "partner"),
    ("a]", 1, "partner"),
    ("a^b", 1, r"^ stands only"),
    ("(^a)", 1, r"^ stands only"),
    ("^^a", 1, r"^ stands only"),
    ("a$b", 1, r"$ stands only"),
    ("(a$)", 2, r"$ stands only"),
    ("a$*", 1, r"$ stands only"),
    ("[", 0, "never closed"),
    ("[a", 0, "never closed"),
    ("x[]a]", 2, "empty"),
    ("[^]a]", 2, "empty"),
    ("[z-a]", 1, "out of order"),
    (r"[a-\d]", 2, "single characters"),
    ("[[:alpha:]]", 1, "not supported"),
    (r"[\s--x]", 3, "single characters"),
    (r"[^\s\S]", 0, "no members"),
    ("a\\", 1, "ends in a backslash"),
    (r"\bfoo", 0, "word boundary"),
    (r"foo\B", 3, "boundary"),
    (r"\Afoo", 0, "not supported"),
    (r"foo\Z", 3, "not supported"),
    (r"(a)\1", 3, "back-reference"),
    (r"\p{L}", 0, "Unicode property"),
    (r"\q", 0, "unknown escape"),
    (r"\é", 0, "unknown escape"),
    (r"\x4", 0, "hexadecimal"),
    (r"a\u12g4", 1, "hexadecimal"),
    (r"\u{}", 0, "hexadecimal"),
    (r"\u{41", 0, "never closed"),
    (r"\u{110000}", 0, "scalar value"),
    (r"[\uD800]", 1, "scalar value"),
    ("a\ud800", 1, "surrogate"),
    ("(?=a)", 0, "not supported"),
    ("a(?!b)", 1, "not supported"),
    ("(?<=a)b", 0, "not supported"),
    ("(?P<n>a)", 0, "not supported"),
    ("(?>a)", 0, "not supported"),
    ("(?#c)a", 0, "not supported"),
    ("a(?i)b", 1, "not supported"),
    ("(?i:a)", 0, "flags"),
    ("(?ix)a", 0, "flags"),
    ("(?ii)a", 0, "flags"),
    ("(?i", 0, "flags"),
    ("(a{100}){100}", 8, "too large"),
    ("a" * 2001, 2000, "too large"),
    ("(" * 33 + "a" + ")" * 33, 32, "nested"),
]


@pytest.mark.parametrize(("pattern", "position", "words"), MALFORMED)
def test_malformed_patterns_are_refused_where_they_are_wrong(pattern: str, position: int, words: str) -> None:
    """The error carries the offset of the offending character, what is wrong there, and a remedy."""
    with pytest.raises(RegexError) as caught:
        regex(pattern)
    assert caught.value.position == position
    assert words in caught.value.message
    assert caught.value.help
    assert str(position) in str(caught.value)


@given(st.text(alphabet=r"ab01()[]{}|*+?.^$\,-:?iswdxu<=!P" + "\n é", max_size=14))
@settings(deadline=None, max_examples=1000)
def test_any_text_is_a_pattern_or_refused_inside_itself(pattern: str) -> None:
    """Whatever the pattern, the parser answers or points into it; what it accepts means the same to ``re``."""
    try:
        language = regex(pattern, "full")
    except RegexError as refused:
        error: RegexError | None = refused
    else:
        error = None
    if error is not None:
        assert 0 <= error.position <= len(pattern)
        return
    # re allows anchors anywhere and reads $ differently, warns of nested sets, and lacks \u{...}
    if not any(part in pattern for part in ("^", "$", r"\u{", "--", "[", "||", "&&", "~~")):
        reference = re.compile(pattern, re.ASCII)
        for text in ("", "a", "b", "ab", "aab", "01", "\n", "é", "a-b", "(", "i"):
            assert language.matches(text) == bool(reference.fullmatch(text))


def test_deep_nesting_within_the_limit_works() -> None:
    """A pattern nested as deep as allowed parses and matches."""
    pattern = "(" * 32 + "a" + "b?)*" * 32
    assert regex(pattern, "full").matches("aabab" * 50)
    assert not regex(pattern, "full").matches("ac")
