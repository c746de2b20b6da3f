"""From a training run to the autoencoder that monitors use: everything folded into plain weights."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from bartizan.monitors.sae import SAEConfig, SparseAutoencoder

from .trainer import Quality, Trainer


@torch.no_grad()
def finished(trainer: Trainer, quality: Quality | None = None) -> SparseAutoencoder:
    """The autoencoder as trained so far, for activations in the model's own units (``formats.save`` writes it).

    Folded in: decoder norms (``rescale``) and the factor to norm sqrt(d_in), as SAELens folds: latents and thresholds
    stay in normalised units, the reconstruction is in the model's. ``batchtopk`` becomes ``jumprelu`` with one
    threshold for all. The metadata says what it was trained on, how, and how well it does (``quality``, measured if
    not given).
    """
    config, model = trainer.config, trainer.model
    quality = quality if quality is not None else trainer.evaluate()
    W_enc_DF, b_enc_F, W_dec_FD = model.folded()
    tensors: dict[str, Tensor] = {
        "W_enc": W_enc_DF * trainer.scale,
        "b_enc": b_enc_F,
        "W_dec": W_dec_FD / trainer.scale,
        "b_dec": model.b_dec / trainer.scale,
    }
    if config.architecture != "topk":
        tensors["threshold"] = model.thresholds()
    tensors = {name: tensor.detach().cpu().float().contiguous().clone() for name, tensor in tensors.items()}
    sae_config = SAEConfig(
        activation="topk" if config.architecture == "topk" else "jumprelu",
        d_in=trainer.data.d_in,
        d_sae=config.d_sae,
        k=config.k if config.architecture == "topk" else None,
        apply_b_dec_to_input=True,
        units="normalised",
        hook_point=trainer.data.hook_point,
        trained_as=config.architecture,
        metadata={
            "fingerprint": trainer.data.fingerprint,
            "input_scale_folded": trainer.scale,
            "training": dataclasses.asdict(config),
            "tokens_seen": trainer.steps_done * config.batch_size,
            "quality": dataclasses.asdict(quality),
        },
    )
    return SparseAutoencoder(sae_config, tensors)
