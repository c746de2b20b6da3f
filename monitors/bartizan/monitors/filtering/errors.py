"""What goes wrong when data is filtered.

::

    FilterError            the run cannot start or go on: arguments, files, autoencoder
    └── MalformedSample    one row cannot be read; it is kept aside with its line number, and the run goes on
"""

from __future__ import annotations

from bartizan.guard.errors import BartizanError


class FilterError(BartizanError):
    """The run cannot start or go on; the message says what to change."""


class MalformedSample(FilterError):
    """A row that cannot be scored."""
