"""Which model, exactly: a probe's numbers hold for the model, tokenizer and chat template that it was fitted on.

A fingerprint is JSON: a probe's card carries it, and a host compares it with that of the model it serves. What it
holds does not depend on the version of transformers: weights by their bytes, the configuration by the settings that
change what is computed, and the tokenizer by what it does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .errors import CaptureError, UnknownHookPoint
from .models import layout, unwrapped

# Names under which configurations keep what changes the computation. Where an old name was replaced, both are read.
_SETTINGS = (
    "model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "hidden_act", "hidden_activation", "rms_norm_eps", "layer_norm_eps",
    "layer_norm_epsilon", "max_position_embeddings", "sliding_window", "attn_logit_softcapping",
    "final_logit_softcapping", "query_pre_attn_scalar", "num_local_experts", "num_experts_per_tok", "image_token_id",
)  # fmt: skip
_ALIASES = {"n_embd": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads",
            "image_token_index": "image_token_id"}  # fmt: skip

# Encoded to tell tokenizers with equal vocabularies apart: casing, accents, spaces, digits, scripts, controls, code.
_SENTENCES = (
    "The quick brown Fox, 1234567890 jumps; over: 3.14 lazy-dogs!",
    "  leading\tand  double   spaces \n\n newlines\r\n",
    "naïve Ünïcödé Ångström ﬁ ½ e\u0301 é İstanbul ß",
    "def f(x): return {'a': [1, 2], \"b\": x ** 2}  # comment",
    "日本語のテキスト 中文 한국어 العربية עברית हिन्दी ไทย",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \u202etxt\u202c \u200b\ufeff\x00\x07",
    "<|im_start|> [MASK] </s> <bos> <|endoftext|>",
    "https://example.org/a?b=c&d=%20 user@example.org $1,000.00 1e-5 0xFF",
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What must be equal for a probe to mean anything.

    ``model``          "tensors:<sha256>" of the weights in memory, or "files:<sha256>" of safetensors files
    ``tokenizer``      sha256 of vocabulary, merges, added tokens and what test sentences are encoded to; "" without one
    ``chat_template``  sha256; "" without one
    ``config``         settings that change the computation, as (name, JSON) in the order of their names
    """

    model: str
    tokenizer: str
    chat_template: str
    config: tuple[tuple[str, str], ...]
    dtype: str
    n_layers: int
    d_model: int

    def json(self) -> dict[str, Any]:
        """The fingerprint as JSON; :meth:`of` reads it back."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "config": dict(self.config)}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Fingerprint:
        """The fingerprint in ``data``. Raises :class:`CaptureError` if it is none."""
        kinds: dict[str, type] = {field.name: str for field in fields(cls)}
        kinds |= {"config": dict, "n_layers": int, "d_model": int}
        wrong = [
            name for name, kind in kinds.items()
            if not isinstance(data.get(name), kind) or isinstance(data.get(name), bool)
        ]  # fmt: skip
        config = data.get("config")
        if wrong or set(data) - set(kinds) or not isinstance(config, dict) or not _texts(config):
            raise CaptureError(
                f"expected a fingerprint with {', '.join(kinds)}; "
                f"wrong or missing: {', '.join(wrong) or 'config'}; found: {', '.join(map(str, data))!s:.200}"
            )
        return cls(**{**data, "config": tuple(sorted(config.items()))})

    def mismatch(self, other: Fingerprint) -> list[str]:
        """What differs, in words; nothing if the two are the same. ``self`` is what is expected."""
        differences = []
        if self.model.partition(":")[0] != other.model.partition(":")[0]:
            differences.append(
                f"model: expected a hash of {self.model.partition(':')[0]!r}, found one of "
                f"{other.model.partition(':')[0]!r}: take both fingerprints the same way"
            )
        elif self.model != other.model:
            differences.append(f"model: other weights (expected {self.model[:20]}, found {other.model[:20]})")
        for name in ("tokenizer", "chat_template"):
            expected, found = getattr(self, name), getattr(other, name)
            if expected != found:
                differences.append(
                    f"{name}: expected {expected[:12] or 'none'}, found {found[:12] or 'none'}"
                )
        for name in ("dtype", "n_layers", "d_model"):
            if getattr(self, name) != getattr(other, name):
                differences.append(f"{name}: expected {getattr(self, name)}, found {getattr(other, name)}")
        mine, theirs = dict(self.config), dict(other.config)
        differences += [
            f"config {name}: expected {mine.get(name, 'nothing')}, found {theirs.get(name, 'nothing')}"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        ]
        return differences


def fingerprint(model: nn.Module, tokenizer: Any = None, *, folder: Path | str | None = None) -> Fingerprint:
    """The fingerprint of a model and its tokenizer, if it has one.

    Hashes every tensor of the state dict: about a second for 2 GB, and the only way that says what is in memory.
    With ``folder``, the safetensors files that the model was just loaded from are hashed instead, which spares the
    copies from a GPU; it is the caller who says that they are what was loaded.

    Raises :class:`CaptureError` for weights that have no bytes here (on the meta device) and for a folder without
    safetensors.
    """
    model = unwrapped(model)
    digest = (
        f"tensors:{hash_tensors(model.state_dict())}" if folder is None else f"files:{hash_files(folder)}"
    )
    settings = _settings(model)
    try:
        found = layout(model)
        n_layers, embedding = len(found.layers), found.embedding
    except UnknownHookPoint:
        n_layers, embedding = int(settings.get("num_hidden_layers", 0)), None
    weight = getattr(embedding, "weight", None)
    width = settings.get(
        "hidden_size", weight.shape[1] if isinstance(weight, Tensor) and weight.dim() == 2 else 0
    )
    dtype = next((str(parameter.dtype).removeprefix("torch.") for parameter in model.parameters()), "none")
    return Fingerprint(
        model=digest,
        tokenizer="" if tokenizer is None else hash_tokenizer(tokenizer),
        chat_template=_hash_template(getattr(tokenizer, "chat_template", None)),
        config=tuple(sorted((name, _json(value)) for name, value in settings.items())),
        dtype=dtype,
        n_layers=n_layers,
        d_model=int(width),
    )


def hash_tensors(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over names, dtypes, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        if not isinstance(tensor, Tensor):
            digest.update(f"{name}\0{tensor!r}\n".encode())  # extra state of quantised modules
            continue
        if tensor.is_meta:
            raise CaptureError(
                f"{name}: the weights are not in memory (meta device); give the folder instead"
            )
        digest.update(f"{name}\0{tensor.dtype}\0{list(tensor.shape)}\n".encode())
        data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(data.numpy().data)
    return digest.hexdigest()


def hash_files(folder: Path | str) -> str:
    """sha256 over the safetensors files of a folder, those that its index names if it has one."""
    folder = Path(folder)
    index = folder / "model.safetensors.index.json"
    try:
        if index.is_file():
            names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        else:
            names = sorted(path.name for path in folder.glob("*.safetensors"))
        if not names:
            raise CaptureError(f"{folder}: expected safetensors files, found none")
        digest = hashlib.sha256()
        for name in names:
            if Path(name).name != name:
                raise CaptureError(f"{index}: expected the names of files beside it, found {name!r:.120}")
            with (folder / name).open("rb") as file:
                digest.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CaptureError(
            f"{folder}: the weights' files cannot be read: {type(error).__name__}: {error}"
        ) from error
    return digest.hexdigest()


def hash_tokenizer(tokenizer: Any) -> str:
    """sha256 over the vocabulary, the merges, the added and special tokens, and encodings of test sentences.

    Not over ``tokenizer.json``: its form depends on the version of the library, and it changes when a text is padded.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    model = {} if backend is None else json.loads(backend.to_str()).get("model", {})
    added: dict[str, int] = getattr(tokenizer, "get_added_vocab", dict)()
    digest = hashlib.sha256()
    for part in (
        sorted(tokenizer.get_vocab().items()),
        [merge.split(" ") if isinstance(merge, str) else merge for merge in model.get("merges") or []],
        sorted(added.items()),
        sorted(set(getattr(tokenizer, "all_special_ids", []))),
        [_encode(tokenizer, sentence) for sentence in _SENTENCES],
    ):
        digest.update(_json(part).encode() + b"\n")
    return digest.hexdigest()


