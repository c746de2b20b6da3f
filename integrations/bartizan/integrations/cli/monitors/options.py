"""What the monitors' commands have in common: options, the reader they load, and how they tell what is wrong.

torch is imported on use: the other commands do without.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bartizan.guard.errors import BartizanError

from ..console import give_up

if TYPE_CHECKING:
    from bartizan.monitors.reader import Reader

NEEDED = ("torch", "transformers", "safetensors", "pydantic", "yaml")
SERVER = ("starlette", "uvicorn")

Embedded = Annotated[bool, typer.Option("--embedded", help="The built-in reader model.")]
ReaderFolder = Annotated[
    Path | None, typer.Option("--reader", help="The folder of a reader model (safetensors).")
]
Autoencoder = Annotated[
    Path, typer.Option("--sae", help="An autoencoder of the model's activations, any format.")
]
Place = Annotated[str, typer.Option("--hook-point", help="Where it reads: resid_post.4")]
Features = Annotated[
    list[int] | None, typer.Option("--feature", help="Only this feature; repeatable. Read as an exact slice.")
]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, ...")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def needs(*packages: str, extra: str = "monitors") -> None:
    """A clear exit where one of these is not installed."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        give_up(f"this needs {', '.join(missing)}, which is not installed: pip install 'bartizan[{extra}]'")


def reader_of(folder: Path | None, embedded: bool, device: str | None) -> Reader:
    """The reader that was asked for."""
    from bartizan.monitors.reader import Reader

    if (folder is None) == (not embedded):
        give_up("expected either --reader FOLDER or --embedded")
    if folder is not None:
        return Reader.load(folder, device=device)
    from bartizan.monitors.embedded import reader_folder

    return Reader.load(reader_folder(), device=device)


@contextmanager
def telling() -> Iterator[None]:
    """Our own errors say what to do and need no trace; transformers is quiet: it shows names of files as they are."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    except BartizanError as error:
        give_up(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        give_up(f"{where}{error.strerror or error}")
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
