"""Tiny vision-language models with random weights, and their real processors, built from nothing."""

from __future__ import annotations

from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers

_WORDS = "a red green blue square dog cat sits on the mat what is this see open send money to bob now"
WORDS = list(_WORDS.split())
WIDTH = 16


def tokenizer(*specials: str) -> Any:
    """One token a word."""
    names = ["<pad>", "<s>", "</s>", "<unk>", *specials, *WORDS]
    backend = Tokenizer(
        models.WordLevel({name: place for place, name in enumerate(names)}, unk_token="<unk>")
    )
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = hf.PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    made.add_special_tokens({"additional_special_tokens": list(specials)})
    return made


def _text(vocabulary: int) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary, "hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 128,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip


def llava() -> tuple[Any, Any]:
    """LLaVA: CLIP's encoder, 4 patches an image."""
    words = tokenizer("<image>")
    vision = hf.CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=16,
        patch_size=8,
    )
    config = hf.LlavaConfig(
        vision_config=vision,
        text_config=hf.LlamaConfig(**_text(len(words))),
        image_token_id=words.convert_tokens_to_ids("<image>"),
    )
    torch.manual_seed(0)
    sides = {"height": 16, "width": 16}
    pictures = hf.CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size=sides)
    processor = hf.LlavaProcessor(
        image_processor=pictures, tokenizer=words, patch_size=8,
        vision_feature_select_strategy="default", num_additional_image_tokens=1,
    )  # fmt: skip
    return hf.LlavaForConditionalGeneration(config).eval(), processor


def qwen() -> tuple[Any, Any]:
    """Qwen2-VL: an image of 32 x 32 is 4 x 4 patches of 8, merged to 4 tokens."""
    names = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    words = tokenizer(*names)
    ids = {name: words.convert_tokens_to_ids(name) for name in names}
    vision = {
        "depth": 1,
        "embed_dim": WIDTH,
        "hidden_size": WIDTH,
        "num_heads": 2,
        "mlp_ratio": 2,
        "patch_size": 8,
    }
    text = {**_text(len(words)), "rope_parameters": {
        "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}}  # fmt: skip
    config = hf.Qwen2VLConfig(
        text_config=text, vision_config=vision, image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"], vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    torch.manual_seed(0)
    pictures = hf.Qwen2VLImageProcessorPil(
        patch_size=8, merge_size=2, size={"shortest_edge": 32 * 32, "longest_edge": 32 * 32}
    )
    # The video processor needs torchvision, and nothing here is a video: the processor is put together without it.
    processor = hf.Qwen2VLProcessor.__new__(hf.Qwen2VLProcessor)
    processor.image_processor, processor.tokenizer, processor.video_processor = pictures, words, None
    processor.chat_template = None
    processor.image_token, processor.video_token = "<|image_pad|>", "<|video_pad|>"
    processor.image_token_id, processor.video_token_id = ids["<|image_pad|>"], ids["<|video_pad|>"]
    return hf.Qwen2VLForConditionalGeneration(config).eval(), processor
