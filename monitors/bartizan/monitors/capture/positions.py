"""Which positions are meant: image tokens, what a generation really read, the tokens of a piece of text.

Legend: B batch, P prompt tokens, S tokens of a finished sequence, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .errors import CaptureError

_IMAGE = ("image_token_id", "image_token_index")
_VIDEO = ("video_token_id", "video_token_index")


def image_mask(model: Any, ids_BT: Tensor, *, video: bool = True) -> Tensor:
    """True where a vision-language model puts a patch of an image (or, unless told otherwise, of a video).

    ``model`` is the model or its configuration. The ids must be those that the model reads, with one placeholder for
    each patch, as Hugging Face processors write them. Raises :class:`CaptureError` for a model without images, rather
    than saying that there are none.
    """
    config = getattr(model, "config", model)
    tokens = [_token(config, _IMAGE), _token(config, _VIDEO) if video else None]
    if tokens[0] is None:
        kind = getattr(config, "model_type", type(config).__name__)
        raise CaptureError(
            f"{kind}: expected a model with an image_token_id in its configuration, found none"
        )
    known = [token for token in tokens if token is not None]
    return torch.isin(ids_BT, torch.tensor(known, device=ids_BT.device, dtype=ids_BT.dtype))


def generated_mask(prompt_mask_BP: Tensor, sequences_BS: Tensor, eos: int | Sequence[int] | None) -> Tensor:
    """True where a generation read something that counts: [B, S - 1], the mask for ``Tap.take``.

    That is the prompt without its padding, and each row's tokens up to its first end token. The last token of a
    sequence is never read by the model; what stands behind a row's end is padding for the sake of longer rows.
    """
    B, P = prompt_mask_BP.shape
    if sequences_BS.dim() != 2 or sequences_BS.shape[0] != B or sequences_BS.shape[1] <= P:
        raise CaptureError(
            f"expected sequences [{B}, more than {P}] that begin with the prompt, found {list(sequences_BS.shape)}"
        )
    new_BN = sequences_BS[:, P:]
    ends = [] if eos is None else [eos] if isinstance(eos, int) else list(eos)
    ended_BN = torch.isin(new_BN, torch.tensor(ends, device=new_BN.device, dtype=new_BN.dtype))
    before_BN = torch.cumsum(ended_BN.int(), dim=1) - ended_BN.int() == 0  # no end yet before this token
    return torch.cat([prompt_mask_BP.to(new_BN.device) != 0, before_BN], dim=1)[:, :-1]


def span_mask(offsets: Sequence[tuple[int, int]], start: int, end: int) -> Tensor:
    """True for the tokens that share a character with ``text[start:end]``: mask_T.

    ``offsets`` is a fast tokenizer's ``offset_mapping`` of the whole text; special tokens have none (0, 0).
    """
    if not 0 <= start <= end:
        raise CaptureError(f"expected a span with 0 <= start <= end, found {start} to {end}")
    return torch.tensor(
        [first < last and first < end and last > start for first, last in offsets], dtype=torch.bool
    )


def _token(config: Any, names: tuple[str, ...]) -> int | None:
    found = (getattr(config, name, None) for name in names)
    return next((value for value in found if isinstance(value, int) and not isinstance(value, bool)), None)
