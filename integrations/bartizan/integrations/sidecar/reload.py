"""A changed policy comes into force while the service runs: read, admitted, and only then swapped, all at once.

A change that cannot be read or does not pass is refused: the policy before it goes on deciding, the refusal is logged,
counted (``bartizan.policy.reloads``) and shown with the policy. What belongs to a guard and not to its program does not
change with it: proposers and monitors are those the service was started with, so a signal that only the new policy
declares is missing until it is started again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from errno import EAGAIN, EINVAL
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import Literal

from opentelemetry import metrics

from bartizan.guard import semconv
from bartizan.guard.clock import now_us
from bartizan.policies import PolicyError, compile_policy, load_policy
from bartizan.policies.program import Program

from .admission import Refused, admit
from .config import Tenant
from .watched import Looks, Watched

log = logging.getLogger("bartizan.sidecar")

METRIC_RELOADS = "bartizan.policy.reloads"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The latest change of a policy, at ``time`` (microseconds since the epoch): taken, or why it was not."""

    time: int
    outcome: Literal["taken", "refused"]
    hash: str = ""
    detail: str = ""


@dataclass(slots=True)
class Reloader:
    """Changes of one tenant's policy. ``replace`` puts a program in force; ``current`` is the one in force.

    ``seen`` is what its files looked like before the first one was read: what was written since is a change.
    """

    tenant: str
    settings: Tenant
    current: Callable[[], Program]
    replace: Callable[[Program], None]
    seen: Looks = ()
    latest: Attempt | None = None
    meter: metrics.Meter | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _watched: Watched = field(init=False)

    def __post_init__(self) -> None:
        self._watched = Watched(self.settings)

    async def watch(self) -> None:
        """Look at the policy's files until cancelled. A pack of the library never changes.

        A change is taken once two looks find the same: half of a policy that is still being written may be a policy,
        too, and one without its last rules.
        """
        if not Path(self.settings.policy).suffix:
            return
        looked = self.seen
        while True:
            await asyncio.sleep(self.settings.reload.every)
            try:
                found = await asyncio.to_thread(self._watched.look)
            except OSError as error:  # this process has too many files open, for one: it is looked at again
                log.error("tenant %s: the policy's files cannot be looked at: %s", self.tenant, error)
                continue
            if found == looked != self.seen:
                self.seen = found
                await self.take(partial(self._read, found))
            looked = found

    async def take(self, read: Callable[[], Program], expected: str | None = None) -> Attempt:
        """Put what ``read`` gives in force if it may be. ``expected`` is the hash it must have.

        One change at a time; everything that takes long runs in a thread.
        """
        async with self._turn:
            try:
                program = await asyncio.to_thread(read)
                if expected is not None and program.hash != expected:
                    raise Refused(f"expected a policy with the hash {expected:.12}, found {program.hash:.12}")
                before = self.current()
                if program.hash == before.hash:
                    return Attempt(now_us(), "taken", program.hash, "it is in force already")
                await asyncio.to_thread(admit, program, before, self.settings)
            except (PolicyError, Refused, OSError) as error:
                self.latest = Attempt(now_us(), "refused", detail=str(error))
                log.error("tenant %s: a changed policy was refused:\n%s", self.tenant, error)
            except Exception:
                self.latest = Attempt(
                    now_us(), "refused", detail="it could not be read; see the log of the service"
                )
                log.exception("tenant %s: a changed policy could not be read", self.tenant)
            else:
                self.replace(program)
                self.latest = Attempt(now_us(), "taken", program.hash)
                log.info(
                    "tenant %s: policy %s is in force, before it %s", self.tenant, program.hash, before.hash
                )
            self._count(self.latest)
            return self.latest

    async def take_text(self, text: str, expected: str | None = None) -> Attempt:
        """As :meth:`take`, for a policy's text. Includes are looked for beside the policy in force."""
        return await self.take(lambda: compile_policy(text, self.settings.policy), expected)

    def _read(self, found: Looks) -> Program:
        """The program of the watched files. Raises as ``load_policy``, and ``OSError`` for what reading could wait for
        without end (nothing would be watched then, and nothing stopped) and for what was written meanwhile."""
        policy = self.settings.policy
        if not S_ISREG(Path(policy).stat().st_mode):
            raise OSError(EINVAL, "expected a file", policy)
        program = load_policy(policy)
        if self._watched.look() != found:
            raise OSError(EAGAIN, "it was written while it was read; it is looked at again", policy)
        return program

    def _count(self, attempt: Attempt) -> None:
        meter = self.meter or metrics.get_meter("bartizan.sidecar")
        counter = meter.create_counter(METRIC_RELOADS, "{change}", "Changed policies, by what became of them")
        counter.add(1, {semconv.TENANT: self.tenant, semconv.OUTCOME: attempt.outcome})
