"""Probes on a model's activations: heads, metrics, cards.

heads/           token-local projection, then one logit a sequence: last, mean, EMA, shift, MultiMax, rolling, attention
probe            head, card and calibration together; armed on the model of its card only
card, storage    what ships: card.yaml and probe.safetensors, verified when they are loaded
markdown         a card as a page
evaluation       rows of a leave-one-dataset-out table, with exact intervals
metrics          AUROC, recall at a false positive rate, calibration error, alarms by length
"""

from __future__ import annotations
