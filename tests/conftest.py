from __future__ import annotations

from hypothesis import settings

# No test asserts a time: a busy machine is no counterexample. A failure prints what reproduces it.
settings.register_profile("bartizan", deadline=None, print_blob=True)
settings.load_profile("bartizan")
