"""The policies among the examples."""

from __future__ import annotations

from pathlib import Path


def example_policies(root: Path) -> list[str]:
    """Every example that says which version of the policy language it is in, relative to ``root``, in order.

    One that is no policy all the same fails whoever reads it.
    """
    found = sorted(
        str(path.relative_to(root))
        for path in (root / "examples").rglob("*.yaml")
        if "version: 1" in path.read_text(encoding="utf-8").splitlines()
    )
    assert len(found) >= 15
    return found
