"""Files of certificates are read within bounds, whatever stands where they should be, and written whole."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from bartizan.policies.lean.certificates.certificate import BadCertificate, Certificate, parse_certificate
from bartizan.policies.lean.certificates.files import (
    MAX_CERTIFICATE,
    MAX_PROOF,
    certificate_of,
    proof_of,
    read_bounded,
    read_pair,
    write_pair,
)

GOOD = {
    "format": "bartizan-certificate",
    "version": 1,
    "policy": {"name": "p", "hash": "a" * 64},
    "schema": "b" * 64,
    "semantics": 1,
    "theory": "c" * 64,
    "proof": {"digest": "d" * 64, "bytes": 3, "constant": "P.policy"},
}


def test_the_files_lie_beside_the_policy() -> None:
    """``policy.yaml`` has ``policy.cert.json`` and ``policy.proof.ndjson``, with folders and dots kept."""
    assert certificate_of(Path("a/b.c.yaml")) == Path("a/b.c.cert.json")
    assert certificate_of(Path("p.yml")) == Path("p.cert.json")
    assert proof_of(Path("a/b.c.cert.json")) == Path("a/b.c.proof.ndjson")


def test_a_certificate_comes_back_as_it_was() -> None:
    """What is written is read as an equal certificate, and written as the same bytes."""
    certificate = parse_certificate(json.dumps(GOOD).encode())
    assert parse_certificate(certificate.to_bytes()) == certificate
    assert parse_certificate(certificate.to_bytes()).to_bytes() == certificate.to_bytes()
    assert certificate.digest == parse_certificate(certificate.to_bytes()).digest


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"a": 1, "a": 1}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        json.dumps({**GOOD, "version": 2}).encode(),
        json.dumps({**GOOD, "version": "1"}).encode(),
        json.dumps({**GOOD, "version": True}).encode(),
        json.dumps({**GOOD, "semantics": 1.0}).encode(),
        json.dumps({**GOOD, "semantics": -1}).encode(),
        json.dumps({**GOOD, "more": 1}).encode(),
        json.dumps({**GOOD, "theory": "C" * 64}).encode(),
        json.dumps({**GOOD, "theory": "c" * 63}).encode(),
        json.dumps({**GOOD, "policy": "p"}).encode(),
        json.dumps({**GOOD, "theorems": {}}).encode(),
        json.dumps({**GOOD, "theorems": [1]}).encode(),
        json.dumps({**GOOD, "signature": {"key_id": "k", "key": "0" * 64, "signature": ""}}).encode(),
        json.dumps({k: v for k, v in GOOD.items() if k != "proof"}).encode(),
        b'{"format": NaN}',
        b'{"format": "\\ud800"}',
    ],
    ids=range(22),
)
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    """Wrong types, unknown keys, depth without end, duplicate keys, bytes that are no text: one error, no crash."""
    with pytest.raises(BadCertificate, match="expected"):
        parse_certificate(data)


def test_only_regular_files_of_a_bounded_size_are_read(tmp_path: Path) -> None:
    """A folder, a pipe, a device and 100 MB are refused at once; a link to a file is followed."""
    with pytest.raises(IsADirectoryError):
        read_bounded(tmp_path, 10)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadCertificate, match="regular file"):
        read_bounded(tmp_path / "pipe", 10)
    with pytest.raises(BadCertificate, match="regular file"):
        read_bounded(Path("/dev/zero"), 10)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(100 << 20)
    for most in (MAX_CERTIFICATE, MAX_PROOF):
        with pytest.raises(BadCertificate, match="at most"):
            read_bounded(tmp_path / "large", most)
    (tmp_path / "small").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to("small")
    assert read_bounded(tmp_path / "link", 10) == b"0123456789"
    with pytest.raises(BadCertificate, match="at most"):
        read_bounded(tmp_path / "link", 9)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        read_bounded(tmp_path / "loop", 10)


def test_a_link_where_a_certificate_is_written_is_replaced(tmp_path: Path) -> None:
    """What the link points to stays as it is: writing a certificate overwrites nothing elsewhere."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"keep me")
    target = tmp_path / "p.cert.json"
    target.symlink_to(precious)
    proof_of(target).symlink_to(precious)
    write_pair(target, b"certificate", b"proof")
    assert precious.read_bytes() == b"keep me"
    assert read_pair(target) == (b"certificate", b"proof")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.cert.json", "p.proof.ndjson", "precious"]


def test_a_pair_is_read_as_it_was_written(tmp_path: Path) -> None:
    """While somebody writes, a reader gets a certificate with its own proof, or a later proof that does not fit."""
    target = tmp_path / "p.cert.json"
    write_pair(target, b"0", b"0")
    written, enough = [0], threading.Event()

    def write() -> None:
        while not enough.is_set() or written[0] < 100:
            written[0] += 1
            write_pair(target, b"%d" % written[0], b"%d" % written[0])

    writer = threading.Thread(target=write)
    writer.start()
    pairs: list[tuple[bytes, bytes]] = []
    while len(pairs) < 100:
        try:
            pairs.append(read_pair(target))
        except BadCertificate:
            continue  # it was written all the time
    enough.set()
    writer.join()
    # the proof is there first: whoever reads it with the certificate before refuses the pair
    assert all(int(proof) - int(certificate) in (0, 1) for certificate, proof in pairs)
    assert read_pair(target) == (b"%d" % written[0], b"%d" % written[0])


def test_a_signature_is_of_everything_else() -> None:
    """The digest that is signed changes with every part but the signature, the message also with the key."""
    certificate = parse_certificate(json.dumps(GOOD).encode())
    changed = [
        {**GOOD, "semantics": 2},
        {**GOOD, "axioms": ["x"]},
        {**GOOD, "policy": {"name": "q", "hash": "a" * 64}},
    ]
    digests = {parse_certificate(json.dumps(each).encode()).digest for each in [GOOD, *changed]}
    assert len(digests) == 4
    signed = {**GOOD, "signature": {"key_id": "k", "key": "0" * 64, "signature": "0" * 128}}
    assert parse_certificate(json.dumps(signed).encode()).digest == certificate.digest
    assert (
        len(
            {
                certificate.message("k", "0" * 64),
                certificate.message("j", "0" * 64),
                certificate.message("k", "1" * 64),
            }
        )
        == 3
    )
    assert isinstance(certificate, Certificate)
