"""Regular languages over Unicode text: the string side of the policy language.

One engine for both uses: at run time a lazily built automaton decides in linear time whether a text matches,
and at analysis time the same derivatives decide emptiness, inclusion and witnesses of Boolean combinations.
Python's ``re`` is not used: it backtracks, and its ``\\d`` and ``$`` mean more than they seem to.

The files, from the bottom up: ``charset`` (sets of characters), ``term`` and ``algebra`` (expressions), ``budget``
and ``derivative``. For run time: ``dfa`` (the matcher), ``occurrences`` (spans), ``hold_back`` (spans of a text that is
still arriving). For analysis: ``answers``,
``automata``, ``layers`` and ``product`` (automata of conjunctions), ``decide`` (the decision procedure, and the
words that it finds), ``lengths`` (the lengths of words), ``emptiness`` (of one language). Then ``charclass`` and
``parse`` (regex notation), ``language`` (the value that the others make), ``languages`` and ``domains`` (what
policies name).
"""

from __future__ import annotations

from .charclass import RegexError
from .domains import email_domain, host_under, path_under
from .language import Language
from .languages import contains, glob, ieq, literal, one_of, prefix, regex, suffix

__all__ = [
    "Language",
    "RegexError",
    "contains",
    "email_domain",
    "glob",
    "host_under",
    "ieq",
    "literal",
    "one_of",
    "path_under",
    "prefix",
    "regex",
    "suffix",
]
