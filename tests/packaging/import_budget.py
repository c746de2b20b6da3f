"""Importing the base must stay cheap. Run as a script, in any environment that has Bartizan installed."""

from __future__ import annotations

import sys

import bartizan.guard
import bartizan.monitors
import bartizan.policies

HEAVY = (
    "torch", "transformers", "z3", "cvc5", "langgraph", "langchain", "langchain_core", "redis", "numpy", "typer",
    "rich", "agentdojo", "opentelemetry.sdk", "hypothesis", "pytest",
)  # fmt: skip

if __name__ == "__main__":
    pulled = [name for name in HEAVY if name in sys.modules]
    if pulled:
        sys.exit(
            f"importing bartizan.guard, bartizan.policies and bartizan.monitors pulled in {', '.join(pulled)}"
        )
    assert bartizan.guard.__all__
    assert bartizan.policies.__all__
    assert bartizan.monitors.__all__
