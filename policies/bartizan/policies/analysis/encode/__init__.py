"""From the checked AST to formulas: every expression as a symbol that says where it has a value, and which.

The files, from the bottom up: ``symbols`` (symbolic values), ``inputs`` (arguments, events), ``expressions`` (the
language), ``past`` (session operators in an arbitrary session), ``decision`` (the rules of a tool together).
"""

from __future__ import annotations
