"""Training probes so that what the table says is what happens on texts of a new source.

examples         ``Example``: a text's activations, its label, where it comes from, what it may be used for
setting          ``Setting``: hook point, head, method and strength of one fit
features         what a convex fit sees of a text, and the benign mean and deviation that it is standardised by
packed           texts as one matrix of tokens, and what a head says of each
convex           L2 logistic regression on pooled activations, or on tokens
gradient         Adam on a head's own logits, epoch by epoch
fit              ``fit``: any setting, a head that reads raw activations; ``scores`` of a head
hard_negatives   benign texts that a first fit finds most suspicious weigh more in a second
lexical          baselines that read words: a bag of words, a pattern
leave_out        ``LeaveOut``: nested leave-one-dataset-out, resumable, for the choice and for the table
memory           the folder in which finished fits are kept

scikit-learn comes with the extra ``train``; nothing outside this package imports it.
``monitors/training/train_probe.py`` is the runnable file around it.

Shapes: N texts or tokens, T tokens of a text, D width of the activations, B texts of a batch, K numbers a token.
"""

from __future__ import annotations

from .examples import Example, Role
from .fit import Epoch, Fitted, fit, scores
from .leave_out import Choice, Fold, LeaveOut, Step
from .lexical import bag_of_words, pattern
from .memory import Memory
from .setting import Descent, Setting

__all__ = [
    "Choice",
    "Descent",
    "Epoch",
    "Example",
    "Fitted",
    "Fold",
    "LeaveOut",
    "Memory",
    "Role",
    "Setting",
    "Step",
    "bag_of_words",
    "fit",
    "pattern",
    "scores",
]
