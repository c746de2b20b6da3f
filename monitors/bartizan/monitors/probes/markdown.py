"""A card as people read it: one page of Markdown, made from the card and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .card import Card, Promise
from .evaluation import PROBE, Rate, Row, verdict


def markdown(card: Card) -> str:
    """The page. Bad figures stand where good ones would."""
    sections = [
        f"# {_line(card.name)} {_line(card.version)}\n\n{_line(card.description)}",
        _what(card),
        "## Training\n\n" + _data(card),
        "## Texts of sources that it never saw\n\n" + _evaluation(card),
        "## Promises\n\n" + _promises(card),
        "## Known failures\n\n"
        + _list(card.limits or ("None are recorded, which does not mean there are none.",)),
    ]
    return "\n\n".join(sections) + "\n"


def _what(card: Card) -> str:
    print_of = card.fingerprint
    head = card.head.model_dump(exclude_defaults=True)
    return _table(
        ("", ""),
        [
            ("reads", ", ".join(card.reads) + (f": {card.positions}" if card.positions else "")),
            *([("vouches for", f"text in {', '.join(card.scripts)} letters")] if card.scripts else []),
            ("hook point", card.hook_point),
            ("head", ", ".join(f"{name} {value}" for name, value in head.items())),
            ("model", str(print_of["model"])),
            ("layers, width, type", f"{print_of['n_layers']}, {print_of['d_model']}, {print_of['dtype']}"),
            ("weights (SHA-256)", card.weights),
            ("licence", card.licence),
        ],
    )


def _data(card: Card) -> str:
    rows = [(s.name, s.role, s.attacks, s.benign, s.licence, s.note) for s in card.data]
    text = _table(("source", "used to", "attacks", "benign", "licence", ""), rows)
    settings = [f"{name}: {value}" for name, value in card.training.items()]
    if card.seeds:
        settings.append(f"seeds: {', '.join(map(str, card.seeds))}")
    return text + ("\n\n" + _list(settings) if settings else "")


def _evaluation(card: Card) -> str:
    if not card.evaluation:
        return "Not evaluated."
    rows = [
        (
            row.source, row.method, row.attacks, row.benign, _auroc(row), _rate(row.recall_1), _rate(row.recall_01),
            _rate(row.caught), _rate(row.false_alarms),
        )
        for row in card.evaluation
    ]  # fmt: skip
    heads = (
        "source", "method", "attacks", "benign", "AUROC", "recall at 1%", "recall at 0.1%", "caught", "false alarms"
    )  # fmt: skip
    return "\n\n".join([
        "Each source was left out of training in its turn. Recall at 1% and 0.1% is at a threshold set on the source's "
        "own benign texts; *caught* and *false alarms* are at the threshold that 1% of the training sources' benign "
        "texts exceed, as in use. Intervals are exact, at 95%; ± is the standard deviation over seeds.",
        _table(heads, rows),
        _verdict(card),
    ])  # fmt: skip


def _verdict(card: Card) -> str:
    others = dict.fromkeys(row.method for row in card.evaluation if row.method != PROBE)
    if not others:
        return "**No baseline was evaluated beside it.**"
    text = f"The probe's mean AUROC over the sources is above that of: {', '.join(map(_line, others))}."
    if beaten := card.beaten():
        text = f"**The probe does not beat: {', '.join(map(_line, beaten))}** (mean AUROC over the sources)."
    return f"{text}\n\n{_list(verdict(card.evaluation))}"


def _promises(card: Card) -> str:
    if card.calibration is None:
        return "None: it is not calibrated, so there is a score and no p-value."
    sizes = [
        (
            "any" if b.tool is None else b.tool or "(none)",
            _lengths(card.calibration.edges, b.length),
            b.episodes,
        )
        for b in card.calibration.bins
    ]
    text = f"p-values rest on benign episodes: {_line(card.calibration.data)}\n\n"
    text += _table(("tool", "tokens", "episodes"), sizes)
    return text + ("\n\n" + _list(map(_promise, card.promises)) if card.promises else "")


def _promise(promise: Promise) -> str:
    if promise.contract is None:
        return f"refused: {promise.refused}"
    c, v = promise.contract, promise.verification
    text = (
        f"`p_value <= {c.p_value:.4g}`: at most {c.fpr:.2%} of benign episodes, with {c.confidence:.0%} confidence "
        f"({c.episodes:,} episodes, {c.exceedances} of them above)"
    )
    if v is None:
        return text + "; not verified on fresh episodes"
    return text + (
        f"; fresh episodes: {v.alarms} of {v.episodes:,}, true rate at most {v.upper:.2%}: **{v.verdict}**"
    )


def _lengths(edges: Sequence[int], at: int | None) -> str:
    if at is None:
        return "any"
    low = edges[at - 1] if at else 0
    return f"{low} and more" if at == len(edges) else f"{low} to {edges[at] - 1}"


def _auroc(row: Row) -> str:
    if row.auroc is None:
        return "-"
    return f"{row.auroc:.3f}" + (f" ± {row.spread:.3f}" if row.spread is not None else "")


def _rate(rate: Rate | None) -> str:
    return "-" if rate is None else str(rate)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"* {_line(line)}" for line in lines)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(_line(str(cell)).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _line(text: str) -> str:
    return " ".join(text.split())
