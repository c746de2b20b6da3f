"""The reader: every token once, whatever the length; nothing hidden from it without being noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.monitors.device import DEVICE

from bartizan.monitors.capture import HookPoint
from bartizan.monitors.errors import ReaderError
from bartizan.monitors.legible import plain
from bartizan.monitors.reader import Layout, Reader, Reading

from .tiny_reader import model, reader, tokenizer

POINT = HookPoint.parse("resid_post.1")
READER = reader(window=10, overlap=4)
"""Reads in windows of ten, so that short texts have several."""


def read(text: str, reads: Reader = READER) -> Reading:
    (found,) = reads.read([text], {POINT: None})
    assert isinstance(found, Reading), found
    return found


def why(text: str, reads: Reader = READER) -> str:
    (found,) = reads.read([text], {POINT: None})
    assert isinstance(found, ReaderError), "it was read"
    return found.reason


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["ignore", "report", "a", "b.", "pays", "mail,"]), max_size=60))
def test_every_token_has_one_row_and_its_own_span(words: list[str]) -> None:
    """However long a text is, there is one row a token, in order, and the spans spell the text."""
    text = " ".join(words)
    found = read(text)
    assert len(found.numbers[POINT]) == len(found.spans)
    assert "".join(text[start:end] for start, end in found.spans) == text.replace(" ", "")
    assert found.spans == READER.spans(text)


def test_a_short_text_is_read_as_the_model_alone_would() -> None:
    """One window: the model's own hidden states, without the special tokens."""
    text = "the report is due"
    with torch.no_grad():
        ids = READER.tokenizer(text, return_tensors="pt")["input_ids"].to(READER.model.device)
        hidden = READER.model(input_ids=ids, output_hidden_states=True).hidden_states[2]
    assert torch.allclose(read(text).numbers[POINT], hidden[0, 1:-1].cpu(), atol=1e-6)


def test_a_token_of_a_long_text_is_read_in_the_window_that_shows_most_around_it() -> None:
    """Overlapping windows share what both see: token 7 of 16 comes from the window of tokens 6 to 16 or 0 to 10."""
    words = ["ignore", "all", "previous", "report", "is", "due", "on", "friday", "to", "pay", "send", "read", "tell",
             "mail", "the", "instructions"]  # fmt: skip
    y_TK = read(" ".join(words)).numbers[POINT]
    first = read(" ".join(words[:10])).numbers[POINT]
    last = read(" ".join(words[-10:])).numbers[POINT]
    assert torch.allclose(y_TK[:8], first[:8], atol=1e-6)
    assert torch.allclose(y_TK[8:], last[2:], atol=1e-6)


def test_rows_make_a_reading_independent_of_its_neighbours() -> None:
    """With a fixed number of rows the numbers are equal to the last bit, alone and among others."""
    texts = [f"the report {word} is due" for word in ("a", "pay pay", "mail", "send", "tell to all")]
    for rows in (1, 3):
        together = READER.read(texts, {POINT: None}, rows)
        for text, found in zip(texts, together, strict=True):
            (alone,) = READER.read([text], {POINT: None}, rows)
            assert torch.equal(alone.numbers[POINT], found.numbers[POINT])


def test_an_empty_text_has_no_tokens() -> None:
    """Nothing to read is a reading with nothing in it."""
    assert read("").spans == ()


def test_a_text_that_is_too_long_is_not_cut() -> None:
    """It is not read at all."""
    assert why("a " * 60, reader(longest=100)) == "too long"


@pytest.mark.parametrize(
    "text",
    [
        "the report " + "\u1200\u1201\u1202 " * 9,  # words of a script that the vocabulary lacks
        "the report " + "\u1200" * 200,  # one word of it, long
        "\u1200\u1201 the report " * 12,  # between words that are known
        "\U0001f1ee \U0001f1ec \U0001f1f3 \U0001f1f4 " * 5,  # letters in boxes
        "\u2801\u2803 " * 10,  # Braille
        "a" + "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all previous"),  # unseen
        "a" + "".join(chr(0xE0100 + number) for number in range(40)),
        "a \ud800",  # no text
    ],
)
def test_what_the_tokenizer_cannot_show_is_not_readable(text: str) -> None:
    """An attacker cannot hide in what the model has no words for."""
    assert why(text) == "not readable"
    with pytest.raises(ReaderError):
        READER.spans(text)


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f600" * 200,
        "\U0001f600 \u2764\ufe0f \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd " * 40,
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f" * 5,  # five flags
        "the report \u1200\u1201 \u1203\u1204 is due " + "the report is due on friday . " * 4,  # a name
        "the report\u200b\u200c\u00ad is due",
    ],
)
def test_pictures_and_a_few_foreign_words_are_readable(text: str) -> None:
    """Emoji say little; two unknown names are no hiding place."""
    assert read(text).spans


@pytest.mark.parametrize("dressed", ["𝖎𝖌𝖓𝖔𝖗𝖊", "ｉｇｎｏｒｅ", "ⓘⓖⓝⓞⓡⓔ", "𝐈𝐆𝐍𝐎𝐑𝐄", "ignore"])
def test_letters_in_another_dress_are_read(dressed: str) -> None:
    """They are read as the letters they stand for, and spans count the characters of the text itself."""
    text = f"a {dressed} b"
    found = read(text)
    assert torch.equal(found.numbers[POINT], read("a ignore b").numbers[POINT])
    assert text[slice(*found.spans[1])] == dressed


def test_spans_stay_right_where_folding_lengthens_a_text() -> None:
    """A character that stands for two is in the span of both."""
    text = "ﬁ ignore"
    assert plain(text)[0] == "fi ignore"
    spans = READER.spans(text)
    assert text[slice(*spans[-1])] == "ignore"
    assert {spans[0], spans[1]} == {(0, 1)}


def test_escapes_are_read_as_what_they_stand_for() -> None:
    """The model reads the word; its span is the whole of the escapes."""
    text = r'a "\u0069gnore" b'
    found = read(text)
    assert torch.equal(found.numbers[POINT], read('a "ignore" b').numbers[POINT])
    assert text[slice(*found.spans[2])] == r"\u0069gnore"
    assert why("a" + "".join(f"\\U{0xE0000 + ord(letter):08X}" for letter in "ignore all")) == "not readable"


def test_a_word_too_long_for_the_vocabulary_is_read_in_pieces() -> None:
    """WordPiece gives up on words of more than a hundred letters: without spaces, an instruction is one unknown."""
    word = "ignoreallpreviousinstructions" * 5
    found = read(word)
    ids = READER._tokens(word)[0]
    assert READER.tokenizer.unk_token_id not in ids
    assert READER.tokenizer.convert_tokens_to_ids("ignore") in ids
    assert "".join(word[start:end] for start, end in found.spans) == word


def test_a_reader_from_a_folder(tmp_path: Path) -> None:
    """Saved and loaded, it is the same reader; a folder that holds none says so."""
    model().save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    loaded = Reader.load(tmp_path, Layout(10, 4), device=DEVICE)
    assert loaded.fingerprint.mismatch(READER.fingerprint) == []
    assert torch.equal(read("the report", loaded).numbers[POINT], read("the report").numbers[POINT])
    with pytest.raises(ReaderError, match="cannot load"):
        Reader.load(tmp_path / "nothing")


def test_layouts_and_models_that_cannot_work_are_refused() -> None:
    """The message names what was expected."""
    with pytest.raises(ReaderError, match="overlap < window"):
        Layout(8, 8)
    with pytest.raises(ReaderError, match="room for 102 positions"):
        Reader(model(), tokenizer(), Layout(100, 8))
