"""``bartizan certify --vericoding``: the specification and policies as tasks for provers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.markup import escape

from bartizan.policies import CheckedPolicy
from bartizan.policies.lean.certificates.certificate import (
    BadCertificate,
    Certificate,
    Mismatch,
    parse_certificate,
)
from bartizan.policies.lean.certificates.files import MAX_CERTIFICATE, read_bounded
from bartizan.policies.lean.source.vericoding import (
    NoProject,
    default_project,
    policy_task,
    specification_tasks,
    write_tasks,
)

from .console import give_up, out


def export_tasks(target: Path, policies: Iterable[tuple[CheckedPolicy, Path]], project: Path | None) -> None:
    """Write the tasks; a policy's assumes the facts of the certificate beside it, if there is one."""
    folder = project or default_project()
    try:
        tasks = list(specification_tasks(folder))
        for policy, where in policies:
            task = policy_task(policy, _certificate(policy, where), folder)
            if task is not None:
                tasks.append(task)
        count = write_tasks(target, tasks)
    except (NoProject, Mismatch, BadCertificate) as error:
        give_up(str(error))
    except OSError as error:
        give_up(f"cannot write {target}: {error.strerror or error}")
    out.print(f"[green]wrote[/] {escape(str(target))}: {count} tasks")


def _certificate(policy: CheckedPolicy, where: Path) -> Certificate | None:
    if not where.exists():
        return None
    certificate = parse_certificate(read_bounded(where, MAX_CERTIFICATE))
    return certificate if certificate.policy.hash == policy.hash else None
