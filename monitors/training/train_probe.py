"""Step 3: the injection probe, and how well it does on sources that it never saw.

    python monitors/training/train_probe.py --gathered build/monitors --out build/monitors/probe

Each token is classified by a logistic regression (L2, class-balanced, benign-standardised) that learns from the tokens
of injected parts and of benign texts; a text's score is the largest mean over a few consecutive tokens. Layer, window
and strength are chosen by leave-one-dataset-out *within* the training sources. Beside it stand a bag of words and a
regular expression for the best-known template. Writes ``candidate.safetensors`` and ``evaluation.json``.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import gathered
import numpy as np
import numpy.typing as npt
import torch
from corpus import HELD_OUT
from gathered import Gathered
from rich.console import Console
from rich.progress import track
from safetensors.torch import save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bartizan.monitors.probes.evaluation import PROBE, Row
from bartizan.monitors.probes.heads import Head, HeadConfig, build_head
from bartizan.monitors.probes.metrics import auroc, row, threshold

REGEX = re.compile(r"<INFORMATION>|This is an important message from me", re.ASCII)
SEEDS = (0, 1, 2, 3, 4)
OUT_OF_SOURCE = {  # what is left out together: a family of texts that share wording or contexts
    "agentdyn": ("agentdyn",),
    "bipia_email": ("bipia_email",),
    "bipia_code": ("bipia_code",),
    "tasktracker": ("tasktracker",),
    "composed": ("composed",),
    "cyberseceval": ("cyberseceval_indirect",),
    "agentdojo": ("agentdojo",),
}

Score = Callable[[Gathered], float]


def fit(texts: Sequence[Gathered], window: int, strength: float, seed: int) -> Head:
    """A head trained on ``texts``. ``strength`` is the inverse of the L2 penalty."""
    x_ND, y_N = gathered.tokens(texts, seed)
    mean_D, std_D = x_ND[y_N == 0].mean(axis=0), x_ND[y_N == 0].std(axis=0) + 1e-6
    model = LogisticRegression(C=strength, max_iter=300, class_weight="balanced", random_state=seed)
    model.fit((x_ND - mean_D) / std_D, y_N)
    head = build_head(HeadConfig(kind="rolling", d_in=x_ND.shape[1], window=window))
    with torch.no_grad():  # the query is zero: every token of the window weighs the same
        head.weight[1] = torch.from_numpy(model.coef_[0])
        head.bias[1] = float(model.intercept_[0])
    head.fold(torch.from_numpy(mean_D), torch.from_numpy(std_D))
    return head.eval()


def scorer(head: Head) -> Score:
    @torch.inference_mode()
    def score(text: Gathered) -> float:
        return float(head(torch.from_numpy(np.asarray(text.x_TD, dtype=np.float32))[None]))

    return score


def lexical(texts: Sequence[Gathered]) -> Score:
    """Words and pairs of words, by logistic regression on whole texts."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=50_000, sublinear_tf=True),
        LogisticRegression(C=10, max_iter=300, class_weight="balanced"),
    )
    model.fit([text.text for text in texts], [text.label for text in texts])
    return lambda text: float(model.decision_function([text.text])[0])


def regular(text: Gathered) -> float:
    return float(REGEX.search(text.text) is not None)


def training(texts: Sequence[Gathered], without: Sequence[str] = ()) -> list[Gathered]:
    """What may be learned from: other sources, other folds than calibration and verification use."""
    used = (*gathered.CALIBRATE, *gathered.VERIFY)
    out = (*without, *HELD_OUT)
    return [
        text
        for text in texts
        if text.source not in out
        and not text.source.startswith("cyberseceval")
        and not (text.fold in used and not text.label)
        and len(text.x_TD)
    ]


