"""``bartizan certify`` and ``bartizan import-lean``: certificates of policies, and policies that come from Lean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bartizan.policies import CheckedPolicy
from bartizan.policies.diagnostics import visible
from bartizan.policies.lean.certificates.certificate import Answer, BadCertificate, Certificate, Checked
from bartizan.policies.lean.certificates.certify import Evidence, Further, Made, analysed
from bartizan.policies.lean.certificates.certify import certify as made_of
from bartizan.policies.lean.certificates.external import NoKernel, find_kernel, rejection
from bartizan.policies.lean.certificates.files import (
    MAX_PROOF,
    certificate_of,
    proof_of,
    read_bounded,
    write_pair,
)
from bartizan.policies.lean.certificates.importing import CannotImport, imported
from bartizan.policies.lean.certificates.levels import Level, Uncertified, assure

from ..assembly import requirement
from .asking import TIMEOUT, Files, Timeout, Tools, checked
from .console import err, give_up, out
from .vericoding import export_tasks

Out = Annotated[
    Path | None, typer.Option("--out", help="The folder to write to.", show_default="beside the policy")
]
Sign = Annotated[
    Path | None,
    typer.Option("--sign", help="Sign with this Ed25519 key (see audit keygen).", show_default=False),
]
AlsoAsk = Annotated[
    str | None,
    typer.Option("--kernel", help="Also have this kernel on PATH check the proof.", show_default=False),
]
Check = Annotated[
    Level | None,
    typer.Option("--check", help="Write nothing: check what is there at this level.", show_default=False),
]
Keys = Annotated[
    list[Path] | None,
    typer.Option("--key", help="With --check: a public key that must have signed it.", show_default=False),
]
Weaker = Annotated[
    bool, typer.Option("--accept-weaker", help="With --check: invariants may rest on a solver's answer.")
]
Vericoding = Annotated[
    Path | None,
    typer.Option(
        "--vericoding",
        help="Also write the specification and what the policies' invariants claim to this file, as tasks for provers.",
        show_default=False,
    ),
]
LeanProject = Annotated[
    Path | None,
    typer.Option(
        "--lean-project",
        help="With --vericoding: the folder policies/lean of Bartizan's sources.",
        show_default="in a checkout",
    ),
]


def certify(
    policies: Files,
    out_to: Out = None,
    tools: Tools = None,
    sign: Sign = None,
    timeout: Timeout = TIMEOUT,
    kernel: AlsoAsk = None,
    check: Check = None,
    key: Keys = None,
    accept_weaker: Weaker = False,
    vericoding: Vericoding = None,
    lean_project: LeanProject = None,
) -> None:
    """Prove what can be proved of policies in the kernel, and write certificates that others can check.

    Writes `policy.cert.json` and `policy.proof.ndjson`. Exit code 1: an invariant that nothing speaks for, or, with
    --check, a certificate that does not reach the level.
    """
    places = [_place(path, out_to) for path in policies]
    if twice := [str(where) for where in places if places.count(where) > 1]:
        give_up(f"{twice[0]}: two of these policies would have it as their certificate")
    good, found = True, []
    for path, where in zip(policies, places, strict=True):
        policy = checked(path, tools)
        found.append((policy, where))
        if check is not None:
            good = _holds(policy, where, check, key or [], accept_weaker, kernel) and good
        else:
            good = _write(policy, where, sign, timeout, kernel, Further()) and good
    if vericoding is not None:
        export_tasks(vericoding, found, lean_project)
    if not good:
        raise typer.Exit(1)


def import_lean(
    file: Annotated[
        Path, typer.Argument(help="An NDJSON file as lean4export writes them.", show_default=False)
    ],
    const: Annotated[str, typer.Option("--const", help="The constant of type Bartizan.Policy in it.")],
    out_to: Annotated[
        Path | None, typer.Option("--out", help="The policy file to write.", show_default="CONST.yaml")
    ] = None,
    axiom: Annotated[
        list[str] | None,
        typer.Option("--axiom", help="An axiom that the file may use; its theorems are then not taken over."),
    ] = None,
    sign: Sign = None,
    timeout: Timeout = TIMEOUT,
    kernel: AlsoAsk = None,
) -> None:
    """Take a policy from Lean: check the file in the kernel, decode the constant, write YAML with its certificate."""
    try:
        found = imported(read_bounded(file, MAX_PROOF), const, axiom or ())
    except OSError as error:
        give_up(f"cannot read {file}: {error.strerror or error}")
    except (BadCertificate, CannotImport) as error:
        give_up(str(error), 1)
    target = out_to or Path(f"{const}.yaml")
    try:
        target.write_text(found.text, encoding="utf-8")
    except OSError as error:
        give_up(f"cannot write {target}: {error.strerror or error}")
    policy = found.policy
    counts = f"{len(policy.tools)} tools, {len(policy.rules)} rules"
    out.print(
        f"[green]imported[/] {escape(visible(const))}: {escape(str(target))}, {counts}, policy {policy.hash[:12]}"
    )
    for theorem in found.further.theorems:
        out.print(f"  keeps   {escape(visible(theorem.name))}")
    for name in found.left:
        out.print(
            f"  left    {escape(visible(name))}: it rests on axioms, or on other definitions than the theory's"
        )
    if not _write(policy, certificate_of(target), sign, timeout, kernel, found.further):
        raise typer.Exit(1)


def _place(path: Path, folder: Path | None) -> Path:
    beside = certificate_of(path)
    if folder is not None:
        return folder / beside.name
    return beside if path.exists() else Path(beside.name)


def _write(
    policy: CheckedPolicy,
    where: Path,
    sign: Path | None,
    timeout: float,
    kernel: str | None,
    further: Further,
) -> bool:
    made = made_of(policy, _answers(timeout), further)
    if made.certificate is None:
        err.print(f"[red]not certified[/] {escape(visible(policy.name))}")
        for index, reason in sorted(made.unproved.items()):
            err.print(f"  {policy.invariants[index].written}: {reason}", markup=False)
        return False
    certificate = _asked_elsewhere(made, kernel)
    if sign is not None:
        certificate = _signed(certificate, sign)
    try:
        write_pair(where, certificate.to_bytes(), made.proof)
    except OSError as error:
        give_up(f"cannot write {where}: {error.strerror or error}")
    except BadCertificate as error:
        give_up(str(error))
    _told(certificate, where)
    return True


def _answers(timeout: float) -> Callable[[CheckedPolicy], Iterator[tuple[int, Evidence | str]]]:
    def answers(policy: CheckedPolicy) -> Iterator[tuple[int, Evidence | str]]:
        if find_spec("z3") is None:
            needs = "the kernel does not cover it, and the analyses need: pip install 'bartizan[prove]'"
            yield from ((index, needs) for index in range(len(policy.invariants)))
            return
        from bartizan.policies.analysis import Budget, Options, prove  # an extra of its own
        from bartizan.policies.analysis.solve import SolveError

        solver = f"z3 {version('z3-solver')}"
        try:
            yield from analysed(policy, prove(policy, Options(Budget(seconds=timeout))), solver)
        except SolveError as error:
            give_up(f"internal error of the analysis ({type(error).__name__}), please report it: {error}")

    return answers


def _asked_elsewhere(made: Made, kernel: str | None) -> Certificate:
    certificate = made.certificate
    assert certificate is not None
    if kernel is None:
        return certificate
    try:
        other = find_kernel([kernel])
    except NoKernel as error:
        give_up(str(error))
    if (reason := rejection(other, made.proof)) is not None:
        give_up(f"another kernel does not accept the proof: {reason}", 1)
    asked = Checked(name=other.name, version="on PATH", verdict="accepted")
    return certificate.model_copy(update={"checkers": (*certificate.checkers, asked)})


def _signed(certificate: Certificate, path: Path) -> Certificate:
    try:
        from bartizan.integrations.signing import BadKey, Ed25519Signer  # an extra of its own
    except ImportError as error:
        give_up(str(error))
    try:
        signer = Ed25519Signer.load(path)
    except (OSError, BadKey) as error:
        give_up(f"cannot sign: {error}")
    return certificate.signed(signer, signer.public)


def _told(certificate: Certificate, where: Path) -> None:
    signed = f", signed by {certificate.signature.key_id}" if certificate.signature is not None else ""
    out.print(
        f"[green]certified[/] {escape(str(where))}: policy {certificate.policy.hash[:12]}, "
        f"{len(certificate.theorems)} theorems, {len(certificate.facts)} facts, proof "
        f"{escape(proof_of(where).name)} ({certificate.proof.bytes >> 10} KiB){signed}"
    )
    for covered in certificate.invariants:
        if covered.theorems:
            how = "kernel  " if not _assumes(certificate, covered.theorems) else "kernel*  "
        else:
            how = "answer  " if isinstance(covered.evidence[0], Answer) else "session "
        out.print(f"  {how.strip():8}{visible(covered.written)}", markup=False)
    if certificate.facts:
        out.print("  * given facts about leaves, which are checked in Python:")
        for fact in certificate.facts:
            out.print(f"      {fact.reason:8}  {visible(fact.tool)}: {visible(fact.english)}", markup=False)


def _assumes(certificate: Certificate, names: tuple[str, ...]) -> bool:
    return any(theorem.facts for theorem in certificate.theorems if theorem.name in names)


def _holds(
    policy: CheckedPolicy, where: Path, level: Level, keys: list[Path], weaker: bool, kernel: str | None
) -> bool:
    try:
        required = requirement(
            level, where, keys, weaker="accept" if weaker else "refuse", kernel=[kernel] if kernel else ()
        )
        found = assure(policy, required)
    except (OSError, ValueError, ImportError) as error:
        give_up(str(error))
    except Uncertified as error:
        err.print(f"{where}: {error}", markup=False, style="red")
        return False
    out.print(f"[green]ok[/] {escape(str(where))}: {found.name}")
    return True
