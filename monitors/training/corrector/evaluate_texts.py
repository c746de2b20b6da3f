"""Step 4 for texts: what the corrector makes of sentences that it has not seen, and what a rule on patterns would.

    python monitors/training/corrector/evaluate_texts.py --out build/corrector-texts

The rule masks every secret, whatever its kind: it is told where each stands, which no real pattern is. It leaves the
clause around it, and has nothing to say to a wrong number. Prints the table and writes it to OUT/evaluation.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from tasks import Texts

from bartizan.monitors.calibration.binomial import clopper_pearson
from bartizan.monitors.corrector import spans, storage
from bartizan.monitors.corrector.errors import NoScript
from bartizan.monitors.corrector.script import Word
from bartizan.monitors.corrector_training import answers
from bartizan.monitors.corrector_training.examples import Example

console = Console()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build/corrector-texts"))
    options = parser.parse_args()
    corrector = storage.load(options.out / "corrector")
    task = Texts(Path(), options.out)
    lines = [
        "| split | proposer | right | right, of proposed | abstains | still holds it, of proposed | benign left |",
        "|" + "---|" * 7,
    ]
    for split in ("texts", "wordings"):
        examples = task.examples(split)
        said: list[str | None] = [None] * len(examples)
        likely = [False] * len(examples)
        for place, written in answers.answers(corrector.model, examples):
            said[place] = made(examples[place], written.text) if written.ended else None
            likely[place] = written.log_p >= corrector.threshold
        lines.append(row(split, "corrector", examples, said, likely))
        masked = [e.problem["text"].replace(e.problem["secret"] or "\0", "[redacted]") for e in examples]
        lines.append(row(split, "mask", examples, masked, [True] * len(examples)))
    text = "\n".join(lines) + "\n"
    (options.out / "evaluation.md").write_text(text, encoding="utf-8")
    console.print(text, markup=False)


def made(example: Example, script: bytes) -> str | None:
    """The text that a script makes; None where it is none."""
    try:
        edits = spans.read(script)
        if isinstance(edits, Word):
            return str(example.problem["text"]) if edits is Word.UNCHANGED else None
        return spans.applied(edits, example.problem["text"])
    except NoScript:
        return None


def row(
    split: str, name: str, examples: Sequence[Example], said: Sequence[str | None], likely: Sequence[bool]
) -> str:
    """``holding``: proposals with the secret or the wrong number in them; a rule that finds it lets none of them go."""
    wrong = [(e, s, ok) for e, s, ok in zip(examples, said, likely, strict=True) if e.output != b"="]
    right = [s == made(e, e.output) for e, s, _ in wrong]
    changed = [s not in (None, e.problem["text"]) for e, s, _ in wrong]
    proposed = [ok and c for (_, _, ok), c in zip(wrong, changed, strict=True)]
    holding = [e.problem["secret"] in (s or "") for (e, s, _), p in zip(wrong, proposed, strict=True) if p]
    benign = [s == e.problem["text"] for e, s in zip(examples, said, strict=True) if e.output == b"="]
    cells = (
        share(right), share([r for r, p in zip(right, proposed, strict=True) if p]),
        share([not p for p, c in zip(proposed, changed, strict=True) if c]), share(holding), share(benign),
    )  # fmt: skip
    return f"| {split} | {name} | " + " | ".join(cells) + " |"


def share(counted: Sequence[bool]) -> str:
    if not counted:
        return "-"
    low, high = clopper_pearson(sum(counted), len(counted))[1:]
    return f"{sum(counted) / len(counted):.1%} of {len(counted)} ({low:.1%}-{high:.1%})"


if __name__ == "__main__":
    main()
