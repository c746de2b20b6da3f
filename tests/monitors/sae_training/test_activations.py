"""Activations on disk: written in shards, resumed, read back, and refused where they are not what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.monitors.sae_training import Activations, ActivationWriter, MalformedActivations
from bartizan.monitors.sae_training.order import Batches

from .conftest import D_IN, planted


def writer_for(folder: Path, **changes: object) -> ActivationWriter:
    options: dict[str, object] = {"d_in": 3, "hook_point": "resid_post.1", "fingerprint": {"model": "m"}}
    return ActivationWriter(folder, **(options | {"shard_rows": 4} | changes))  # type: ignore[arg-type]


def test_what_was_written_is_read_back_across_shards(write_activations: Callable[..., Activations]) -> None:
    """Any range of rows is the rows that were written, to float16."""
    data = write_activations(6000)
    written = planted(6000)[0].astype(np.float16).astype(np.float32)
    assert (data.d_in, data.hook_point, data.fingerprint) == (D_IN, "resid_post.1", {"model": "planted"})
    for start, stop in [(0, 6000), (1699, 1701), (1700, 1700), (3399, 5101), (5999, 6000)]:
        np.testing.assert_array_equal(data.read(start, stop), written[start:stop])


def test_a_collection_cut_short_goes_on_after_its_last_commit(tmp_path: Path) -> None:
    """Shards after the commit are made again; the result is that of one uninterrupted run."""
    rows = np.arange(60, dtype=np.float32).reshape(20, 3)
    writer = writer_for(tmp_path)
    writer.write(rows[:6])
    writer.commit({"text": 2})
    writer.write(rows[6:15])  # two more shards reach the disk, and are lost
    assert not (tmp_path / "meta.json").exists()
    with pytest.raises(MalformedActivations, match=r"meta\.json"):
        Activations(tmp_path)
    with writer_for(tmp_path, resume=True) as writer:
        assert (writer.tokens, writer.position) == (6, {"text": 2})
        writer.write(rows[6:])
    np.testing.assert_array_equal(Activations(tmp_path).read(0, 20), rows)


def test_an_exception_leaves_the_collection_unfinished(tmp_path: Path) -> None:
    """Half a corpus does not pass for a whole one."""
    with pytest.raises(MalformedActivations, match="float16 cannot"), writer_for(tmp_path) as writer:
        writer.write([[1.0, 2.0, 3.0], [np.inf, 0.0, 0.0]])
    with pytest.raises(MalformedActivations, match="Resume"):
        Activations(tmp_path)


def test_collections_are_not_mixed(tmp_path: Path) -> None:
    """Neither into a finished folder, nor into one begun for something else, nor over leftovers."""
    writer = writer_for(tmp_path / "a")
    writer.write(np.zeros((5, 3)))
    writer.commit(1)
    with pytest.raises(MalformedActivations, match="hook_point"):
        writer_for(tmp_path / "a", hook_point="resid_post.2", resume=True)
    with pytest.raises(MalformedActivations, match="another collection"):
        writer_for(tmp_path / "a")
    writer.close()
    with pytest.raises(MalformedActivations, match="finished"):
        writer_for(tmp_path / "a", resume=True)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (np.zeros((2, 4)), r"\[n, 3\]"),
        (np.zeros(3), r"\[n, 3\]"),
        (np.full((2, 3), np.nan), "float16 cannot"),
        (np.full((2, 3), 1e5), "attention sinks"),
    ],
)
def test_rows_that_float16_cannot_hold_are_refused(tmp_path: Path, rows: np.ndarray, says: str) -> None:
    """Nothing is silently turned into infinity."""
    with pytest.raises(MalformedActivations, match=says):
        writer_for(tmp_path).write(rows)


def test_damaged_folders_are_refused_by_name(write_activations: Callable[..., Activations]) -> None:
    """A missing shard, another type, a truncated file, a pickle, a NaN: each is named."""
    folder = write_activations(4000).folder
    shard, meta = folder / "activations-00001.npy", (folder / "meta.json").read_text()
    whole = shard.read_bytes()
    shard.unlink()
    with pytest.raises(MalformedActivations, match="4000 tokens, the shards hold 2300"):
        Activations(folder)
    for damage, says in [
        (lambda: np.save(shard, np.zeros((1700, D_IN), np.float32)), "expected float16"),
        (lambda: np.save(shard, np.zeros((1700, D_IN + 1), np.float16)), rf"\[n, {D_IN}\]"),
        (lambda: shard.write_bytes(whole[: len(whole) // 2]), "00001"),
        (lambda: np.save(shard, np.array([{}], dtype=object), allow_pickle=True), "00001"),
        (lambda: shard.write_bytes(b""), "00001"),
    ]:
        damage()
        with pytest.raises(MalformedActivations, match=says):
            Activations(folder)
    rows = np.zeros((1700, D_IN), np.float16)
    rows[11, 3] = np.inf
    np.save(shard, rows)
    with pytest.raises(MalformedActivations, match="row 1711 is not finite"):
        Activations(folder).read(1000, 2000)
    shard.write_bytes(whole)
    for text in ["", "[]", "{}", json.dumps({**json.loads(meta), "d_in": None}), "\x00"]:
        (folder / "meta.json").write_text(text)
        with pytest.raises(MalformedActivations, match=r"meta\.json"):
            Activations(folder)


def test_an_epoch_shows_every_row_once(write_activations: Callable[..., Activations]) -> None:
    """But for the tail that fills no batch; the next epoch comes in another order."""
    data = write_activations(3000)
    batches = Batches(data, 64, seed=3, rows=2900, group_blocks=5)
    stream = batches.after(0)
    epochs = [np.concatenate([next(stream) for _ in range(batches.per_epoch)]) for _ in range(2)]
    rows = {row.tobytes() for row in data.read(0, 2900)}
    for epoch in epochs:
        assert len({row.tobytes() for row in epoch}) == 45 * 64
        assert {row.tobytes() for row in epoch} <= rows
    assert not np.array_equal(epochs[0], epochs[1])


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(64, 3000),
    size=st.integers(1, 64),
    group=st.integers(1, 9),
    share=st.floats(0, 2.5),
)
def test_the_order_can_be_entered_at_any_step(
    tmp_path_factory: pytest.TempPathFactory, rows: int, size: int, group: int, share: float
) -> None:
    """Batches from step s on are the same whether those before were read or not."""
    folder = tmp_path_factory.mktemp("rows")
    with ActivationWriter(folder, d_in=1, hook_point="h", fingerprint={}) as writer:
        writer.write(np.arange(rows, dtype=np.float32)[:, None] % 2048)
    batches = Batches(Activations(folder), size, seed=1, rows=rows, group_blocks=group)
    step = int(share * batches.per_epoch)
    stream = batches.after(0)
    for _ in range(step):
        next(stream)
    entered = batches.after(step)
    for _ in range(3):
        np.testing.assert_array_equal(next(entered), next(stream))
