"""Correctors: small models that propose other words, or other arguments, for what a policy refused. None is trusted.

script, spans      edit scripts of calls and of texts: what our corrector writes; strict, one form each
vocabulary, reading, grammar    what it reads of a refused call or text; which byte may come next
model, decode, storage          its network, its decoding loop, its folder on disk
edit_script        our corrector as the guard's proposer and rewriter
templates, drafting, causal_lm  anybody's: a Hugging Face causal LM with a template of the Aligner or Stream Aligner
work               one thread that answers many callers

Nothing is imported here: the scripts need no torch.
"""

from __future__ import annotations
