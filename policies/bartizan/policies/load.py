"""From a policy file to a program: read, include, check, compile.

Every problem of a file is found and reported at once; a policy with a problem is never loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from .diagnostics import Diagnostic, PolicyError, Source, did_you_mean
from .document.loading import Located, Path, load_document
from .document.model import Rule
from .document.source import MAX_BYTES, TOO_LARGE
from .edits.check import check_repair
from .invariants import check_invariants
from .language import ast, syntax
from .language.checker import check_condition
from .language.environment import Environment, SignalDecl, call_environment, result_environment
from .language.parser import parse_expression
from .language.problems import CheckError, noting
from .language.syntax import Span
from .language.types import Any, Record, ToolDecl
from .policy import CheckedPolicy, CheckedRule, Declaration
from .program import Program
from .references import check_tests
from .scopes import selected
from .stages.check import check_because, check_stages
from .stages.graph import CheckedStages
from .stages.rules import confine, stage_rules
from .texts import check_texts

if TYPE_CHECKING:
    from .lean.certificates.levels import Level, Requirement

MAX_INCLUDES = 32


def load_policy(
    path: str | FilePath,
    tools: Sequence[ToolDecl] = (),
    *,
    require: Level | Requirement | None = None,
) -> Program:
    """The program of a policy file. ``tools`` adds tool types that the file does not declare itself.

    The bare name of a pack (``"baseline"``) is that pack of the library, whatever files there are. ``require``: the
    level that its certificate must reach (``hash``, ``recheck``, ``kernel``, ``external``), or more about it; see
    :mod:`.lean.certificates.levels`. Raises :class:`PolicyError` with located diagnostics, OSError when the file
    cannot be read, and :class:`~.lean.certificates.levels.Uncertified` when a level is required and not reached.
    """
    policy = check_policy(read_source(path), tools)
    return Program(policy) if require is None else _certified(policy, FilePath(path), require)


def compile_policy(
    text: str,
    filename: str = "<policy>",
    tools: Sequence[ToolDecl] = (),
    *,
    require: Level | Requirement | None = None,
) -> Program:
    """The program of a policy's text; otherwise as :func:`load_policy`."""
    policy = check_policy(Source(filename, text), tools)
    return Program(policy) if require is None else _certified(policy, FilePath(filename), require)


def _certified(policy: CheckedPolicy, file: FilePath, require: Level | Requirement) -> Program:
    from .lean.certificates.levels import Requirement, assure  # on use: it loads policies itself

    required = Requirement(require) if isinstance(require, str) else require
    return Program(policy, assure(policy, required, file).name)


def read_source(path: str | FilePath) -> Source:
    """The source of a policy file, or of a pack of the library.

    No file takes the place of a pack: whoever can write to the current folder would replace what a policy includes.
    """
    if str(path) in packs():
        return Source.decode(f"{path}.yaml", (_library() / f"{path}.yaml").read_bytes())
    with FilePath(path).open("rb") as opened:
        found = opened.read(MAX_BYTES + 1)
    if len(found) > MAX_BYTES:
        raise PolicyError(Source(str(path), found[:80].decode("utf-8", errors="replace")), [TOO_LARGE])
    return Source.decode(str(path), found)


def packs() -> tuple[str, ...]:
    """The names of the packs that ship with the package."""
    return tuple(
        sorted(p.name.removesuffix(".yaml") for p in _library().iterdir() if p.name.endswith(".yaml"))
    )


def _library() -> Traversable:
    return files("bartizan.policies") / "library"


def check_policy(source: Source, tools: Sequence[ToolDecl] = ()) -> CheckedPolicy:
    """The checked policy of a source and what it includes. Raises :class:`PolicyError`."""
    main = load_document(source)
    documents = [main, *_included(main)]
    declared = {tool.name: tool for tool in tools}
    for located in reversed(documents):
        declared |= {tool.name: tool for tool in located.tools}
    signals = _signals(documents)
    _refuse_same_rule(documents)
    stages = check_stages(documents, declared, signals)
    rules: list[CheckedRule] = []
    for located in documents:
        rules += _check_rules(located, declared, signals, stages)
    if stages is not None:
        rules += _of_stages(stages, documents, declared, rules)
    machine = stages.machine if stages is not None else None
    invariants = [i for located in documents for i in check_invariants(located, declared, signals, machine)]
    repair = check_repair(main, declared, rules)
    texts = check_texts(documents, signals, [rule.id for rule in rules])
    if problems := check_tests(main, declared, signals, [rule.id for rule in rules]):
        raise PolicyError(source, problems)
    return CheckedPolicy(
        main.document.name, declared, signals, tuple(rules), tuple(invariants), repair, main.document.tests,
        source, _declarations(documents), texts, stages,
    )  # fmt: skip


def _of_stages(
    stages: CheckedStages,
    documents: Sequence[Located],
    tools: Mapping[str, ToolDecl],
    rules: Sequence[CheckedRule],
) -> list[CheckedRule]:
    """The rules that the stages are compiled to. Raises :class:`PolicyError`."""
    made = stage_rules(stages, tools)
    (located,) = (each for each in documents if each.document.stages is not None)
    ids = {each.id for each in made}
    for rule in rules:
        if rule.id in ids:
            message = f"the rule id `{rule.id}` is that of a stage"
            assert rule.source is not None
            raise PolicyError(
                rule.source, [Diagnostic("duplicate-rule", message, rule.span, "rename the rule")]
            )
    effects = {rule.id: rule.effect for rule in (*rules, *made) if not rule.shadow}
    if problems := check_because(located, effects):
        raise PolicyError(located.source, problems)
    return made


