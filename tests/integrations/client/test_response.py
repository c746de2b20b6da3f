"""Responses from bytes: strict, and the same in any pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.integrations.client import BadAnswer
from bartizan.integrations.client.response import MAX_HEAD, Response, ResponseParser

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
LENGTH = HEAD + b"content-length: 7\r\n\r\n" + b'{"a":1}'
CHUNKS = HEAD + b'transfer-encoding: chunked\r\n\r\n2\r\n{"\r\n5\r\na":1}\r\n0\r\n\r\n'
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"

BROKEN = {
    "another version": LENGTH.replace(b"1.1", b"1.0"),
    "no version": LENGTH.replace(b"HTTP/1.1 ", b""),
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n" + LENGTH,
    "a switch of protocols": LENGTH.replace(b"200", b"101"),
    "a status of four digits": LENGTH.replace(b"200", b"2000"),
    "a status that is no number": LENGTH.replace(b"200", b"2x0"),
    "a status without a space after it": LENGTH.replace(b"200 OK", b"200"),
    "neither length nor chunks": HEAD + b'\r\n{"a":1}',
    "both length and chunks": HEAD + b"content-length: 7\r\ntransfer-encoding: chunked\r\n\r\n",
    "two lengths": LENGTH.replace(b"content-length: 7", b"content-length: 7\r\ncontent-length: 7"),
    "two lengths in one line": LENGTH.replace(b": 7", b": 7, 7"),
    "a signed length": LENGTH.replace(b": 7", b": +7"),
    "a negative length": LENGTH.replace(b": 7", b": -7"),
    "a length in other digits": LENGTH.replace(b": 7", b": \xb27"),
    "an empty length": LENGTH.replace(b": 7", b": "),
    "too long a body announced": LENGTH.replace(b": 7", b": 1001"),
    "a length of many digits": LENGTH.replace(b": 7", b": " + b"0" * 20 + b"7"),
    "a compressed body": LENGTH.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n"),
    "a coding on top of chunks": CHUNKS.replace(b": chunked", b": gzip, chunked"),
    "a folded header": LENGTH.replace(b"content-type: ", b"content-type:\r\n  "),
    "a space before the colon": LENGTH.replace(b"content-length:", b"content-length :"),
    "a header without a name": LENGTH.replace(b"content-type:", b":"),
    "a header without a colon": LENGTH.replace(b"content-type: ", b"content-type "),
    "a bare line feed": LENGTH.replace(b"json\r\n", b"json\n"),
    "a bare carriage return": LENGTH.replace(b"json\r\n", b"json\r"),
    "a NUL in a header": LENGTH.replace(b"json", b"js\0n"),
    "two types": LENGTH.replace(b"content-length", b"content-type: text/html\r\ncontent-length"),
    "a head without an end": HEAD + b"a: " + b"b" * MAX_HEAD,
    "more than was announced": LENGTH + b" ",
    "a second answer": LENGTH + LENGTH,
    "a chunk with an extension": CHUNKS.replace(b"2\r\n", b"2;a=b\r\n"),
    "a chunk without a size": CHUNKS.replace(b"2\r\n", b"\r\n"),
    "a chunk with 0x": CHUNKS.replace(b"\r\n2\r\n", b"\r\n0x2\r\n"),
    "a chunk of a negative size": CHUNKS.replace(b"\r\n2\r\n", b"\r\n-2\r\n"),
    "a chunk longer than it says": CHUNKS.replace(b"\r\n2\r\n", b"\r\n1\r\n"),
    "a chunk beyond the bound": CHUNKS.replace(b"\r\n2\r\n", b"\r\n3e9\r\n"),
    "a chunk of an enormous size": CHUNKS.replace(b"\r\n2\r\n", b"\r\n" + b"f" * 20 + b"\r\n"),
    "a trailer": CHUNKS.replace(b"0\r\n\r\n", b"0\r\na: b\r\n\r\n"),
    "a body where there is none": EMPTY.replace(b"\r\n\r\n", b"\r\ncontent-length: 1\r\n\r\nx"),
    "something else": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
}


def fed(data: bytes, *cuts: int) -> Response | None:
    """What a parser gives when the data comes in pieces, cut at these places."""
    parser, response = ResponseParser(1000), None
    places = [0, *sorted(cuts), len(data)]
    for begin, end in pairwise(places):
        if response is not None and begin < end:
            raise BadAnswer("bytes after the answer")  # the connection refuses these
        if begin < end:
            response = parser.feed(data[begin:end])
    return response


@pytest.mark.parametrize("data", [LENGTH, CHUNKS])
def test_a_body_is_read_by_its_length_or_in_chunks(data: bytes) -> None:
    """Both ways to say where a body ends are understood."""
    response = fed(data)
    assert response is not None
    assert (response.status, response.body, response.reusable) == (200, b'{"a":1}', True)
    assert response.headers["content-type"] == "application/json"


def test_an_empty_answer_has_no_body() -> None:
    """A status that has no body needs no length."""
    response = fed(EMPTY)
    assert response is not None and (response.status, response.body) == (204, b"")


def test_a_connection_that_is_announced_to_close_is_not_used_again() -> None:
    """``Connection: close`` is respected, whatever else the header says."""
    response = fed(LENGTH.replace(b"content-length", b"Connection: Upgrade, Close\r\ncontent-length"))
    assert response is not None and not response.reusable


@pytest.mark.parametrize("name", BROKEN)
def test_what_readers_could_read_differently_is_no_answer(name: str) -> None:
    """Anything odd is refused, never repaired, and never given as a response."""
    with pytest.raises(BadAnswer):
        fed(BROKEN[name])


@given(st.sampled_from([LENGTH, CHUNKS, EMPTY]), st.lists(st.integers(0, 160), max_size=6))
def test_pieces_do_not_matter(data: bytes, cuts: list[int]) -> None:
    """The same bytes in other pieces are the same response."""
    assert fed(data, *(min(cut, len(data)) for cut in cuts)) == fed(data)


@given(st.sampled_from(sorted(BROKEN)), st.lists(st.integers(0, 200), max_size=6))
def test_what_is_refused_is_refused_in_any_pieces(name: str, cuts: list[int]) -> None:
    """No cutting makes an answer of what is none: it is refused, or still waited for when its end is missing."""
    data = BROKEN[name]
    try:
        response = fed(data, *(min(cut, len(data)) for cut in cuts))
    except BadAnswer:
        return
    assert response is None


@given(st.integers(0, len(CHUNKS) - 1))
def test_half_an_answer_is_none(length: int) -> None:
    """A beginning of a response is waited for, whatever it holds."""
    assert fed(CHUNKS[:length]) is None


@given(st.binary(max_size=300))
def test_no_bytes_make_the_parser_fail_otherwise(data: bytes) -> None:
    """Whatever arrives, it is a response, the beginning of one, or refused."""
    try:
        fed(data)
    except BadAnswer:
        return
