"""Values of JSON, with nothing missing, nothing more and nothing of another type."""

from __future__ import annotations

from typing import Any, TypeVar

from ..kernel.errors import KernelError
from .lines import Object

T = TypeVar("T")


def fields_of(what: Any, *keys: str) -> Object:
    found: Object = typed(what, dict, "an object")
    if found.keys() != set(keys):
        raise KernelError(f"expected the keys {sorted(keys)}, found {sorted(found)!r:.200}")
    return found


def typed(what: Any, type: type[T], called: str) -> T:
    if what.__class__ is not type:
        raise KernelError(f"expected {called}, found {what!r:.40}")
    return what


def natural(what: Any) -> int:
    if what.__class__ is not int or what < 0:
        raise KernelError(f"expected a natural number, found {what!r:.40}")
    return what


def check_safe(is_unsafe: Any, name: str) -> None:
    if is_unsafe is not False:
        raise KernelError(f"isUnsafe must be false, found {is_unsafe!r:.40}", name)