def _included(main: Located) -> list[Located]:
    """The documents that ``main`` includes, directly or not, each once."""
    found: dict[tuple[bool, str], Located] = {}  # whether it is a pack, and its file
    waiting = [(main, index) for index in range(len(main.document.include))]
    while waiting:
        located, index = waiting.pop(0)
        name = located.document.include[index]
        span = located.span(("include", index))
        try:
            source = _resolve(located.source, name)
        except OSError as error:
            message = f"cannot read `{name[:60]}`: {error.strerror or error}"
            raise PolicyError(located.source, [Diagnostic("unreadable", message, span)]) from error
        if source is None:
            help = did_you_mean(name, packs()) or f"the packs are: {', '.join(packs())}"
            raise PolicyError(
                located.source, [Diagnostic("unknown-pack", f"no pack or file `{name}`", span, help)]
            )
        key = name in packs(), source.file
        if key in found or key == (False, main.source.file):
            continue
        if len(found) >= MAX_INCLUDES:
            raise PolicyError(
                located.source, [Diagnostic("too-many", f"more than {MAX_INCLUDES} includes", span)]
            )
        document = load_document(source)
        found[key] = document
        waiting += [(document, i) for i in range(len(document.document.include))]
    return list(found.values())


def _resolve(source: Source, name: str) -> Source | None:
    if name in packs():
        return read_source(name)
    path = FilePath(source.file).parent / name
    return read_source(path) if path.is_file() else None


def _signals(documents: Sequence[Located]) -> dict[str, SignalDecl]:
    signals: dict[str, SignalDecl] = {}
    for located in reversed(documents):
        for name, spec in located.document.signals.items():
            signals[name] = SignalDecl(spec.on, spec.monitor, spec.missing)
    return signals


def _declarations(documents: Sequence[Located]) -> dict[str, Declaration]:
    found: dict[str, Declaration] = {}
    for located in reversed(documents):
        for tool in located.tools:
            path = ("tools", tool.name)
            names = tool.args.names if isinstance(tool.args, Record) else ()
            places = {name: _argument(located, (*path, "args"), name) for name in names}
            justified = located.justified(path, located.document.tools[tool.name].justified)
            found[tool.name] = Declaration(located.source, located.key_span(path), justified, places)
    return found


def _argument(located: Located, path: Path, name: str) -> Span:
    optional = (*path, f"{name}?")
    return located.key_span(optional if located.node(optional) is not None else (*path, name))


def _refuse_same_rule(documents: Sequence[Located]) -> None:
    owners: dict[str, str] = {}
    for located in documents:
        for index, rule in enumerate(located.document.rules):
            if rule.id in owners:
                span = located.span(("rules", index, "id"))
                message = f"the rule id `{rule.id}` is already taken in {owners[rule.id]}"
                raise PolicyError(
                    located.source, [Diagnostic("duplicate-rule", message, span, "rename one of them")]
                )
            owners[rule.id] = located.source.file


def _check_rules(
    located: Located,
    tools: Mapping[str, ToolDecl],
    signals: Mapping[str, SignalDecl],
    stages: CheckedStages | None,
) -> list[CheckedRule]:
    rules: list[CheckedRule] = []
    problems: list[Diagnostic] = []
    for index, rule in enumerate(located.document.rules):
        with noting(problems):
            rules.append(_check_rule(located, index, rule, tools, signals, stages))
    if problems:
        raise PolicyError(located.source, problems)
    return rules


def _check_rule(
    located: Located,
    index: int,
    rule: Rule,
    tools: Mapping[str, ToolDecl],
    signals: Mapping[str, SignalDecl],
    stages: CheckedStages | None,
) -> CheckedRule:
    scope = selected(rule.scope, tools, lambda at: located.span(("rules", index, rule.effect, at)))
    make = result_environment if rule.effect in ("redact", "label") else call_environment
    condition = _condition(located, index, rule)
    machine = stages.machine if stages is not None else None

    def checked(tool: ToolDecl) -> ast.Expr:
        env = replace(make(tool, tools, signals), stages=machine)
        return confine(_checked(condition, env), rule.in_, stages, located, index)

    conditions = {tool: checked(tools[tool]) for tool in scope}
    if not conditions:
        _check_names(partial(checked, ToolDecl("any", Any())))
    return CheckedRule(
        rule.id, rule.effect, conditions, rule.reason or "", rule.mode == "shadow", rule.as_,
        located.source, located.span(("rules", index)), located.justified(("rules", index), rule.justified),
    )  # fmt: skip


def _checked(condition: syntax.Expr | None, env: Environment) -> ast.Expr:
    return ast.TRUE if condition is None else check_condition(condition, env)


def _check_names(check: Callable[[], ast.Expr]) -> None:
    """A rule for tags that no tool has yet: what can be said without knowing the arguments."""
    try:
        check()
    except CheckError as error:
        if error.diagnostic.code not in ("opaque", "type-mismatch"):
            raise


def _condition(located: Located, index: int, rule: Rule) -> syntax.Expr | None:
    """``when && !unless``; None for a rule that always applies."""
    parts: list[syntax.Expr] = []
    if isinstance(rule.when, bool):
        parts.append(syntax.Literal(rule.when, located.span(("rules", index, "when"))))
    elif rule.when is not None:
        parts.append(_parse(located, ("rules", index, "when"), rule.when))
    if rule.unless is not None:
        unless = _parse(located, ("rules", index, "unless"), rule.unless)
        parts.append(syntax.Unary("!", unless, unless.span))
    if len(parts) == 2:
        span = syntax.Span(min(p.span.start for p in parts), max(p.span.end for p in parts))
        return syntax.Binary("&&", parts[0], parts[1], span)
    return parts[0] if parts else None


def _parse(located: Located, path: tuple[str | int, ...], text: str) -> syntax.Expr:
    return parse_expression(text, located.text_offsets(path), located.source)
