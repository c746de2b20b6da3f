"""Tool declarations from JSON Schema and MCP lists, and back to YAML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bartizan.policies.diagnostics import Source
from bartizan.policies.document.loading import load_document
from bartizan.policies.effects import guess_effect
from bartizan.policies.language import types as t
from bartizan.policies.language.types import Field, Record, ToolDecl
from bartizan.policies.tools import to_yaml, tool_from_json_schema, tools_from_mcp

WORST = {"write", "destructive", "open"}


def imported(**properties: Any) -> dict[str, Field]:
    """The fields of a tool whose properties have these schemas, all required."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    args = tool_from_json_schema("tool", schema).args
    assert isinstance(args, Record)
    return dict(args.fields)


def loaded(declarations: tuple[ToolDecl, ...]) -> tuple[ToolDecl, ...]:
    return load_document(Source("tools.yaml", "version: 1\nname: x\n" + to_yaml(declarations))).tools


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        ({"type": "boolean"}, t.Bool()),
        ({"type": "integer"}, t.Int()),
        ({"type": "number"}, t.F64()),
        ({"type": "number", "multipleOf": 0.01}, t.Dec(2)),
        ({"type": "number", "multipleOf": 0.0001}, t.Dec(4)),
        ({"type": "number", "multipleOf": 1}, t.F64()),
        ({"type": "number", "multipleOf": 0.05}, t.F64()),
        ({"type": "number", "multipleOf": "x"}, t.F64()),
        ({"type": "string"}, t.Str()),
        ({"type": "string", "maxLength": 20}, t.Str(20)),
        ({"type": "string", "maxLength": 10**9}, t.Str()),
        ({"type": "string", "format": "date-time"}, t.Str()),
        ({"type": "string", "enum": ["a", "b"]}, t.Enum(("a", "b"))),
        ({"enum": ["a", "a"]}, t.Enum(("a",))),
        ({"const": "a"}, t.Enum(("a",))),
        ({"const": 5}, t.Int()),
        ({"enum": [1, 2]}, t.Int()),
        ({"enum": [True]}, t.Bool()),
        ({"enum": [1, "a"]}, t.Any()),
        ({"enum": [1.5]}, t.Any()),
        ({"enum": []}, t.Any()),
        ({"type": "array", "items": {"type": "string"}}, t.List(t.Str(), 64)),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 8}, t.List(t.Str(), 8)),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 500}, t.List(t.Str(), 64)),
        ({"type": "array"}, t.List(t.Any(), 64)),
        ({"type": "array", "items": {"type": ["string", "null"]}}, t.List(t.Any(), 64)),
        ({"type": "array", "prefixItems": [{"type": "string"}]}, t.Any()),
        ({"type": "object"}, t.Any()),
        ({"type": "object", "additionalProperties": False}, t.Record()),
        ({"type": "object", "properties": {}}, t.Record()),
        ({"type": "object", "additionalProperties": {"type": "string"}}, t.Any()),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True}, t.Any()),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "patternProperties": {"x": {}}},
            t.Any(),
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}},
            t.Record((("a", Field(t.Str(), True)),)),
        ),
        ({"type": "object", "properties": {"a?": {"type": "string"}}}, t.Any()),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, t.Any()),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, t.F64()),
        ({"oneOf": [{"type": "string"}, {"type": "string"}]}, t.Str()),
        ({"allOf": [{"type": "string"}]}, t.Str()),
        ({"allOf": [{"type": "string"}, {"minLength": 1}]}, t.Any()),
        ({"type": ["integer", "number"]}, t.F64()),
        ({"type": "null"}, t.Any()),
        ({"type": "strange"}, t.Any()),
        ({"$ref": "#/$defs/Nowhere"}, t.Any()),
        ({"$ref": "http://elsewhere/x"}, t.Any()),
        ({}, t.Any()),
        (True, t.Any()),
        (False, t.Any()),
    ],
)
def test_schemas_become_types(schema: Any, type_: t.Type) -> None:
    """What the type system can say becomes a type, everything else is opaque."""
    assert imported(x=schema)["x"].type == type_


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
    ],
)
def test_a_nullable_argument_is_an_optional_field(schema: Any) -> None:
    """Null means the same as leaving the argument out."""
    assert imported(x=schema)["x"] == Field(t.Str(), optional=True)


