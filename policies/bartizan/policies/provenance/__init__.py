"""Provenance: where does the value of an argument come from?

A session's events say what the user said (``prompt``) and what tools returned (``result``, labelled trusted or
untrusted by tool and by JSON path). Calls and the model's own text are no sources. :class:`Provenance` answers five
questions about a raw JSON value, each with True, False, or ``None``: the history was truncated and the answer depends
on what is missing (the policy language's E).

**Caution on both sides.** ``from_user``, ``from_tool`` and ``grounded`` are strict: true only on solid evidence.
``from_untrusted`` and ``carries_untrusted`` are liberal: true on any trace. All are total and deterministic.

* ``from_user(x)``: every element of x stands in a prompt.
* ``from_tool(x, tool)``: every element stands in successful results of the tool, whatever their label.
* ``grounded(x)``: every element stands in a prompt or in a successful trusted result.
* ``from_untrusted(x)``: some element leaves a trace in an untrusted result, errors included.
* ``carries_untrusted(x)``: x holds, in some text, an identifier (URL or host, e-mail or IP address, code or number of
  eight letters and digits or more, phone number, absolute path) that is not grounded, whether it leaves a trace in an
  untrusted result, was made up, was put together from pieces, or stands inside a leaf of a trusted one; or a run of
  eight words that an untrusted result has and no prompt and no trusted result. What merely looks like a file's name
  counts only if an untrusted result has it.

**Elements.** Lists and records are taken element by element. Null, booleans and blank text carry no information: they
count as grounded and leave no trace. A record's keys are the schema's words and do not count, unless one holds an
identifier. What is no JSON, or is nested too deeply, is never grounded and always tainted.

**Strict evidence.** In a prompt, or a result that is text: the element is a run of whole tokens (:mod:`.tokens`). In a
structured result: it *equals* a whole leaf or key, and being inside one is never enough, since text injected into one
field must not ground an attacker's address. In both, case and spacing do not matter, and values are compared by what
they are:

* numbers by value: 5, ``5.00``, ``1,000.50``, ``$30,000``. A comma groups thousands, a dot starts the fraction;
* dates and times (:mod:`.moments`): ISO and month names. A date-time is two elements, date and time, each to be found
  for itself; midnight need not be. A month and day without a year in a source fits any year;
* account numbers, phone numbers and other codes (:mod:`.codes`) without spaces and hyphens;
* URLs (:func:`.normalise.canonical_url`) without ``http(s)://`` and closing slash; hosts and e-mail addresses in any
  case, paths in theirs;
* everything else as text, NFKC and case-folded.

Short elements (a digit, two letters) are weak evidence; that they stand as a whole token is enough, but the numbers of
a date or time are no numbers (``June 13`` does not say 13). Han and kana count as one token each; scripts without
spaces otherwise (Thai, Khmer) are grounded only by whole phrases. Errors ground
nothing.

**Traces.** Any of the above inside any untrusted text or leaf; or the folded text as a substring (three characters or
more, or not ASCII); or its letters and digits alone, six or more, whatever stands between them; of a URL also its
host. What a structured result shows the model besides (``Event.text``) can leave traces too if all of the result is
untrusted; where labels differ by path, the structure is taken to be all there is. A result that is text, labelled by
paths of which any is untrusted, is untrusted.

**Bounds.** At most 1 MiB of text and 50,000 leaves of a session are indexed. Beyond, or once the session has dropped
events, the index is truncated: what is found is found, and what is not found is unknown. ``carries_untrusted`` of
something neither grounded nor free of identifiers and long texts is then unknown too: the missing history could have
grounded it. Replacing a whole history by a truncated one thus never changes an answer, except to ``None``.
"""

from __future__ import annotations

from .cache import ProvenanceCache
from .labels import Labeller, label_of, parse_path
from .origins import Origin, Place, Places, places_of
from .questions import Provenance
from .sources import Document, documents
from .spans import Span

__all__ = [
    "Document",
    "Labeller",
    "Origin",
    "Place",
    "Places",
    "Provenance",
    "ProvenanceCache",
    "Span",
    "documents",
    "label_of",
    "parse_path",
    "places_of",
]