def _encode(tokenizer: Any, sentence: str) -> list[int]:
    return [int(token) for token in tokenizer(sentence, padding=False, truncation=False)["input_ids"]]


def _hash_template(template: Any) -> str:
    return "" if not template else hashlib.sha256(_json(template).encode()).hexdigest()


def _settings(model: nn.Module) -> dict[str, Any]:
    config = getattr(model, "config", None)
    if config is None:
        return {}
    get = getattr(config, "get_text_config", None)
    text = get() if callable(get) else config
    found = {name: value for name in _SETTINGS if (value := getattr(text, name, None)) is not None}
    for old, new in _ALIASES.items():
        if new not in found and (value := getattr(text, old, None)) is not None:
            found[new] = value
    for name in ("image_token_id", "image_token_index"):
        if (value := getattr(config, name, None)) is not None:
            found["image_token_id"] = value
    if config is not text:
        found["model_type"] = f"{getattr(config, 'model_type', '')}/{found.get('model_type', '')}"
    found |= _rope(text)
    return {name: value for name, value in found.items() if isinstance(value, (str, int, float, dict, list))}


def _rope(config: Any) -> dict[str, Any]:
    """Rotary embeddings: ``rope_parameters`` since transformers 5, several settings before; one form for both."""
    new = getattr(config, "rope_parameters", None)
    rope = dict(new) if isinstance(new, Mapping) else dict(getattr(config, "rope_scaling", None) or {})
    local = rope.get("sliding_attention")
    if isinstance(rope.get("full_attention"), Mapping):  # Gemma 3, ModernBERT: one for each kind of layer
        rope = dict(rope["full_attention"])
    theta = rope.pop("rope_theta", None) or _first(
        config, "rope_theta", "global_rope_theta", "rotary_emb_base"
    )
    part = rope.pop("partial_rotary_factor", None) or _first(config, "partial_rotary_factor", "rotary_pct")
    local_theta = local.get("rope_theta") if isinstance(local, Mapping) else None
    kind = rope.pop("rope_type", rope.pop("type", "default"))
    rope = {name: value for name, value in rope.items() if value is not None}
    if kind != "default" or rope:
        rope["rope_type"] = kind
    found = {
        "rope_theta": theta,
        "rope_local_theta": local_theta or _first(config, "rope_local_base_freq", "local_rope_theta"),
        "partial_rotary_factor": part,
        "rope_scaling": rope or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _first(config: Any, *names: str) -> Any:
    return next((value for name in names if (value := getattr(config, name, None)) is not None), None)


def _texts(config: Mapping[Any, Any]) -> bool:
    return all(isinstance(name, str) and isinstance(value, str) for name, value in config.items())


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
