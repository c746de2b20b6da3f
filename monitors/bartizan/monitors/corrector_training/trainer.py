"""One training run: steps in stages, an average of the weights, checkpoints that resume exactly."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ..corrector.model import SIZES, EditModel
from ..sae_training import checkpoint
from ..sae_training.config import TrainingError
from .config import CorrectorTrainingConfig
from .examples import Batches, Example, Weights, batch, digest

FORMAT = "bartizan-corrector-training-1"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What one step showed: the mean loss of a byte of the scripts in its batch, before the update."""

    step: int
    stage: str
    loss: float
    lr: float
    tokens: int


class Trainer:
    """Trains on ``examples``; ``step()`` once a step, or iterate over ``run()``.

    In the last stage the examples of :meth:`learn_also` are mixed in. The same examples, configuration, threads and
    versions give the same result, interrupted or not. ``TrainingError`` where that cannot work.
    """

    def __init__(
        self, examples: Sequence[Example], config: CorrectorTrainingConfig, *, device: str = "cpu"
    ) -> None:
        if config.size not in SIZES:
            raise TrainingError(f"size: expected one of {', '.join(SIZES)}, found {config.size!r}")
        shape = SIZES[config.size]
        if (longest := max((e.length for e in examples), default=0)) > shape.context:
            raise TrainingError(f"an example has {longest} tokens, more than the context of {shape.context}")
        self.config, self.device = config, torch.device(device)
        self._examples, self._digest = list(examples), digest(examples)
        self._own: list[Example] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.model = EditModel(shape).to(self.device)
            self.average = EditModel(shape).to(self.device).requires_grad_(False).eval()
        self.average.load_state_dict(self.model.state_dict())
        matrices = [p for p in self.model.parameters() if p.ndim == 2]
        gains = [p for p in self.model.parameters() if p.ndim != 2]
        groups = [{"params": matrices, "weight_decay": config.decay}, {"params": gains, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.98))
        self.steps_done = 0
        self.tokens_done = 0
        self._upcoming: Iterator[Sequence[Example]] | None = None
        self._upcoming_stage = ""

    @property
    def finished(self) -> bool:
        return self.steps_done >= self.config.steps

    @property
    def stage(self) -> str:
        return next((name for name, end in self.config.stages if self.steps_done < end), "done")

    def learn_also(self, examples: Sequence[Example]) -> None:
        """Examples for the last stage: what the model itself proposed, and was good."""
        self._own, self._upcoming = list(examples), None

    def run(self, until: int | None = None) -> Iterator[StepRecord]:
        """The remaining steps, or those before step ``until``."""
        while self.steps_done < min(until or self.config.steps, self.config.steps):
            yield self.step()

    def step(self) -> StepRecord:
        """One batch, one update. ``TrainingError`` when the loss is no longer finite."""
        config, stage, lr = self.config, self.stage, self.config.lr_at(self.steps_done)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        weights = Weights(unchanged=config.unchanged, input=0.2 if stage == "identity" else 0.0)
        made = batch(next(self._batches(stage)), weights)
        tokens_BT, weight_BT = made.tokens_BT.to(self.device), made.weight_BT.to(self.device)
        self.model.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            wanted_BT = weight_BT > 0
            logits_NV = self.model(tokens_BT[:, :-1], wanted=wanted_BT)
        loss_N = F.cross_entropy(logits_NV.float(), tokens_BT[:, 1:][wanted_BT], reduction="none")
        weight_N = weight_BT[wanted_BT]
        loss = (loss_N * weight_N).sum() / weight_N.sum()
        of_scripts = _mean_where(loss_N.detach(), weight_N > 0.2)
        if not math.isfinite(loss.item()):
            raise TrainingError(
                f"step {self.steps_done}: the loss is {loss.item()}; lower lr (it was {lr:g})"
            )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward([loss])
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        self.optimiser.step()
        self.steps_done += 1
        self.tokens_done += tokens_BT.numel()
        self._follow()
        return StepRecord(self.steps_done, stage, of_scripts, lr, self.tokens_done)

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.config.ema, (1 + self.steps_done) / (10 + self.steps_done))
        ours: list[Tensor] = list(self.average.parameters())
        theirs: list[Tensor] = list(self.model.parameters())
        torch._foreach_lerp_(ours, theirs, 1 - decay)

    def _batches(self, stage: str) -> Iterator[Sequence[Example]]:
        if self._upcoming is None or self._upcoming_stage != stage:
            names = [name for name, _ in self.config.stages]
            begins = dict(zip(names, [0, *[end for _, end in self.config.stages]], strict=False))
            examples = self._examples
            if stage == "identity":
                examples = [e for e in examples if e.output == b"="] or examples
            elif stage == "expert":
                examples = [*examples, *self._own]
            seed = (self.config.seed, names.index(stage))
            batches = Batches(examples, self.config.tokens, seed=seed)
            self._upcoming = batches.after(self.steps_done - begins[stage])
            self._upcoming_stage = stage
        return self._upcoming

    # --- checkpoints

    def save(self, path: Path) -> None:
        """Everything that :meth:`resume` needs. Replaces what was there in one step."""
        tensors: dict[str, Tensor] = {f"model.{n}": t for n, t in self.model.state_dict().items()}
        tensors |= {f"average.{n}": t for n, t in self.average.state_dict().items()}
        for name, weight in self.model.named_parameters():
            for key, value in self.optimiser.state.get(weight, {}).items():
                tensors[f"optimiser.{name}.{key}"] = value
        state = {
            "config": dataclasses.asdict(self.config), "examples": self._digest,
            "steps_done": self.steps_done, "tokens_done": self.tokens_done,
        }  # fmt: skip
        checkpoint.write(path, tensors, state, format=FORMAT)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of the same run. ``TrainingError`` if it is of another."""
        tensors, state = checkpoint.read(path, format=FORMAT)
        if state["config"] != dataclasses.asdict(self.config):
            raise TrainingError(f"{path}: the run had other options; give the same, or start anew elsewhere")
        if state["examples"] != self._digest:
            raise TrainingError(f"{path}: the run had other examples; start anew in another folder")
        self.model.load_state_dict(_part(tensors, "model."))
        self.average.load_state_dict(_part(tensors, "average."))
        for name, weight in self.model.named_parameters():
            kept = _part(tensors, f"optimiser.{name}.")
            if kept:
                self.optimiser.state[weight] = {
                    key: value if key == "step" else value.to(self.device) for key, value in kept.items()
                }
        self.steps_done, self.tokens_done = state["steps_done"], state["tokens_done"]
        self._upcoming = None


def config_of(path: Path) -> CorrectorTrainingConfig:
    """The configuration of the run that a checkpoint is of."""
    _, state = checkpoint.read(path, format=FORMAT)
    return CorrectorTrainingConfig(**state["config"])


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def _mean_where(values: Tensor, mask: Tensor) -> float:
    return values[mask].mean().item() if bool(mask.any()) else math.nan
