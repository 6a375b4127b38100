"""What flows (records in shards) and what moves it (chains of stages); knows no specialist and no filter."""
