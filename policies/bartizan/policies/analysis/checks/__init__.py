"""The analyses, one file each. Each asks its questions of a :class:`.study.Study` and yields findings."""

from __future__ import annotations