def test_arguments_that_are_not_required_are_optional() -> None:
    """`required` decides, not the default."""
    schema = {
        "properties": {"a": {"type": "string"}, "b": {"type": "integer", "default": 1}},
        "required": ["a"],
    }
    args = tool_from_json_schema("tool", schema).args
    assert args == Record((("a", Field(t.Str())), ("b", Field(t.Int(), optional=True))))


@pytest.mark.parametrize(
    ("schema", "args"),
    [
        ({}, t.Any()),
        ({"type": "object"}, t.Any()),
        ({"type": "object", "properties": {}}, Record()),
        ({"type": "object", "additionalProperties": False}, Record()),
        ({"type": "string"}, t.Any()),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, t.Any()),
    ],
)
def test_arguments_are_named_fields_or_opaque(schema: Any, args: t.Type) -> None:
    """A schema that is no closed object of named fields gives opaque arguments."""
    assert tool_from_json_schema("tool", schema).args == args


def test_references_are_followed_and_recursion_is_opaque() -> None:
    """Local references are resolved; a type that contains itself ends in `any`."""
    schema = {
        "type": "object",
        "properties": {"root": {"$ref": "#/$defs/Node"}, "name": {"$ref": "#/$defs/Name"}},
        "required": ["root", "name"],
        "$defs": {
            "Name": {"type": "string"},
            "Node": {
                "type": "object",
                "properties": {"value": {"$ref": "#/$defs/Name"}, "next": {"$ref": "#/$defs/Node"}},
                "required": ["value"],
            },
        },
    }
    node = Record((("value", Field(t.Str())), ("next", Field(t.Any(), optional=True))))
    assert tool_from_json_schema("tool", schema).args == Record(
        (("root", Field(node)), ("name", Field(t.Str())))
    )


def test_references_cannot_multiply_without_end() -> None:
    """A schema whose references double at every level is read in bounded time."""
    levels = {
        f"L{i}": {
            "type": "object",
            "properties": {k: {"$ref": f"#/$defs/L{i + 1}"} for k in ("a", "b", "c", "d")},
        }
        for i in range(40)
    }
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/L0"}}, "$defs": levels}
    assert isinstance(tool_from_json_schema("tool", schema).args, Record)


@pytest.mark.parametrize(
    ("annotations", "tags"),
    [
        (None, WORST),
        ({}, WORST),
        ({"readOnlyHint": True}, {"read", "open"}),
        ({"readOnlyHint": True, "openWorldHint": False}, {"read"}),
        ({"readOnlyHint": True, "destructiveHint": True, "openWorldHint": False}, {"read"}),
        ({"destructiveHint": False}, {"write", "open"}),
        ({"destructiveHint": False, "openWorldHint": False}, {"write"}),
        ({"openWorldHint": False, "idempotentHint": True}, {"write", "destructive"}),
        ({"readOnlyHint": None, "destructiveHint": None}, WORST),
        ({"readOnlyHint": "true"}, WORST),
        ({"read_only_hint": True, "open_world_hint": False}, {"read"}),
    ],
)
def test_mcp_annotations_become_tags(annotations: dict[str, Any] | None, tags: set[str]) -> None:
    """Hints that are absent, or no booleans, have the defaults of the MCP specification: the worst."""
    wire = {"name": "x", "inputSchema": {"type": "object"}, "annotations": annotations}
    (tool,) = tools_from_mcp([wire])
    assert tool.tags == tags


class _Annotations(BaseModel):
    readOnlyHint: bool | None = None
    openWorldHint: bool | None = None


class _McpTool(BaseModel):
    name: str
    description: str | None = None
    inputSchema: dict[str, Any]
    annotations: _Annotations | None = None


def test_mcp_tools_are_read_from_objects_and_from_the_wire() -> None:
    """The SDK's objects and the protocol's dictionaries give the same declarations."""
    schema = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    hints = {"readOnlyHint": True, "openWorldHint": False}
    as_object = _McpTool(name="read_file", inputSchema=schema, annotations=_Annotations.model_validate(hints))
    wire = {"name": "read_file", "inputSchema": schema, "annotations": hints}
    expected = ToolDecl("read_file", Record((("path", Field(t.Str())),)), frozenset({"read"}))
    assert tools_from_mcp([as_object]) == tools_from_mcp([wire]) == (expected,)


