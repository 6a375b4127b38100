"""What a stage found out about a shard once and need not find out again: a parse of its texts, say.

It lies beside the shards, under the stage's own key, and decides nothing: a lost or damaged memory costs time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from engine.shards import read_table, write_table
from engine.storage import Folder, StorageError


@dataclass
class Memory:
    """One shard's memory. Without a folder it lasts as long as the shard is worked on."""

    folder: Folder | None = None
    shard: str = ""
    _known: dict[str, pa.Table | None] = field(default_factory=dict)
    _new: set[str] = field(default_factory=set)

    def recall(self, key: str) -> pa.Table | None:
        """What was remembered under a key, or None."""
        if key not in self._known:
            self._known[key] = self._read(key)
        return self._known[key]

    def remember(self, key: str, more: pa.Table) -> None:
        """Add rows to what is remembered under a key."""
        before = self.recall(key)
        self._known[key] = more if before is None else pa.concat_tables([before, more])
        self._new.add(key)

    def keep(self) -> None:
        """Write what is new, for a later run."""
        if self.folder is not None:
            for key in sorted(self._new):
                write_table(self.folder, self._file(key), self._known[key])
        self._new.clear()

    def _read(self, key: str) -> pa.Table | None:
        name = self._file(key)
        if self.folder is None or not self.folder.exists(name):
            return None
        try:
            return read_table(self.folder, name)
        except StorageError:
            return None

    def _file(self, key: str) -> str:
        return f"memory/{key}/{self.shard}.parquet"
