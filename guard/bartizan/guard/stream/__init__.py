"""Streams: what a model says and calls, piece by piece, and what of it may leave."""
