"""Hook points: where in a transformer activations are read. One type for the names of several libraries.

The same place has many names, and the commonest mistake is to be one layer off. ``HookPoint(4)`` is the output of
the layer that Hugging Face calls ``layers[4]``, which is TransformerLens' ``blocks.4.hook_resid_post``, and (but
for the last layer, where the final norm comes in between) ``hidden_states[5]`` of ``output_hidden_states=True``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from .errors import UnknownHookPoint

Site = Literal["embed", "resid_pre", "resid_post", "attn_out", "mlp_out", "mlp_in", "attn_z"]
"""What is read, by the names of TransformerLens without their ``hook_``.

embed        the token embeddings, as the embedding module gives them: [B, T, D]; the layer is 0
resid_pre    what goes into the layer: [B, T, D]
resid_post   what comes out of the layer: [B, T, D]
attn_out     what attention adds to the residual stream, after a norm of its own if it has one (Gemma 2): [B, T, D]
mlp_out      what the MLP adds to the residual stream, after a norm of its own if it has one: [B, T, D]
mlp_in       what the MLP reads, after the norm before it (transcoders): [B, T, D]
attn_z       the heads' outputs side by side, before the output projection: [B, T, heads * d_head]
"""

SITES: tuple[str, ...] = get_args(Site)
MAX_LAYER = 9999

_OURS = re.compile(r"(?P<site>[a-z_]+)\.(?P<layer>[0-9]{1,4})", re.ASCII)
_LENS = re.compile(r"blocks\.(?P<layer>[0-9]{1,4})\.(?P<rest>[\w.]+)", re.ASCII)
_HF = re.compile(
    r"(?:\w+\.)*?(?:layers|layer|h|blocks|block)\.(?P<layer>[0-9]{1,4})(?:\.(?P<rest>[\w.]+))?", re.ASCII
)
_LENS_SITES: dict[str, Site] = {
    "hook_resid_pre": "resid_pre",
    "hook_resid_post": "resid_post",
    "hook_attn_out": "attn_out",
    "hook_mlp_out": "mlp_out",
    "attn.hook_z": "attn_z",
    "mlp.hook_in": "mlp_in",
    # the names of TransformerLens 3's bridge
    "hook_in": "resid_pre",
    "hook_out": "resid_post",
}
_HF_SITES: dict[str, Site] = {
    "": "resid_post",
    "output": "resid_post",
    "input": "resid_pre",
    "pre_feedforward_layernorm": "mlp_in",
    "pre_feedforward_layernorm.output": "mlp_in",
    "post_feedforward_layernorm": "mlp_out",
    "post_feedforward_layernorm.output": "mlp_out",
    **{f"{name}{end}": "attn_out" for name in ("self_attn", "attn", "attention") for end in ("", ".output")},
    **{f"{name}.input": "attn_z" for name in ("self_attn.o_proj", "attn.c_proj", "attention.dense")},
    **{f"mlp{end}": "mlp_out" for end in ("", ".output")},
    "mlp.input": "mlp_in",
}


@dataclass(frozen=True, slots=True, order=True)
class HookPoint:
    """A place in a model: a layer, counted from 0, and what is read there. ``str()`` gives ``resid_post.4``.

    Raises :class:`UnknownHookPoint` for a site or a layer that no model can have.
    """

    layer: int
    site: Site = "resid_post"

    def __post_init__(self) -> None:
        if self.site not in SITES:
            raise UnknownHookPoint(f"expected a site, one of {', '.join(SITES)}; found {self.site!r:.80}")
        if (
            isinstance(self.layer, bool)
            or not isinstance(self.layer, int)
            or not 0 <= self.layer <= MAX_LAYER
        ):
            raise UnknownHookPoint(f"expected a layer from 0 to {MAX_LAYER}, found {self.layer!r:.80}")
        if self.site == "embed" and self.layer != 0:
            raise UnknownHookPoint(f"the embeddings come before layer 0; found layer {self.layer}")

    def __str__(self) -> str:
        return "embed" if self.site == "embed" else f"{self.site}.{self.layer}"

    @classmethod
    def parse(cls, name: str) -> HookPoint:
        """The hook point of a name of ours, of TransformerLens or SAELens, or of a Hugging Face module's path.

        A path means the output of its module, unless it ends in ``.input``. ``layers.4.mlp`` is taken for
        ``mlp_out``, which in models that norm the MLP's output again is not quite what that module returns.
        """
        if not isinstance(name, str):
            raise UnknownHookPoint(f"expected the name of a hook point, found {type(name).__name__}")
        name = name.strip()
        if name in ("embed", "hook_embed"):
            return cls(0, "embed")
        if (match := _LENS.fullmatch(name)) and "hook" in match["rest"]:
            return cls(int(match["layer"]), _site(name, match["rest"], _LENS_SITES))
        if (match := _OURS.fullmatch(name)) and match["site"] in SITES:
            return cls(int(match["layer"]), match["site"])  # type: ignore[arg-type]
        if match := _HF.fullmatch(name):
            return cls(int(match["layer"]), _site(name, match["rest"] or "", _HF_SITES))
        raise UnknownHookPoint(
            f"{name!r:.120} names no hook point; write for example 'resid_post.4', 'blocks.4.hook_resid_post' or "
            f"'model.layers.4' (sites: {', '.join(SITES)})"
        )


def _site(name: str, rest: str, sites: dict[str, Site]) -> Site:
    if rest in sites:
        return sites[rest]
    known = ", ".join(sorted(key for key in sites if key))
    raise UnknownHookPoint(f"{name!r:.120}: nothing is read at {rest!r:.80}; expected one of {known}")