def tested(texts: Sequence[Gathered], sources: Sequence[str]) -> list[Gathered]:
    """The source's own texts, and the benign texts that no training has seen."""
    return [
        text
        for text in texts
        if len(text.x_TD)
        and (
            text.source in sources
            or (not text.label and text.fold in gathered.VERIFY and text.source in ("toolemu", "agentdyn"))
        )
    ]


def rows_of(
    method: str, source: str, score: Score, trained: Sequence[Gathered], texts: Sequence[Gathered]
) -> Row:
    """One method on one source, with the threshold at 1% of the benign texts that it was trained beside."""
    test = tested(texts, OUT_OF_SOURCE[source])
    benign = np.array([score(text) for text in trained if not text.label][:1500])
    return row(method, source, *measured(score, test), threshold(benign, 0.01))


def measured(
    score: Score, texts: Sequence[Gathered]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Scores and labels."""
    return np.array([score(text) for text in texts]), np.array([text.label for text in texts])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gathered", type=Path, default=Path("build/monitors"))
    parser.add_argument("--out", type=Path, default=Path("build/monitors/probe"))
    parser.add_argument("--hook-points", nargs="+", default=["resid_post.2", "resid_post.3"])
    parser.add_argument("--windows", nargs="+", type=int, default=[8, 16])
    parser.add_argument("--strengths", nargs="+", type=float, default=[0.01, 0.1])
    options = parser.parse_args()
    console = Console()
    by_point = {name: gathered.load(options.gathered, name) for name in options.hook_points}
    settings = [(p, w, c) for p in options.hook_points for w in options.windows for c in options.strengths]
    inner = [source for source in OUT_OF_SOURCE if source not in ("agentdojo", "cyberseceval")]
    found = {}
    for point, window, strength in track(settings, description="leave one dataset out", console=console):
        texts = by_point[point]
        areas = []
        for source in inner:
            score = scorer(fit(training(texts, OUT_OF_SOURCE[source]), window, strength, 0))
            test = tested(texts, OUT_OF_SOURCE[source])
            areas.append(auroc(*measured(score, test)) or 0.0)
        found[point, window, strength] = float(np.mean(areas))
    (point, window, strength), best = max(found.items(), key=lambda item: item[1])
    console.print(f"chosen: {point}, window {window}, strength {strength}; mean AUROC left out {best:.3f}")
    texts = by_point[point]
    rows: list[Row] = []
    for source in track(OUT_OF_SOURCE, description="the table", console=console):
        trained = training(texts, OUT_OF_SOURCE[source])
        scores = [scorer(fit(trained, window, strength, seed)) for seed in SEEDS]
        test = tested(texts, OUT_OF_SOURCE[source])
        areas = [auroc(*measured(score, test)) or 0.0 for score in scores]
        probe = rows_of(PROBE, source, scores[0], trained, texts)
        rows += [
            probe.model_copy(update={"spread": float(np.std(areas))}),
            rows_of("bag of words", source, lexical(trained), trained, texts),
            rows_of("regular expression", source, regular, trained, texts),
        ]
    trained = training(texts)
    head = fit(trained, window, strength, 0)
    options.out.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.contiguous() for name, value in head.state_dict().items()},
        options.out / "candidate.safetensors",
        metadata={"head": head.config.model_dump_json(), "hook_point": point},
    )
    counts = {
        source: (sum(t.label for t in part), sum(not t.label for t in part))
        for source in sorted({t.source for t in trained})
        if (part := [t for t in trained if t.source == source])
    }
    document = {
        "hook_point": point, "window": window, "strength": strength, "seeds": SEEDS, "trained": counts,
        "tried": {f"{p} window {w} strength {c}": area for (p, w, c), area in found.items()},
        "rows": [found_row.model_dump(mode="json") for found_row in rows],
    }  # fmt: skip
    (options.out / "evaluation.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    for item in rows:
        console.print(
            f"{item.source:16}{item.method:20}AUROC {item.auroc} recall {item.recall_1} caught {item.caught}"
        )


if __name__ == "__main__":
    main()