@pytest.mark.parametrize(
    ("name", "arguments", "tags"),
    [
        ("get_balance", (), {"read"}),
        ("list_files", (), {"read"}),
        ("searchEmails", (), {"read"}),
        ("readHTTPHeader", (), {"read", "open"}),
        ("fetch", ("url",), {"read", "open"}),
        ("get_webpage", ("url",), {"read", "open"}),
        ("browse", (), {"read", "open"}),
        ("download_file", ("link",), {"read", "open"}),
        ("get_page", ("page_url",), {"read", "open"}),
        ("delete_file", (), {"write", "destructive"}),
        ("remove-user", (), {"write", "destructive"}),
        ("cancelOrder", (), {"write", "destructive"}),
        ("get_and_delete", (), {"write", "destructive"}),
        ("send_money", (), {"write"}),
        ("post_webpage", (), {"write", "open"}),
        ("share_file", (), {"write"}),
        ("update_get_flag", (), {"write"}),
        ("", (), {"write"}),
    ],
)
def test_effects_are_guessed_from_names(name: str, arguments: tuple[str, ...], tags: set[str]) -> None:
    """Reading and destroying verbs are known, everything else writes; addresses open the world."""
    record = Record(tuple((argument, Field(t.Str())) for argument in arguments))
    assert guess_effect(name, record) == tags


def test_effects_are_guessed_only_when_asked() -> None:
    """Without being asked, a name says nothing; annotations win over a guess."""
    schema = {"type": "object", "properties": {}}
    assert tool_from_json_schema("get_x", schema).tags == WORST
    assert tool_from_json_schema("get_x", schema, guess_effect=True).tags == {"read"}
    titled = tool_from_json_schema(
        "get_x", schema, annotations={"title": "X", "readOnlyHint": None}, guess_effect=True
    )
    assert titled.tags == {"read"}
    hinted = tool_from_json_schema("get_x", schema, annotations={"destructiveHint": False}, guess_effect=True)
    assert hinted.tags == {"write", "open"}


def test_declarations_are_written_as_a_tools_block() -> None:
    """The block is the YAML that a person would write."""
    tool = ToolDecl(
        "send",
        Record(
            (
                ("to", Field(t.List(t.Str(), 8))),
                ("kind", Field(t.Enum(("a", "b c")), True)),
                ("on", Field(t.Time())),
            )
        ),
        frozenset({"write", "open", "money"}),
        "trusted",
        (("$.x", "untrusted"),),
        'Says "hi".',
    )
    assert to_yaml([tool, ToolDecl("none", t.Any(), frozenset({"read"})), ToolDecl("no")]) == (
        "tools:\n"
        "  send:\n"
        "    args:\n"
        "      to: list(str, 8)\n"
        "      kind?: 'enum(a, \"b c\")'\n"
        '      "on": time\n'
        '    result: {label: trusted, except: {"$.x": untrusted}}\n'
        "    effect: write\n"
        "    open: true\n"
        "    tags: [money]\n"
        '    description: "Says \\"hi\\"."\n'
        "  none:\n"
        "    args: any\n"
        "    effect: read\n"
        '  "no":\n'
        "    args: {}\n"
    )
    assert to_yaml([]) == "tools: {}\n"


@pytest.mark.parametrize("tool", [ToolDecl("a b"), ToolDecl(""), ToolDecl("a", tags=frozenset({"x y"}))])
def test_what_a_file_cannot_hold_is_an_error(tool: ToolDecl) -> None:
    """A tool's name or tag that the format forbids is not written."""
    with pytest.raises(ValueError, match="a policy cannot declare"):
        to_yaml([tool])


