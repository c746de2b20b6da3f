"""Reports of the analyses: for people, for machines, for code scanning (SARIF), for GitHub's log.

Policies and witnesses are written by others: each format shows what they hold and lets none of it act.
"""

from __future__ import annotations
