"""What was found good once and need not be looked at again, as long as all that decides it is the same.

Kept in the user's cache, beside the digests of files; without a cache that can be written, for one process.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from engine.stage import digest
from specialists.checkpoints.digests import cache_folder

_good: set[str] = set()


def once(look: Callable[[], None], *decided_by: str) -> None:
    """Call `look`, which raises where something is wrong, unless it was satisfied before with the same `decided_by`."""
    name = digest(decided_by)
    if name in _good or _is_kept(name):
        return
    look()
    _good.add(name)
    with suppress(OSError):
        cache_folder().write_json(_file(name), list(decided_by))


def _is_kept(name: str) -> bool:
    with suppress(OSError, ValueError):
        kept = cache_folder().read_json(_file(name))
        return isinstance(kept, list) and digest(kept) == name
    return False


def _file(name: str) -> str:
    return f"proofs/{name[:32]}.json"
