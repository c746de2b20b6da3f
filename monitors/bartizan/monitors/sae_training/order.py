"""The order in which rows are seen: shuffled, in bounded memory, and a pure function of seed, epoch and place.

Rows are cut into blocks that lie together on disk; an epoch shuffles the blocks, and then the rows within each group of
blocks that fits in memory. So reading is sequential by the block, and a run that resumes at any step sees exactly what
an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .activations import Activations

BLOCK_ROWS = 128
GROUP_BLOCKS = 1024  # 131k rows in memory: 200 MB at d_in 384


class Batches:
    """Batches of ``size`` rows among the first ``rows`` of ``data``; the tail of an epoch that fills none is left out.

    ``group_blocks`` is how many blocks of 128 rows are mixed at once: the more, the better mixed, the more memory.
    """

    def __init__(
        self, data: Activations, size: int, *, seed: int, rows: int, group_blocks: int = GROUP_BLOCKS
    ) -> None:
        if not 1 <= size <= rows <= len(data):
            raise ValueError(f"expected 1 <= batch size {size} <= rows {rows} <= {len(data)} rows collected")
        self.data, self.size, self.seed, self.rows = data, size, seed, rows
        self.per_epoch = rows // size
        self._group_blocks = group_blocks

    def after(self, step: int) -> Iterator[npt.NDArray[np.float32]]:
        """The endless batches from ``step`` (counted from 0) on, each float32 [size, d_in]."""
        epoch, skip = divmod(step, self.per_epoch)
        while True:
            yield from self._epoch(epoch, skip)
            epoch, skip = epoch + 1, 0

    def _epoch(self, epoch: int, skip: int) -> Iterator[npt.NDArray[np.float32]]:
        blocks = np.random.default_rng([self.seed, epoch]).permutation(-(-self.rows // BLOCK_ROWS))
        left_out, seen = skip * self.size, 0
        pending: list[npt.NDArray[np.float32]] = []
        held = given = 0
        for number in range(0, len(blocks), self._group_blocks):
            group = blocks[number : number + self._group_blocks]
            rows = sum(min(self.rows, (int(b) + 1) * BLOCK_ROWS) - int(b) * BLOCK_ROWS for b in group)
            if seen + rows <= left_out:  # before the place to resume at: not even read
                seen += rows
                continue
            group_ND = self._group(epoch, number, group)[max(0, left_out - seen) :]
            seen += rows
            pending.append(group_ND)
            held += len(group_ND)
            if held < self.size:
                continue
            ready_ND = np.concatenate(pending)
            for start in range(0, held - self.size + 1, self.size):
                if skip + given == self.per_epoch:
                    return
                yield ready_ND[start : start + self.size]
                given += 1
            pending = [ready_ND[held // self.size * self.size :]]
            held = len(pending[0])

    def _group(self, epoch: int, number: int, blocks: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        rows_ND = np.concatenate(
            [self.data.read(int(b) * BLOCK_ROWS, min(self.rows, (int(b) + 1) * BLOCK_ROWS)) for b in blocks]
        )
        np.random.default_rng([self.seed, epoch, number]).shuffle(rows_ND)
        return rows_ND
