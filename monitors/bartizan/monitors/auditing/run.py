"""The run behind ``bartizan monitors audit BASE TUNED...``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bartizan.monitors.capture import Fingerprint, HookPoint
from bartizan.monitors.reader import Reader
from bartizan.monitors.sae import SparseAutoencoder

from .drift import checked_settings, drift
from .errors import AuditError
from .permutation import enough_prompts
from .reading import Checkpoint, State, encoder, read_state
from .rebound import rebound
from .report import AuditReport, CheckpointAudit
from .survival import Promised, episode_p_values, survival

Progress = Callable[[str, int, int], None]
"""Told a checkpoint's name, how many prompts of it are read, and how many there are."""


def audit(
    base: Checkpoint,
    tuned: Sequence[Checkpoint],
    *,
    sae: SparseAutoencoder,
    hook_point: HookPoint,
    general: Sequence[str],
    specific: Sequence[str],
    features: Sequence[int] | None = None,
    n: int = 5,
    alpha: float = 0.05,
    permutations: int | None = None,
    seed: int = 0,
    aligned: str | None = None,
    promised: Promised | None = None,
    progress: Progress = lambda name, done, total: None,
) -> AuditReport:
    """Compare each tuned checkpoint with the base: features, and what a probe promised if there is one.

    ``general`` prompts are about anything, ``specific`` ones about what the tuning may have changed. With ``aligned``,
    the name of one of the checkpoints, those after it are judged for rebound. One model is in memory at a time.
    Raises :class:`AuditError`.
    """
    names = [base.name, *(one.name for one in tuned)]
    if not tuned or len(set(names)) != len(names):
        raise AuditError(
            f"expected at least one tuned checkpoint, each under a name of its own, found {names}"
        )
    if aligned is not None and aligned not in names[1:]:
        raise AuditError(f"aligned: expected one of {', '.join(names[1:])}, found {aligned!r}")
    checked_settings(n, alpha, permutations)
    enough_prompts(general=len(general), specific=len(specific))
    encoder(sae, features)  # features that do not exist are found now, not after hours
    indices = tuple(range(sae.config.d_sae)) if features is None else tuple(features)
    total = len(general) + len(specific)

    def state_of(name: str, reader: Reader) -> State:
        try:
            return read_state(
                reader, general, specific, sae=sae, hook_point=hook_point, features=features, n=n,
                progress=lambda done: progress(name, done, total),
            )  # fmt: skip
        except AuditError as error:
            raise AuditError(f"{name}: {error}") from error

    reader = base.load()
    other: Sequence[str] = ()
    before = state_of(base.name, reader)
    caught: dict[str, float] = {}
    if promised is not None:
        other = Fingerprint.of(promised.probe.card.fingerprint).mismatch(reader.fingerprint)
        caught = episode_p_values(reader, promised.probe, promised.attacks)
    del reader
    audits, tops = [], {base.name: [prompt.top for prompt in before.specific]}
    for one in tuned:
        reader = one.load()
        _same_tokens(before, one.name, reader)
        after = state_of(one.name, reader)
        tops[one.name] = [prompt.top for prompt in after.specific]
        survived = None
        if promised is not None:
            survived = survival(
                promised, after.fingerprint, attacks_before=caught,
                benign=episode_p_values(reader, promised.probe, promised.benign),
                attacks_after=episode_p_values(reader, promised.probe, promised.attacks),
            )  # fmt: skip
        del reader
        found = drift(before, after, features=indices, alpha=alpha, permutations=permutations, seed=seed)
        differences = tuple(before.fingerprint.mismatch(after.fingerprint))
        audits.append(CheckpointAudit(one.name, differences, found, survived))
    rebounds = []
    if aligned is not None:
        later = [(name, tops[name]) for name in names[names.index(aligned) + 1 :]]
        rebounds = rebound(tops[base.name], tops[aligned], later, seed=seed)
    return AuditReport(
        base.name, str(hook_point), n, alpha, tuple(audits), aligned, tuple(rebounds), tuple(other)
    )


def _same_tokens(before: State, name: str, reader: Reader) -> None:
    if before.fingerprint.tokenizer != reader.fingerprint.tokenizer:
        raise AuditError(
            f"{name}: the checkpoints have different tokenizers: their tokens cannot be compared one by one"
        )
