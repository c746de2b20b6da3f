"""The certificate of a policy: what is proved of it, by what, and which policy exactly it is about.

A certificate is data that nobody believes: :mod:`.levels` says what is checked of it, and how. It names the policy
by the hash of its canonical AST, theory and proof by their digests, and for every invariant the theorem that covers
it, or what speaks for it instead. Nothing in it depends on when or where it was made.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bartizan.guard import BartizanError, MalformedJSON, Signer, Verifier
from bartizan.guard.canonical import canonical_json, digest_of, parse_json

VERSION = 1
MAX_DEPTH = 256
"""How deep a certificate's JSON may be nested: conditions stand in it as syntax trees."""
_DOMAIN = b"bartizan certificate 1\n"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Index = Annotated[int, Field(ge=0)]


class BadCertificate(BartizanError):
    """This is no certificate: where, and what was expected."""


class Mismatch(Exception):
    """A part of a certificate is not as it must be: what, and what to do where it is not to certify again."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class About(_Closed):
    """The policy: ``hash`` is that of its canonical AST."""

    name: str
    hash: Digest


class Proof(_Closed):
    """The file beside the certificate, as lean4export writes them. ``constant`` is the policy in it."""

    digest: Digest
    bytes: Index
    constant: str


class Theorem(_Closed):
    """A theorem of the proof, about the policy that ``constant`` is.

    ``statement`` is the digest of its type, ``facts`` those that it assumes of leaves, by position.
    """

    name: str
    constant: str
    statement: Digest
    english: str
    facts: tuple[Index, ...] = ()


class Part(_Closed):
    """A condition (the JSON of a checked AST) and a value that it cannot have together with the other parts'."""

    condition: dict[str, Any]
    value: bool


class Fact(_Closed):
    """What a theorem assumes of leaves, in calls of ``tool``; see :mod:`~..proving.facts` for the reasons.

    Of a language, ``states`` is the size of the closed set of derivatives and ``closed`` its digest; a small one stands
    in ``derivatives``.
    """

    english: str
    tool: str
    parts: tuple[Part, ...]
    reason: Literal["language", "law", "tool", "stage", "sum", "element"]
    states: Index = 0
    closed: Digest | None = None
    derivatives: tuple[str, ...] = ()


class Answer(_Closed):
    """What an analysis said: by which solver, and how."""

    kind: Literal["answer"] = "answer"
    solver: str
    version: str
    how: str


class Shown(_Closed):
    """A session, as an entry of a policy's tests, in which what is claimed to be possible happens."""

    kind: Literal["session"] = "session"
    case: dict[str, Any]


Evidence = Annotated[Answer | Shown, Field(discriminator="kind")]


class Covered(_Closed):
    """An invariant, in the words of its file: the theorems that prove it, one a tool, or else the evidence."""

    index: Index
    kind: Literal["never", "possible", "always-within", "without"]
    written: str
    theorems: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class Checked(_Closed):
    """Who checked the proof when the certificate was made. Told to people; no level believes it."""

    name: str
    version: str
    verdict: Literal["accepted"]


class Signature(_Closed):
    """An Ed25519 signature of everything else. ``key`` is the public key, 32 bytes in hexadecimal."""

    key_id: str
    key: Digest
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class Certificate(_Closed):
    """What stands in ``policy.cert.json``."""

    format: Literal["bartizan-certificate"] = "bartizan-certificate"
    version: Annotated[int, Field(ge=VERSION, le=VERSION)] = VERSION
    policy: About
    schema_: Digest = Field(alias="schema")
    semantics: Index
    theory: Digest
    proof: Proof
    axioms: tuple[str, ...] = ()
    theorems: tuple[Theorem, ...] = ()
    facts: tuple[Fact, ...] = ()
    invariants: tuple[Covered, ...] = ()
    checkers: tuple[Checked, ...] = ()
    signature: Signature | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of everything but the signature: names the certificate, whoever signed it."""
        plain = _plain(self.model_copy(update={"signature": None}))
        return digest_of(canonical_json(plain, max_depth=MAX_DEPTH))

    def message(self, key_id: str, key: str) -> bytes:
        """The bytes that the key signs: everything, and which key it is."""
        return _DOMAIN + canonical_json({"certificate": self.digest, "key": key, "key_id": key_id})

    def signed(self, signer: Signer, key: bytes) -> Certificate:
        """The certificate with a signature by ``signer``, whose public key is ``key``."""
        signature = signer.sign(self.message(signer.key_id, key.hex())).hex()
        made = Signature(key_id=signer.key_id, key=key.hex(), signature=signature)
        return self.model_copy(update={"signature": made})

    def is_signed_by(self, key: Verifier) -> bool:
        """Whether there is a signature, and it is that key's of exactly this certificate."""
        found = self.signature
        if found is None or found.key_id != key.key_id:
            return False
        return key.verify(self.message(found.key_id, found.key), bytes.fromhex(found.signature))

    def to_bytes(self) -> bytes:
        """The file: indented, keys sorted, so that a change of one line is one line."""
        text = json.dumps(_plain(self), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()


def parse_certificate(data: bytes) -> Certificate:
    """The certificate that a file holds. Raises :class:`BadCertificate`."""
    try:
        return Certificate.model_validate(_tuples(parse_json(data, max_depth=MAX_DEPTH)))
    except MalformedJSON as error:
        raise BadCertificate(f"expected a certificate in JSON: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise BadCertificate(f"expected a certificate: {place}: {first['msg']}") from error


def _tuples(value: Any) -> Any:
    """Arrays as tuples, which strict models ask for, except in what is JSON for its own sake."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: item if key in ("case", "condition") else _tuples(item) for key, item in value.items()}
    return value


def _plain(certificate: Certificate) -> dict[str, Any]:
    plain: dict[str, Any] = certificate.model_dump(mode="json", by_alias=True)
    return plain
