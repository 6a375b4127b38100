"""Work that is done before it is asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item], depth: int) -> Generator[Item, None, None]:
    """The items in their order, each made in a thread of its own, up to `depth` of them before they are asked for.

    What making one raises is raised where it is asked for. Closed early, it waits for those that are being made.
    """
    end = object()
    maker = ThreadPoolExecutor(1, "ahead")
    try:
        made = deque(maker.submit(next, items, end) for _ in range(depth))
        while (item := made.popleft().result()) is not end:
            made.append(maker.submit(next, items, end))
            yield item  # type: ignore[misc]
    finally:
        maker.shutdown(cancel_futures=True)
        if close := getattr(items, "close", None):
            close()
