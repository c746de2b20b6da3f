"""Resources and prompts: their texts, and what is left of them after inspection."""

from __future__ import annotations

from mcp import types

from .results import bare, texts_of


def resource_text(answer: types.ReadResourceResult) -> str:
    """Every text of a resource; binary contents have none."""
    return "\n".join(
        content.text for content in answer.contents if isinstance(content, types.TextResourceContents)
    )


def shown_resource(answer: types.ReadResourceResult, text: str, shown: str) -> types.ReadResourceResult:
    """The resource with what may be shown of its text; all texts become one where something was redacted."""
    contents = [content.model_copy(update={"meta": None}) for content in answer.contents]
    if shown == text:
        return types.ReadResourceResult(contents=contents)
    texts = [content for content in contents if isinstance(content, types.TextResourceContents)]
    silent = [content for content in contents if isinstance(content, types.BlobResourceContents)]
    left = [content.model_copy(update={"text": shown}) for content in texts[:1]]
    return types.ReadResourceResult(contents=[*left, *silent])


def prompt_text(answer: types.GetPromptResult) -> str:
    """Every text of a prompt's description and messages."""
    messages = texts_of([message.content for message in answer.messages])
    return "\n".join([*([answer.description] if answer.description else []), *messages])


def shown_prompt(answer: types.GetPromptResult, text: str, shown: str) -> types.GetPromptResult:
    """The prompt with what may be shown of its text; one message is left where something was redacted."""
    if shown == text:
        said = [types.PromptMessage(role=m.role, content=bare(m.content)) for m in answer.messages]
        return types.GetPromptResult(description=answer.description, messages=said)
    role = answer.messages[0].role if answer.messages else "user"
    message = types.PromptMessage(role=role, content=types.TextContent(type="text", text=shown))
    return types.GetPromptResult(messages=[message])
