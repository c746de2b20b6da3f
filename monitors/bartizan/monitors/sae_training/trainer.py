"""One training run: steps, measurements on held-out rows, checkpoints that resume exactly.

B batch, D d_in, F d_sae, N rows.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from . import checkpoint
from .activations import Activations
from .config import SAETrainingConfig, TrainingError
from .model import TrainableSAE
from .order import Batches
from .statistics import geometric_median, scale_to_root_d

STATISTICS_ROWS = 32_768


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What one step showed. ``fvu`` is of its batch, before the update; ``dead`` the fraction of latents now dead."""

    step: int
    tokens: int
    loss: float
    fvu: float
    l0: float
    dead: float
    lr: float


@dataclass(frozen=True, slots=True)
class Quality:
    """On held-out rows, as the saved autoencoder will work.

    ``fvu`` is the fraction of variance unexplained, |x - x_hat|^2 / |x - mean|^2 in sums; ``l0`` the active latents of
    a token; ``never_fired`` the fraction of latents silent on all ``rows``; ``dead`` those that training counts so.
    """

    fvu: float
    l0: float
    never_fired: float
    dead: float
    rows: int


class Trainer:
    """Trains on ``data`` as ``config`` says; ``step()`` once a step, or iterate over ``run()``.

    The last rows (``config.eval_rows``, at most a tenth) are held out. The same data, configuration, number of threads
    and versions give the same result, interrupted or not. ``TrainingError`` where that cannot work.
    """

    def __init__(self, data: Activations, config: SAETrainingConfig, *, device: str = "cpu") -> None:
        held_out = min(config.eval_rows, len(data) // 10)
        self.data, self.config, self.device = data, config, torch.device(device)
        self._rows = len(data) - held_out
        if held_out < 1 or self._rows < config.batch_size:
            raise TrainingError(
                f"{data.folder}: {len(data)} rows are too few to hold a tenth out and fill a batch of "
                f"{config.batch_size}; collect more, or lower the batch size"
            )
        sample_ND = torch.from_numpy(data.sample(STATISTICS_ROWS, below=self._rows))
        self.scale = scale_to_root_d(sample_ND)
        sample_ND = sample_ND * self.scale
        self.variance = float((sample_ND.double() - sample_ND.double().mean(0)).pow(2).sum(1).mean())
        if not self.variance > 1e-6 * data.d_in:  # in units where the mean norm is sqrt(d_in)
            raise TrainingError(f"{data.folder}: all rows are the same; there is nothing to learn")
        self.model = self._start(sample_ND).to(self.device)
        self.fired_ago_F = torch.zeros(config.d_sae, dtype=torch.int64, device=self.device)
        parameters = dict(self.model.named_parameters())
        thresholds = [value for name, value in parameters.items() if name == "log_threshold"]
        others = [value for name, value in parameters.items() if name != "log_threshold"]
        groups: list[dict[str, Any]] = [{"params": others, "factor": 1.0}]
        if thresholds:
            groups.append({"params": thresholds, "factor": config.threshold_lr})
        self.optimiser = torch.optim.Adam(groups, lr=config.peak_lr, betas=(0.9, 0.999))
        self.steps_done = 0
        self._batches = Batches(data, config.batch_size, seed=config.seed, rows=self._rows)
        self._upcoming = self._batches.after(0)

    @property
    def finished(self) -> bool:
        return self.steps_done >= self.config.steps

    def run(self) -> Iterator[StepRecord]:
        """The remaining steps."""
        while not self.finished:
            yield self.step()

    def step(self) -> StepRecord:
        """One batch, one update. ``TrainingError`` when the loss is no longer finite."""
        config, model = self.config, self.model.train()
        lr = config.lr_at(self.steps_done)
        for group in self.optimiser.param_groups:
            group["lr"] = lr * group["factor"]
        x_BD = self._scaled(next(self._upcoming))
        result = model(x_BD)
        residual_BD = x_BD - result.x_hat_BD
        fvu = residual_BD.pow(2).sum(1).mean() / self.variance
        loss = fvu + self._auxiliary(residual_BD, result.h_BF)
        if result.penalty is not None:
            loss = loss + result.penalty
        if not math.isfinite(loss.item()):
            raise TrainingError(
                f"step {self.steps_done}: the loss is {loss.item()}; lower lr (it was {lr:g})"
            )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        model.constrain_gradient()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        self.optimiser.step()
        model.constrain()
        self.fired_ago_F += config.batch_size
        self.fired_ago_F[result.fired_F > 0] = 0
        self.steps_done += 1
        return StepRecord(
            step=self.steps_done,
            tokens=self.steps_done * config.batch_size,
            loss=loss.item(),
            fvu=fvu.item(),
            l0=result.l0.item(),
            dead=self._dead().float().mean().item(),
            lr=lr,
        )

    @torch.no_grad()
    def evaluate(self) -> Quality:
        """Measured on the held-out rows, one batch after the other."""
        self.model.eval()
        error = l0 = 0.0
        fired_F = torch.zeros(self.config.d_sae, dtype=torch.int64, device=self.device)
        total_D = torch.zeros(self.data.d_in, dtype=torch.float64, device=self.device)
        squares = 0.0
        rows = len(self.data) - self._rows
        for start in range(self._rows, len(self.data), self.config.batch_size):
            x_BD = self._scaled(self.data.read(start, min(len(self.data), start + self.config.batch_size)))
            result = self.model.infer(x_BD)
            error += float((x_BD - result.x_hat_BD).double().pow(2).sum())
            l0 += float(result.l0) * len(x_BD)
            fired_F += result.fired_F
            total_D += x_BD.double().sum(0)
            squares += float(x_BD.double().pow(2).sum())
        variance = squares - float(total_D.pow(2).sum()) / rows
        return Quality(
            fvu=error / variance if variance > 0 else math.nan,
            l0=l0 / rows,
            never_fired=(fired_F == 0).float().mean().item(),
            dead=self._dead().float().mean().item(),
            rows=rows,
        )

    def save(self, path: str | Path) -> None:
        """Write a checkpoint from which ``resume`` goes on exactly here."""
        tensors: dict[str, Tensor] = {
            f"model.{name}": value for name, value in self.model.state_dict().items()
        }
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimiser.state.get(parameter, {}).items():
                tensors[f"optimiser.{name}.{key}"] = value
        tensors["fired_ago"] = self.fired_ago_F
        checkpoint.write(Path(path), tensors, {"step": self.steps_done, **self._identity()})

    def resume(self, path: str | Path) -> None:
        """Go on from a checkpoint. ``TrainingError`` if it is of another configuration or other activations."""
        path = Path(path)
        tensors, state = checkpoint.read(path)
        for part, ours in self._identity().items():
            theirs = state.get(part)
            if theirs != ours:
                differing = [
                    key for key in ours if not isinstance(theirs, dict) or theirs.get(key) != ours[key]
                ]
                raise TrainingError(
                    f"{path}: was begun with another {part} ({', '.join(differing)}); "
                    "choose the same, or start anew in another folder"
                )
        try:
            model = {name: tensors.pop(f"model.{name}") for name in self.model.state_dict()}
            self.model.load_state_dict(model)
            self.fired_ago_F = tensors.pop("fired_ago").to(self.device)
            for name, parameter in self.model.named_parameters():
                keys = ("step", "exp_avg", "exp_avg_sq")
                found = {key: tensors.get(f"optimiser.{name}.{key}") for key in keys}
                if state["step"]:
                    self.optimiser.state[parameter] = {
                        key: _required(value, key).to("cpu" if key == "step" else self.device)
                        for key, value in found.items()
                    }
            self.steps_done = int(state["step"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise TrainingError(
                f"{path}: does not hold a whole run, {error}; start anew in another folder"
            ) from error
        self._upcoming = self._batches.after(self.steps_done)

    def _auxiliary(self, residual_BD: Tensor, h_BF: Tensor) -> Tensor:
        """Dead latents try to reconstruct what the others left over (Gao et al. 2024, appendix A.2)."""
        config = self.config
        nothing = residual_BD.new_zeros(())
        if config.architecture == "jumprelu" or config.aux_coefficient == 0:
            return nothing
        k = config.aux_k if config.aux_k is not None else max(1, self.data.d_in // 2)
        e_hat_BD = self.model.dead_reconstruction(h_BF, self._dead(), k)
        if e_hat_BD is None:
            return nothing
        target_BD = residual_BD.detach()
        error = (target_BD - e_hat_BD).pow(2).sum(1).mean() / target_BD.pow(2).sum(1).mean().clamp_min(1e-12)
        return config.aux_coefficient * error

    def _dead(self) -> Tensor:
        return self.fired_ago_F >= self.config.dead_after_tokens

    def _start(self, sample_ND: Tensor) -> TrainableSAE:
        model = TrainableSAE(self.config, self.data.d_in)
        with torch.no_grad():
            match self.config.b_dec_init:
                case "geometric_median":
                    model.b_dec.copy_(geometric_median(sample_ND))
                case "mean":
                    model.b_dec.copy_(sample_ND.double().mean(0))
                case "zero":
                    pass
        if self.config.architecture == "jumprelu":
            model.start_thresholds(sample_ND[:2048])
        return model

    def _scaled(self, x_ND: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(x_ND).to(self.device) * self.scale

    def _identity(self) -> dict[str, Any]:
        """What a checkpoint must have in common with the run that resumes from it."""
        data = self.data
        return {
            "configuration": dataclasses.asdict(self.config),
            "activations": {
                "tokens": data.tokens,
                "d_in": data.d_in,
                "hook_point": data.hook_point,
                "fingerprint": data.fingerprint,
                "scale": self.scale,
            },
        }


def _required(value: Tensor | None, key: str) -> Tensor:
    if value is None:
        raise KeyError(key)
    return value
