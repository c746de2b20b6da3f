"""The file: located YAML, the document it holds, declared types, and the JSON Schema for editors."""

from __future__ import annotations
