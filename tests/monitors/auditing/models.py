"""A tiny Llama that was really trained, really tuned further, and an autoencoder trained on its activations."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers

from bartizan.monitors.auditing import Checkpoint
from bartizan.monitors.calibration import Measured, arm, calibrate
from bartizan.monitors.capture import HookPoint
from bartizan.monitors.probes.card import Card, DataSource, Promise
from bartizan.monitors.probes.heads import HeadConfig, build_head
from bartizan.monitors.probes.probe import Probe
from bartizan.monitors.reader import Layout, Reader
from bartizan.monitors.sae import SparseAutoencoder
from bartizan.monitors.sae_training import Activations, ActivationWriter, SAETrainingConfig, Trainer, finished

POINT = HookPoint(1)
GENERAL = "sun rain wind cloud snow storm heat cold spring autumn river stone".split()  # noqa: SIM905
SPECIFIC = "transfer pay send account bank bill loan cash price cheque fee refund".split()  # noqa: SIM905


def tokenizer() -> Any:
    names = ["<pad>", "<s>", "</s>", "<unk>", *GENERAL, *SPECIFIC]
    backend = Tokenizer(
        models.WordLevel({name: place for place, name in enumerate(names)}, unk_token="<unk>")
    )
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def texts(words: list[str], number: int, seed: int, *, order: int = 1) -> list[str]:
    """Sentences of 8 words in which each word mostly calls for the one ``order`` places on in its list."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        place, said = int(generator.integers(len(words))), []
        for _ in range(8):
            said.append(words[place])
            place = (
                (place + order) % len(words)
                if generator.random() < 0.8
                else int(generator.integers(len(words)))
            )
        found.append(" ".join(said))
    return found


def train(model: Any, sentences: list[str], *, steps: int, lr: float, seed: int = 0) -> Any:
    """A copy of the model after so many steps of next-word prediction."""
    model, words = copy.deepcopy(model).train(), tokenizer()
    ids = torch.tensor([words(sentence)["input_ids"] for sentence in sentences])
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        batch = ids[torch.randint(0, len(ids), (32,), generator=generator)]
        loss = model(input_ids=batch, labels=batch).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


def base_model() -> Any:
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        vocab_size=len(tokenizer()), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = hf.LlamaForCausalLM(config)
    return train(model, texts(GENERAL, 400, 1) + texts(SPECIFIC, 400, 2), steps=250, lr=3e-3)


def reader(model: Any) -> Reader:
    return Reader(model, tokenizer(), Layout(window=32, overlap=8, batch=1024))


def checkpoint(name: str, model: Any) -> Checkpoint:
    return Checkpoint(name, lambda: reader(model))


def autoencoder(model: Any, folder: Path) -> SparseAutoencoder:
    """32 features a word list and a half, 6 active a token: BatchTopK on the base's activations."""
    with ActivationWriter(folder, d_in=32, hook_point=str(POINT), fingerprint={}) as writer:
        found = reader(model).read(texts(GENERAL, 500, 3) + texts(SPECIFIC, 500, 4), {POINT: None})
        generator = np.random.default_rng(0)
        rows = np.concatenate([one.numbers[POINT].numpy() for one in found])  # type: ignore[union-attr]
        writer.write(generator.permutation(rows))
    config = SAETrainingConfig(
        architecture="batchtopk", d_sae=96, k=6, tokens=60_000, batch_size=256, lr=5e-3
    )
    trainer = Trainer(Activations(folder), config)
    for _ in trainer.run():
        pass
    assert trainer.evaluate().fvu < 0.2
    return finished(trainer)


def episodes(words: list[str], number: int, seed: int, name: str) -> list[tuple[str, str, str]]:
    return [(f"{name}{n}", "read", text) for n, text in enumerate(texts(words, number, seed))]


def specific_probe(base: Any) -> Probe:
    """The difference of means between benign (general) and attack (specific) tokens, calibrated at 5%."""
    model = reader(base)
    means = []
    for words, seed in ((GENERAL, 20), (SPECIFIC, 21)):
        found = model.read(texts(words, 100, seed), {POINT: None})
        means.append(torch.cat([one.numbers[POINT] for one in found]).mean(0))  # type: ignore[union-attr]
    head = build_head(HeadConfig(kind="mean", d_in=32))
    with torch.no_grad():
        head.weight.copy_((means[1] - means[0])[None])
    head.requires_grad_(False)
    card = Card(
        name="specific", version="1", description="d", licence="Apache-2.0", reads=("result",), positions="all",
        hook_point=str(POINT), fingerprint=model.fingerprint.json(), head=head.config,
        data=(DataSource(name="made", attacks=100, benign=100),),
    )  # fmt: skip
    raw = Probe(head, card)
    scores = []
    for episode, _, text in episodes(GENERAL, 200, 22, "c"):
        (one,) = model.read([text], {POINT: head.project})
        scores.append(Measured(episode, float(head.pool(one.numbers[POINT][None])[0])))  # type: ignore[union-attr]
    calibration = calibrate(scores)
    contract = arm(calibration, 0.05)
    promised = card.model_copy(update={"promises": (Promise(contract=contract),)})
    return Probe(raw.head, promised, calibration)
