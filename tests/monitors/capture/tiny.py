"""Tiny models with random weights, built from their configurations: real architectures, nothing downloaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
import transformers as hf

VOCABULARY, WIDTH, LAYERS, IMAGE = 64, 16, 3, 5
_TEXT: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": LAYERS,
    "num_attention_heads": 2, "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
_GQA = {**_TEXT, "num_key_value_heads": 1}
_GPT2 = {"vocab_size": VOCABULARY, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": 2, "n_positions": 64,
         "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
_ROPE_2D = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
_VISION = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
           "image_size": 16, "patch_size": 8}  # fmt: skip
_QWEN_TOKENS = {
    "image_token_id": IMAGE,
    "video_token_id": 6,
    "vision_start_token_id": 7,
    "vision_end_token_id": 8,
}


def _qwen2_vl() -> Any:
    vision = {
        "depth": 2,
        "embed_dim": WIDTH,
        "hidden_size": WIDTH,
        "num_heads": 2,
        "patch_size": 4,
        "mlp_ratio": 2,
    }
    text = {**_GQA, "rope_parameters": _ROPE_2D}
    return hf.Qwen2VLForConditionalGeneration(
        hf.Qwen2VLConfig(text_config=text, vision_config=vision, **_QWEN_TOKENS)
    )


def _qwen25_vl() -> Any:
    vision = {"depth": 2, "hidden_size": WIDTH, "out_hidden_size": WIDTH, "intermediate_size": 32, "num_heads": 2,
              "patch_size": 4, "fullatt_block_indexes": [1]}  # fmt: skip
    text = {**_GQA, "rope_parameters": _ROPE_2D}
    return hf.Qwen2_5_VLForConditionalGeneration(
        hf.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **_QWEN_TOKENS)
    )


def _llava() -> Any:
    return hf.LlavaForConditionalGeneration(
        hf.LlavaConfig(
            vision_config=hf.CLIPVisionConfig(**_VISION),
            text_config=hf.LlamaConfig(**_GQA),
            image_token_id=IMAGE,
        )
    )


DECODERS: dict[str, Callable[[], Any]] = {
    "llama": lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**_GQA)),
    "qwen2": lambda: hf.Qwen2ForCausalLM(hf.Qwen2Config(**_GQA)),
    "qwen3": lambda: hf.Qwen3ForCausalLM(hf.Qwen3Config(**_GQA, head_dim=8)),
    "gemma2": lambda: hf.Gemma2ForCausalLM(hf.Gemma2Config(**_GQA, head_dim=8)),
    "gemma3": lambda: hf.Gemma3ForCausalLM(hf.Gemma3TextConfig(**_GQA, head_dim=8)),
    "gpt2": lambda: hf.GPT2LMHeadModel(hf.GPT2Config(**_GPT2)),
    "gpt-neox": lambda: hf.GPTNeoXForCausalLM(hf.GPTNeoXConfig(**_TEXT)),
    "mixtral": lambda: hf.MixtralForCausalLM(hf.MixtralConfig(**_GQA)),
    "bloom": lambda: hf.BloomForCausalLM(
        hf.BloomConfig(vocab_size=VOCABULARY, hidden_size=WIDTH, n_layer=LAYERS, n_head=2)
    ),
    "opt": lambda: hf.OPTForCausalLM(
        hf.OPTConfig(
            vocab_size=VOCABULARY, hidden_size=WIDTH, ffn_dim=32, num_hidden_layers=LAYERS,
            num_attention_heads=2, max_position_embeddings=64, word_embed_proj_dim=WIDTH,
        )
    ),
}  # fmt: skip
ENCODERS: dict[str, Callable[[], Any]] = {
    "bert": lambda: hf.BertModel(hf.BertConfig(**_TEXT)),
    "bert classifier": lambda: hf.BertForSequenceClassification(hf.BertConfig(**_TEXT)),
    "modernbert": lambda: hf.ModernBertModel(hf.ModernBertConfig(**_TEXT, cls_token_id=1, sep_token_id=2)),
    "distilbert": lambda: hf.DistilBertModel(
        hf.DistilBertConfig(vocab_size=VOCABULARY, dim=WIDTH, hidden_dim=32, n_layers=LAYERS, n_heads=2)
    ),
}
VISION: dict[str, Callable[[], Any]] = {"llava": _llava, "qwen2-vl": _qwen2_vl, "qwen2.5-vl": _qwen25_vl}
FAMILIES = {**DECODERS, **ENCODERS, **VISION}


def build(family: str, seed: int = 0) -> Any:
    """A model of that family, for inference. Its weights are larger than usual, so that layers differ clearly."""
    torch.manual_seed(seed)
    model = FAMILIES[family]().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def ids(B: int, T: int, seed: int = 0) -> torch.Tensor:
    """Random token ids, none of them special."""
    return torch.randint(10, VOCABULARY, (B, T), generator=torch.Generator().manual_seed(seed))


def reading(model: Any, cache: Any) -> dict[str, Any]:
    """The argument that passes a cache: transformers renamed it."""
    names = inspect.signature(model.forward).parameters
    return {"cache" if "cache" in names else "past_key_values": cache}


def images(family: str, B: int = 1) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Inputs with one image a row for a vision-language model, and the mask of its image tokens."""
    generator = torch.Generator().manual_seed(3)
    before, after = ids(B, 3, seed=1), ids(B, 4, seed=2)
    if family == "llava":
        pictures = {"pixel_values": torch.randn(B, 3, 16, 16, generator=generator)}  # 2 x 2 patches
        opened, closed = before, after
    else:  # 4 x 4 patches of 3 channels, 2 frames, 4 x 4 pixels; merged two by two
        pictures = {
            "pixel_values": torch.randn(B * 16, 3 * 2 * 4 * 4, generator=generator),
            "image_grid_thw": torch.tensor([[1, 4, 4]] * B),
        }
        opened = torch.cat([before, torch.full((B, 1), 7)], dim=1)
        closed = torch.cat([torch.full((B, 1), 8), after], dim=1)
    input_ids = torch.cat([opened, torch.full((B, 4), IMAGE), closed], dim=1)
    kinds = {} if family == "llava" else {"mm_token_type_ids": (input_ids == IMAGE).int()}
    return {
        "input_ids": input_ids,
        "attention_mask": torch.ones_like(input_ids),
        **kinds,
        **pictures,
    }, input_ids == IMAGE
