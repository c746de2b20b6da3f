from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.integrations import html, plots

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "' onmouseover='alert(1)",
    "]]><!--",
    "&lt;script&gt;",
]


class _Elements(HTMLParser):
    """Collects the elements and attributes that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.data = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.data += data


def _everything(word: str) -> str:
    """A page in which every helper shows the same text."""
    return html.page(
        word,
        html.tiles([html.Tile(word, word, word, "bad")]),
        html.section(word, html.paragraph(word), html.code(word), html.badge(word, "warn")),
        html.table([word, word], [[word, word]], caption=word),
        html.details(word, word, open=True),
        plots.bar_chart(word, [plots.Bar(word, 0.5, 0.4, 0.6, word)], percent=True, unit=word),
        plots.line_plot(word, [plots.Series(word, [(1, 2), (3, 4)])] * 2, x_label=word, y_label=word),
        plots.timeline([(word, [plots.Mark("bad", word)])], title=word),
        subtitle=word,
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_add_nothing_to_a_page(text: str) -> None:
    """Whatever a text says, the page has the same elements and attributes as with a harmless word."""
    harmless, hostile = _Elements(_everything("word")), _Elements(_everything(text))
    assert hostile.tags == harmless.tags
    assert hostile.attributes == harmless.attributes


@given(st.text())
def test_any_text_is_shown_as_it_is(text: str) -> None:
    """Escaping loses nothing: a printable text reads back unchanged, and markup never appears."""
    shown = _Elements(html.element("p", text))
    assert shown.tags == ["p"]
    if text.isprintable():
        assert shown.data == text


def test_invisible_characters_are_spelled_out() -> None:
    """Overrides of direction, zero-width characters and controls cannot hide in a report."""
    assert html.text("pay\u202eEVE\u200b\x00") == "pay⟨U+202E⟩EVE⟨U+200B⟩⟨U+0000⟩"
    assert html.text("a\n\tb") == "a\n\tb"
    assert html.text("\ud800").encode("utf-8") == "⟨U+D800⟩".encode()


def test_markup_passes_unchanged_and_only_markup() -> None:
    """What an element function made is not escaped again; a plain string always is."""
    assert html.element("div", html.element("b", "<")) == "<div><b>&lt;</b></div>"
    assert html.join(["<", html.Markup("<hr/>")], " & ") == "&lt; &amp; <hr/>"


def test_a_page_can_run_nothing() -> None:
    """The page forbids scripts and requests, and holds none itself."""
    page = unescape(_everything("word"))
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert not re.search(r"\b(?:src|href)\s*=|url\(|@import", page)


def test_rows_must_fit_their_table() -> None:
    """A row with too few cells is a mistake of the program, not a crooked table."""
    with pytest.raises(ValueError, match="zip"):
        html.table(["a", "b"], [["1"]])


def test_bars_are_as_long_as_their_values() -> None:
    """Bars share one scale: half the value is half the length, and the interval lies on the same scale."""
    chart = plots.bar_chart("t", [plots.Bar("a", 1.0), plots.Bar("b", 0.5, 0.25, 0.75)], maximum=1.0)
    widths = [float(width) for width in re.findall(r'<rect x="[^"]+" y="[^"]+" width="([^"]+)"', chart)]
    assert widths[1] == pytest.approx(widths[0] / 2, abs=0.1)
    low, high = (float(x) for x in re.findall(r'<line x1="([^"]+)"[^>]*x2="([^"]+)"[^>]*whisker', chart)[0])
    assert high - low == pytest.approx(widths[0] / 2, abs=0.2)


@given(st.lists(st.floats(0.001, 1e6), max_size=500))
def test_a_distribution_rises_to_one(values: list[float]) -> None:
    """The empirical distribution is monotone, ends at one, and has few points."""
    points = plots.cdf("c", values).points
    assert len(points) <= 500
    assert list(points) == sorted(points)
    if values:
        assert points[-1] == (max(values), 1.0)


@pytest.mark.parametrize("values", [[], [5.0], [0.0, 0.0], [1e-9, 1e9]])
def test_plots_of_few_or_extreme_values_are_drawn(values: list[float]) -> None:
    """Plots of nothing, of one value, of equal and of extreme values have finite coordinates."""
    plot = plots.line_plot("t", [plots.cdf("c", values)], log_x=True, y_max=1.0)
    bars = plots.bar_chart("t", [plots.Bar(str(value), value) for value in values])
    assert "nan" not in plot + bars
    assert "inf" not in plot + bars
