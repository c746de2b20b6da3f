"""Tiny causal language models of several architectures with random weights, and a tokenizer of bytes for them."""

from __future__ import annotations

from typing import Any

import torch
from tests.monitors.device import DEVICE
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GemmaConfig,
    GemmaForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
)

SPECIAL = ["<pad>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"]
EOS, TURN_END = 2, 4
ARCHITECTURES = ("llama", "gpt2", "mistral", "gemma")


def tokenizer(turns: bool = False) -> PreTrainedTokenizerFast:
    """Every byte is a token; ``turns`` adds Gemma's marks."""
    special = SPECIAL if turns else [*SPECIAL[:3], "<unused0>", "<unused1>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: id for id, word in enumerate([*special, *alphabet])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(special)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<eos>", pad_token="<pad>", bos_token="<bos>"
    )


def model(architecture: str, seed: int = 0, positions: int = 1024) -> Any:
    """Random weights, large enough that what is chosen depends on what was read."""
    torch.manual_seed(seed)
    size = len(SPECIAL) + 256
    plain: dict[str, Any] = {
        "vocab_size": size, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": positions,
        "bos_token_id": 1, "eos_token_id": EOS, "pad_token_id": 0,
    }  # fmt: skip
    if architecture == "llama":
        made: Any = LlamaForCausalLM(LlamaConfig(**plain))
    elif architecture == "mistral":  # looks back 24 tokens only
        made = MistralForCausalLM(MistralConfig(**plain, sliding_window=24))
    elif architecture == "gemma":
        made = GemmaForCausalLM(GemmaConfig(**plain, head_dim=8))
    else:
        config = GPT2Config(
            vocab_size=size, n_embd=32, n_layer=2, n_head=4, n_positions=positions,
            bos_token_id=1, eos_token_id=EOS, pad_token_id=0,
        )  # fmt: skip
        made = GPT2LMHeadModel(config)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if weight.ndim == 2:
                scale = 1.0 if "emb" in name or "wte" in name else 0.25
                weight.copy_(torch.randn_like(weight) * scale)
    return made.to(DEVICE).eval()


@torch.inference_mode()
def greedy(model: Any, prompt: list[int], most: int, ends: frozenset[int]) -> list[int]:
    """Plain greedy decoding without any cache: what a drafted answer must be."""
    out: list[int] = []
    while len(out) < most:
        logits = model(input_ids=torch.tensor([[*prompt, *out]], device=DEVICE)).logits
        token = int(logits[0, -1].argmax())
        if token in ends:
            break
        out.append(token)
    return out
