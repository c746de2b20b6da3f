"""Suggestions: the tightest policy that an observed log allows, and tests that a policy deserves.

``privilege`` narrows allow rules to what was observed (``hull`` and ``texts`` say to what, ``edit`` writes it into the
file). ``tests`` finds a call for each thing that a policy distinguishes (``goals`` lists them, ``bench`` replays).
"""

from __future__ import annotations
