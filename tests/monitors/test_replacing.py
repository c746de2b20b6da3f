"""A file is there whole, or as it was before."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartizan.monitors.replacing import replace_text, replacing


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    """Until the block ends the old one stands there, and then only the new one; what a killed run left is no matter."""
    path = tmp_path / "report.json"
    replace_text(path, "old")
    (tmp_path / "report.json.part").write_text("half of something")
    with replacing(path) as part, part.open("w") as file:
        file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_finished_changes_nothing(tmp_path: Path) -> None:
    """What raises, or writes nothing, leaves the old one, and nothing beside it."""
    path = tmp_path / "report.json"
    replace_text(path, "old")
    with pytest.raises(TypeError), replacing(path) as part, part.open("w") as file:
        file.writelines(["new", None])  # type: ignore[list-item]
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
