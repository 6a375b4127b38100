"""Curated shards to batches of samples of all 15 tasks.

`blocks` reads shards, `order` says which image comes when, `picking` which of its samples; `views` and `sides` show it
anew; `pictures` decodes it, `batches` puts it beside others, and `loader` does it all in time.
"""

from florence.data.batches import Batch
from florence.data.loader import Loader
from florence.data.settings import DEFAULT_TASKS, DataSettings

__all__ = ["DEFAULT_TASKS", "Batch", "DataSettings", "Loader"]