_names = st.one_of(
    st.sampled_from(["no", "null", "on", "true", "a-b", "é", "a: b", "# x", "'", '"', "1", "- a", "a, b"]),
    st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=6).filter(
        lambda n: n[-1] != "?"
    ),
)
_types = st.recursive(
    st.one_of(
        st.sampled_from(
            [t.Bool(), t.Int(), t.F64(), t.Str(), t.Str(9), t.Dec(2), t.Time(), t.Duration(), t.Any()]
        ),
        st.lists(_names, min_size=1, max_size=3, unique=True).map(lambda v: t.Enum(tuple(v))),
    ),
    lambda inner: st.one_of(
        st.builds(t.List, inner, st.integers(1, 64)),
        st.dictionaries(_names, st.builds(Field, inner, st.booleans()), max_size=3).map(
            lambda d: Record(tuple(d.items()))
        ),
    ),
    max_leaves=6,
)
_records = st.dictionaries(_names, st.builds(Field, _types, st.booleans()), max_size=4).map(
    lambda d: Record(tuple(d.items()))
)
_tags = st.sampled_from(
    [{"read"}, {"write"}, {"write", "destructive"}, {"read", "open"}, WORST, {"write", "own"}]
)
_declarations = st.builds(
    ToolDecl,
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,9}", fullmatch=True),
    st.one_of(_records, st.just(t.Any())),
    _tags.map(frozenset),
    st.sampled_from(["trusted", "untrusted"]),
    st.sampled_from([(), (("$.a", "trusted"), ('$["b c"][*]', "untrusted"))]),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_declarations, max_size=3, unique_by=lambda tool: tool.name))
def test_a_written_block_loads_back(tools: list[ToolDecl]) -> None:
    """For any declarations, loading the block that they are written as gives them back."""
    assert loaded(tuple(tools)) == tuple(tools)


_json = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-5, 500), st.floats(allow_nan=False), st.text(max_size=5)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
_keywords = st.sampled_from(
    (
        *("type", "properties", "required", "items", "enum", "const", "anyOf", "allOf", "$ref", "$defs"),
        *("additionalProperties", "maxItems", "maxLength", "multipleOf", "prefixItems"),
    )
)
_kinds = st.sampled_from(
    ["object", "string", "number", "integer", "array", "boolean", "null", "#", "#/$defs", "#/properties/a"]
)
_schemas = st.recursive(
    st.one_of(_json, _kinds),
    lambda inner: st.one_of(
        st.dictionaries(_keywords, inner, max_size=4),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.lists(inner, max_size=3),
    ),
    max_leaves=12,
).filter(lambda schema: isinstance(schema, dict))


@settings(max_examples=400, deadline=None)
@given(_schemas)
def test_any_schema_gives_a_declaration_that_can_be_written(schema: dict[str, Any]) -> None:
    """However odd a schema, the import answers, and what it answers loads back."""
    tool = tool_from_json_schema("tool", schema)
    assert loaded((tool,)) == (tool,)


def nested(around: Callable[[Any], Any]) -> Any:
    """A schema within schemas, thousands deep."""
    schema: Any = {"type": "string"}
    for _ in range(3000):
        schema = around(schema)
    return schema


@pytest.mark.parametrize(
    "inner",
    [
        {"$ref": "#/$defs/d0"},
        nested(lambda inner: {"anyOf": [inner]}),
        nested(lambda inner: {"allOf": [inner]}),
        nested(lambda inner: {"type": "array", "items": inner}),
    ],
    ids=["references", "anyOf", "allOf", "items"],
)
def test_a_schema_without_end_is_opaque_at_some_depth(inner: Any) -> None:
    """A server that nests its schemas thousands deep, or refers on and on, gets a declaration like any other."""
    refs = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(3000)}
    schema = {"type": "object", "properties": {"x": inner}, "$defs": refs}
    declared = tool_from_json_schema("a", schema)
    assert isinstance(declared.args, t.Record) and declared.args.names == ("x",)


@pytest.mark.parametrize("required", [5, "x", None, {"x": 1}])
def test_what_is_required_is_a_list_or_nothing(required: Any) -> None:
    """A schema that is none says nothing about which arguments have to be there."""
    schema = {"type": "object", "properties": {"x": {"type": "string"}}, "required": required}
    args = tool_from_json_schema("a", schema).args
    assert isinstance(args, t.Record) and args.fields[0][1].optional


@pytest.mark.parametrize("annotations", [[], 5, "read only"])
def test_annotations_that_are_none_mean_the_worst(annotations: Any) -> None:
    """As if there were none."""
    (tool,) = tools_from_mcp([{"name": "a", "inputSchema": {}, "annotations": annotations}])
    assert "destructive" in tool.tags
