"""Loading a policy file: located YAML, the pydantic document, and the declared tools.

Names across rules, types inside conditions and everything that needs other files are the checker's.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from ..diagnostics import Diagnostic, PolicyError, Source
from ..effects import DERIVED_TAGS, tags_of
from ..justified import Justification
from ..language.syntax import Span
from ..language.types import Any as Opaque
from ..language.types import Record, ToolDecl
from .model import PolicyDocument, Rule, ToolSpec
from .refusals import Path, diagnostics, head, locate
from .source import Mapping, Node, Scalar, Sequence, parse_yaml
from .typespec import declared_args

__all__ = ["Located", "Path", "PolicyDocument", "Rule", "load_document"]


@dataclass(frozen=True, slots=True)
class Located:
    """A document with its places. A path names YAML keys and list positions: ``("rules", 2, "when")``."""

    document: PolicyDocument
    source: Source
    root: Node
    tools: tuple[ToolDecl, ...]

    def node(self, path: Path) -> Node | None:
        """The YAML at ``path``, if it is there."""
        node, _, found = locate(self.root, path)
        return node if found == path else None

    def span(self, path: Path) -> Span:
        """The value at ``path``; where the file leaves it out, the nearest place above."""
        node, _, found = locate(self.root, path)
        return node.span if found == path else head(node)

    def key_span(self, path: Path) -> Span:
        """The key at ``path``; for a list item, or where the file leaves it out, as :meth:`span`."""
        _, key, found = locate(self.root, path)
        return key.span if key is not None and found == path else self.span(path)

    def justified(self, path: Path, reasons: dict[str, str]) -> dict[str, Justification]:
        """Findings that are meant: what stands under ``justified`` at ``path``, with its places."""
        return {
            code: Justification(reason, self.key_span((*path, "justified", code)))
            for code, reason in reasons.items()
        }

    def text_offsets(self, path: Path) -> tuple[int, ...]:
        """The file offset of each character of the text at ``path``; its beginning where they cannot be told."""
        node = self.node(path)
        if not isinstance(node, Scalar):
            return ()
        return node.offsets if node.offsets is not None else (node.span.start,) * len(node.text)


def load_document(source: Source) -> Located:
    """The document in ``source``. Raises :class:`PolicyError` with every problem found."""
    root = parse_yaml(source)
    if not isinstance(root, Mapping):
        problem = Diagnostic("type", "a policy is a mapping", head(root), "begin with `version: 1`")
        raise PolicyError(source, [problem])
    args, problems = declared_args(root, source)
    try:
        document = PolicyDocument.model_validate(plain(root))
    except ValidationError as error:
        raise PolicyError(source, [*problems, *diagnostics(error, PolicyDocument, root)]) from None
    tools = tuple(
        _declaration(name, spec, args[name]) for name, spec in document.tools.items() if name in args
    )
    located = Located(document, source, root, tools)
    problems += [*_duplicate_rules(located), *_derived_tags(located)]
    if problems:
        raise PolicyError(source, problems)
    return located


def plain(node: Node) -> Any:
    """The document as pydantic takes it: mappings, tuples and scalars; decimals exactly as written."""
    match node:
        case Scalar(value, text):
            return Decimal(text) if isinstance(value, float) else value
        case Sequence(items):
            return tuple(plain(item) for item in items)
        case Mapping(entries):
            return {key.value: plain(value) for key, value in entries}


def _declaration(name: str, spec: ToolSpec, args: Record | Opaque) -> ToolDecl:
    tags = tags_of(spec.effect, spec.open) | frozenset(spec.tags)
    label = spec.result.label or "untrusted"
    return ToolDecl(name, args, tags, label, tuple(spec.result.except_.items()), spec.description)


def _derived_tags(located: Located) -> list[Diagnostic]:
    """Tags that an author wrote although they follow from the effect."""
    return [
        Diagnostic(
            "tag-name",
            f"the tag `{tag}` follows from the tool's effect",
            span,
            "write effect: or open: instead",
        )
        for name, spec in located.document.tools.items()
        for index, tag in enumerate(spec.tags)
        if tag in DERIVED_TAGS
        for span in (located.span(("tools", name, "tags", index)),)
    ]


def _duplicate_rules(located: Located) -> list[Diagnostic]:
    problems: list[Diagnostic] = []
    first: dict[str, int] = {}
    for index, rule in enumerate(located.document.rules):
        if rule.id in first:
            line, _ = located.source.position(located.span(("rules", first[rule.id], "id")).start)
            span = located.span(("rules", index, "id"))
            message = f"the rule id `{rule.id}` is already taken"
            problems.append(Diagnostic("duplicate-rule", message, span, f"the first one is on line {line}"))
        first.setdefault(rule.id, index)
    return problems
