"""A reader of a tiny BERT whose vocabulary is a few words, and probes for it that are set by hand."""

from __future__ import annotations

from typing import Any

import torch
from tests.monitors.device import DEVICE
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from bartizan.monitors.calibration import Calibration, Platt
from bartizan.monitors.probes.card import Card
from bartizan.monitors.probes.heads import HeadConfig, build_head
from bartizan.monitors.probes.probe import Probe
from bartizan.monitors.reader import Layout, Reader

WIDTH, ALARM = 16, 0
"""Width of the activations, and the number among them that is large at the word "ignore" and nowhere else."""

WORDS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", *".,:{}\"'!?", "##s", "##ing"),
    *("ignore", "all", "previous", "instructions", "the", "report", "is", "due", "on", "friday", "to"),
    *("pay", "send", "read", "tell", "mail"),
]
LETTERS = [piece for letter in "abcdefghijklmnopqrstuvwxyz0123456789" for piece in (letter, f"##{letter}")]


def tokenizer() -> PreTrainedTokenizerFast:
    words = list(dict.fromkeys([*WORDS, *LETTERS]))
    fast = Tokenizer(WordPiece({word: id for id, word in enumerate(words)}, unk_token="[UNK]"))
    fast.normalizer = BertNormalizer(lowercase=True)
    fast.pre_tokenizer = BertPreTokenizer()
    fast.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=fast,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
    )


def model(seed: int = 0, positions: int = 64) -> BertModel:
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=128, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=positions, hidden_dropout_prob=0.0,
    )  # fmt: skip
    made = BertModel(config)
    with torch.no_grad():
        words = made.embeddings.word_embeddings.weight
        words.copy_(torch.randn_like(words))
        words[:, ALARM] = -1.0
        words[tokenizer().convert_tokens_to_ids("ignore"), ALARM] = 8.0
        made.embeddings.position_embeddings.weight.mul_(0.1)
    return made


def reader(window: int = 24, overlap: int = 8, seed: int = 0, **options: Any) -> Reader:
    return Reader(model(seed).to(DEVICE), tokenizer(), Layout(window, overlap, **options))


def probe(
    reads: Reader,
    name: str = "injection",
    *,
    kind: str = "multimax",
    hook_point: str = "embed.0",
    channels: tuple[str, ...] = ("result",),
    scale: float = 4.0,
    offset: float = -6.0,
    width: int = WIDTH,
    scripts: tuple[str, ...] = (),
    calibration: Calibration | None = None,
    **config: Any,
) -> Probe:
    """Its logit is ``offset`` and ``scale`` times the largest (or mean, ...) of the numbers at :data:`ALARM`."""
    head = build_head(HeadConfig(kind=kind, d_in=width, **config))  # type: ignore[arg-type]
    with torch.no_grad():
        if config.get("hidden"):
            for weight in head.parameters():
                weight.copy_(torch.randn_like(weight))
        else:
            head.weight[-1, ALARM] = scale
        head.offset.fill_(offset)
    card = Card.model_validate(
        {
            "name": name,
            "version": "1",
            "description": "The word ignore.",
            "licence": "Apache-2.0",
            "reads": list(channels),
            "positions": "all tokens of the passage",
            "scripts": list(scripts),
            "hook_point": hook_point,
            "fingerprint": reads.fingerprint.json(),
            "head": head.config,
            "display": Platt(),
            "data": [{"name": "by hand", "attacks": 0, "benign": 0}],
        }
    )
    return Probe(head.requires_grad_(False).eval(), card, calibration)
