"""Named features of the embedded reader, as evidence beside the injection probe. One command makes all of it again.

    python monitors/training/name_features.py --data ../shared/data --out build/features

Steps, each of which goes on where it was stopped: (1) the reader reads real text (feature_texts.py); (2)
autoencoders of three architectures and several seeds are trained, and compared on held-out text; (3) of the chosen one,
features are kept that tell injected instructions from benign results (feature_choice.py); (4) their strongest contexts
stand in ``contexts.md``, for somebody who reads them and writes names into feature_names.yaml; (5) the named ones are
written with their figures: ``features/`` and ``card.md``. ``--ship`` puts these where they are loaded from.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import feature_choice
import feature_figures as figures
import feature_page
import feature_texts
import yaml
from feature_figures import Context
from rich.console import Console

from bartizan.monitors import formats
from bartizan.monitors.capture import HookPoint
from bartizan.monitors.embedded import FEATURES, reader
from bartizan.monitors.engine import FeatureCard, load_feature_card, save_features
from bartizan.monitors.engine.feature_card import Autoencoder, NamedFeature, Word
from bartizan.monitors.sae import SlicedEncoder, SparseAutoencoder

HERE = Path(__file__).parent
NAMES = HERE / "feature_names.yaml"
PAGE = HERE.parent / "cards" / "features.md"
POINT = "resid_post.3"  # where the injection probe reads
D_SAE = 4096
SAME = 0.9  # the least cosine between decoder rows of a feature that was named and the one that bears its number now

console = Console()


@dataclass(frozen=True, slots=True)
class Variant:
    """One autoencoder. ``jumprelu`` is held to an L0 of ``k``; ``tokens`` are the rows that it sees in training."""

    architecture: str
    k: int
    seed: int
    tokens: int

    @property
    def folder(self) -> str:
        return f"{self.architecture}-{self.k}-{self.seed}-{self.tokens}"


TOKENS = 1_000_000
COMPARED = (  # alike in all but the architecture or the seed
    *(Variant(architecture, 32, 0, TOKENS) for architecture in ("topk", "batchtopk", "jumprelu")),
    Variant("batchtopk", 32, 1, TOKENS),
)
CHOSEN = Variant("batchtopk", 32, 0, TOKENS)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/features"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--ship", action="store_true", help="write into the package, and the page among the cards"
    )
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)

    # 1. What the reader makes of real text.
    reads = reader()
    feature_texts.gather(options.data, out, reads, HookPoint.parse(POINT))
    parts = [feature_texts.load(out / name) for name in ("activations", "apart")]
    tail = sum(text.tokens for text in parts[0][0] if text.part == "check")

    # 2. Autoencoders.
    compared = {variant: train(variant, out, tail, options.threads) for variant in COMPARED}
    for variant, found in compared.items():
        console.print(f"{variant.folder:28} FVU {found.fvu:.4f}  L0 {found.l0:.1f}  dead {found.dead:.1%}")
    sae = load(CHOSEN, out)
    others = [load(other, out).W_dec for other in COMPARED if other.seed != CHOSEN.seed]

    # 3. Features that tell.
    kept_in = out / "sae" / CHOSEN.folder
    everywhere = figures.largest(sae.encode, *parts[0], kept_in / "learn.npz")
    everywhere += figures.largest(sae.encode, *parts[1], kept_in / "apart.npz")
    learn, check, never = (everywhere.part(name) for name in ("learn", "check", "never"))
    chosen = feature_choice.choose(learn)
    loso = feature_choice.leave_one_out(learn, check)
    texts, data = parts[0]
    encode = SlicedEncoder(sae, chosen)
    cosine = figures.cosines(encode, chosen, texts, data)
    chosen = [feature for feature in chosen if not feature_choice.means_another_thing(cosine[feature])]
    console.print(f"{len(chosen)} features kept; left out in turn: {loso}")

    # 4. What they fire on.
    contexts = figures.explained(SlicedEncoder(sae, chosen), chosen, texts, data, reads.spans)
    areas = {
        source: figures.areas(part, source, check.benign, chosen)
        for part in (check, never)
        for source in part.attacked
    }
    level_F, density_F = figures.levels(learn, feature_choice.RARE), learn.density
    benign_F = (check.benign > level_F).mean(axis=0)
    lookalikes_F = (check.lookalikes > level_F).mean(axis=0)
    features = {
        feature: {
            "id": feature,
            "level": round(float(level_F[feature]), 4),
            "density": round(float(density_F[feature]), 6),
            "benign": round(float(benign_F[feature]), 4),
            "lookalikes": round(float(lookalikes_F[feature]), 4),
            "auroc": {source: area[feature] for source, area in areas.items()},
            "cosine": cosine[feature],
            "seeds": seeds,
            "word": contexts[feature][1],
        }
        for feature, seeds in figures.agreement(sae.W_dec, others, chosen).items()
    }
    (out / "contexts.md").write_text(
        "\n\n".join(shown(f, features[f], contexts[f][0]) for f in chosen) + "\n", encoding="utf-8"
    )

    # 5. The named ones, and their page.
    names, rejected = named(sae)
    for feature in chosen:
        if feature not in names and feature not in rejected:
            console.print(f"feature {feature} has no name yet: see {out / 'contexts.md'}")
    kept = [NamedFeature(name=names[feature], **features[feature]) for feature in chosen if feature in names]
    if not kept:
        raise SystemExit(f"nothing to ship: write names into {NAMES.name}, and run this again")
    quality = compared[CHOSEN]
    card = FeatureCard(
        version="1",
        description="Features of the embedded reader that fire on injected instructions and rarely on benign results. "
        "Evidence beside the injection probe: they decide nothing.",
        licence="Apache-2.0",
        hook_point=POINT,
        fingerprint=data.fingerprint,
        weights="0" * 64,
        autoencoder=Autoencoder(
            architecture=CHOSEN.architecture, d_sae=D_SAE, k=CHOSEN.k, seed=CHOSEN.seed, tokens=CHOSEN.tokens,
            fvu=round(quality.fvu, 4), l0=round(quality.l0, 1), never_fired=round(quality.never_fired, 4),
            dead=round(quality.dead, 4),
        ),
        features=tuple(kept),
        limits=feature_page.LIMITS,
    )  # fmt: skip
    folder = FEATURES if options.ship else out / "features"
    card = save_features(folder, sae, card)
    page = PAGE if options.ship else out / "card.md"
    rows = [
        (variant.architecture, variant.k, variant.seed, variant.tokens, found)
        for variant, found in compared.items()
    ]
    sizes = feature_page.sizes([text for found, _ in parts for text in found])
    page.write_text(feature_page.markdown(card, rows, loso, sizes, len(chosen)), encoding="utf-8")
    console.print(f"wrote {folder} and {page}")


@dataclass(frozen=True, slots=True)
class Quality:
    """On held-out text; as :class:`bartizan.monitors.sae_training.Quality`."""

    fvu: float
    l0: float
    never_fired: float
    dead: float
    rows: int


def train(variant: Variant, out: Path, tail: int, threads: int) -> Quality:
    """What the autoencoder is worth on the held-out rows at the end; trained by train_sae.py unless it was."""
    folder, result = out / "sae" / variant.folder, out / "sae" / variant.folder / "quality.json"
    if not result.exists():
        command = [
            sys.executable, str(HERE / "train_sae.py"), str(out / "activations"), str(folder),
            "--architecture", variant.architecture, "--d-sae", str(D_SAE), "--k", str(variant.k),
            "--seed", str(variant.seed), "--tokens", str(variant.tokens), "--eval-rows", str(tail),
            "--eval-every", "400", "--threads", str(threads),
        ]  # fmt: skip
        if variant.architecture == "jumprelu":
            command += ["--target-l0", str(variant.k)]
        subprocess.run(command, check=True)
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        result.write_text(json.dumps(json.loads(lines[-1])["held_out"]) + "\n", encoding="utf-8")
    return Quality(**json.loads(result.read_text(encoding="utf-8")))


def load(variant: Variant, out: Path) -> SparseAutoencoder:
    return formats.load(out / "sae" / variant.folder / "sae")


def named(sae: SparseAutoencoder) -> tuple[dict[int, str], dict[int, str]]:
    """What features were called, and why others were rejected; names only where a feature is still what was named."""
    book = yaml.safe_load(NAMES.read_text(encoding="utf-8"))
    names, rejected = dict(book["names"]), dict(book["rejected"])
    if (FEATURES / "features.yaml").exists():
        ids = [feature.id for feature in load_feature_card(FEATURES).features]
        for feature, row_D in zip(ids, formats.load(FEATURES).W_dec, strict=True):
            same = float((row_D @ sae.W_dec[feature]) / (row_D.norm() * sae.W_dec[feature].norm()))
            if feature in names and same < SAME:
                console.print(f"feature {feature} is no longer what was named (cosine {same:.2f})")
                del names[feature]
    return names, rejected


def shown(feature: int, figures: dict[str, object], contexts: list[Context]) -> str:
    word = figures["word"]
    assert isinstance(word, Word)
    about = ", ".join(f"{key} {value}" for key, value in figures.items() if key not in ("id", "word"))
    lines = [f"* {one.value:.2f} {one.text.source}/{one.text.label}: {one.quote()}" for one in contexts]
    return "\n".join([f"## {feature}", f"{about}; word {word.word!r} {word.f1}", *lines])


if __name__ == "__main__":
    main()
