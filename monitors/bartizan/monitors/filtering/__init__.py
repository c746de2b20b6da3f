"""Filtering data by what features mean in two channels (SAE-V): text and image, or user and tool.

weights      the cosine, feature by feature, between its top tokens of one channel and of the other
scoring      a sample's score, and which samples are kept
features     which features are fit to tell injections
sources      tokens of a row: texts in two channels, by a reader
images       tokens of a row: text and images, by a vision-language model
samples      rows of JSON lines with their line numbers
encoding     features of a row's tokens, by an autoencoder or a slice of it
run          ``filter_data``: a whole file, resumable
injections   ``injection_features``: a verdict for each feature, by a whole file
table        reports for a terminal
"""

from __future__ import annotations

from .errors import FilterError, MalformedSample
from .features import FeatureVerdict, FiringCounts, select_features
from .images import TextAndImages
from .injections import injection_features
from .run import FilterReport, filter_data
from .scoring import keep, score
from .sources import TextChannels, Tokens, TokenSource
from .table import feature_table, filter_table
from .weights import ChannelWeights, WeightsBuilder

__all__ = [
    "ChannelWeights", "WeightsBuilder", "score", "keep",
    "FeatureVerdict", "FiringCounts", "select_features",
    "TokenSource", "Tokens", "TextChannels", "TextAndImages",
    "FilterReport", "filter_data", "injection_features",
    "filter_table", "feature_table",
    "FilterError", "MalformedSample",
]  # fmt: skip
