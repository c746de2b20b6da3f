"""Probes on a model's activations: heads, training, baselines, metrics, cards.

heads/           token-local projection, then one logit a sequence: last, mean, EMA, shift, MultiMax, rolling, attention
card, storage    what ships: card.yaml and probe.safetensors, verified when they are loaded
examples         activations of many texts, ragged, in half precision
train/           logistic and gradient training, leave-one-dataset-out, choice of layer and head
lexical          the baselines that a probe has to beat: a bag of words, a regular expression
metrics          AUROC, recall at a false positive rate with its interval, calibration error
evidence         named SAE features at the tokens that speak loudest
"""

from __future__ import annotations
