"""A callback handler that sees every run: which one it is, how it was resumed, and tools that nobody let go.

Wrappers stand in front of the tools of a ToolNode. A tool that another tool or a node's own code calls goes past
them, and LangChain's callbacks are the only place where it still shows: before its body runs.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from .errors import UnguardedToolCall
from .grants import current

MAX_RUNS = 65_536
"""How many open runs are followed; runs that end without telling (cancelled ones may) are forgotten at last."""

log = logging.getLogger("bartizan.langgraph")


class RunObserver(BaseCallbackHandler):
    """Attached by ``LangGraphGuard.wrap``; for other graphs, pass it as ``config={"callbacks": guard.callbacks()}``.

    ``unguarded`` says what happens to a tool that starts without a decision: ``"deny"`` raises
    :class:`UnguardedToolCall` before its body runs, ``"record"`` lets it run. Either way it is logged as an
    error and kept in :attr:`alarms`.
    """

    raise_error = True
    run_inline = True

    def __init__(self, owner: object, unguarded: Literal["deny", "record"] = "deny") -> None:
        self.alarms: deque[UnguardedToolCall] = deque(maxlen=1000)
        self._owner = owner
        self._deny = unguarded == "deny"
        self._roots: OrderedDict[UUID, UUID] = OrderedDict()
        self._resumed: OrderedDict[UUID, Any] = OrderedDict()

    def root_of(self, config: RunnableConfig) -> UUID | None:
        """The outermost run (one ``invoke`` of the graph) that a configuration belongs to, where it is known."""
        parent = getattr(config.get("callbacks"), "parent_run_id", None)
        return self._roots.get(parent) if parent is not None else None

    def resume_value(self, config: RunnableConfig) -> Any:
        """The value of the ``Command(resume=value)`` by which this run was started; ``None`` if it was not."""
        root = self.root_of(config)
        return self._resumed.get(root) if root is not None else None

    def forget_resume_value(self, config: RunnableConfig) -> None:
        """A resume value answers one question."""
        root = self.root_of(config)
        if root is not None:
            self._resumed.pop(root, None)

    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        if self._started(run_id, parent_run_id) == run_id and isinstance(inputs, Command):
            self._resumed[run_id] = inputs.resume
            while len(self._resumed) > MAX_RUNS:
                self._resumed.popitem(last=False)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self._ended(run_id)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self._ended(run_id)

    def on_tool_start(
        self,
        serialized: dict[str, Any] | None,
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        inputs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self._started(run_id, parent_run_id)
        tool = str((serialized or {}).get("name", ""))
        grant = current(self._owner)
        if grant is not None and grant.covers(tool, inputs, run_id):
            return
        inside = f" inside {grant.call.tool!r}" if grant is not None else ""
        alarm = UnguardedToolCall(
            f"tool {tool!r} started{inside} without a decision: guard it with guard_tools(), or call it through a "
            "ToolNode of a wrapped graph"
        )
        self.alarms.append(alarm)
        log.error("%s", alarm)
        if self._deny:
            self._ended(run_id)
            raise alarm

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        self._ended(run_id)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        self._ended(run_id)

    def _started(self, run_id: UUID, parent_run_id: UUID | None) -> UUID:
        root = self._roots.get(parent_run_id, run_id) if parent_run_id is not None else run_id
        self._roots[run_id] = root
        while len(self._roots) > MAX_RUNS:
            self._roots.popitem(last=False)
        return root

    def _ended(self, run_id: UUID) -> None:
        self._roots.pop(run_id, None)
        self._resumed.pop(run_id, None)
