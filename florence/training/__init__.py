"""Training: a curriculum of phases over curated shards, on one worker or several, that a kill only interrupts.

`settings` says what is done, `starting` with which model, `schedule` how fast. `loop` does it: `losses` is one forward
pass, `parts` what learns, `workers` how several learn as one, `devices` where, `flops` how much work that is.
`checkpoints` and `curves` are what stays of it. Torch is loaded when a training begins, not before.
"""

from florence.training.curves import lines, summary
from florence.training.faults import TrainingError
from florence.training.loop import MODEL, train
from florence.training.settings import Phase, TrainSettings, defaults
from florence.training.starting import begin, forget
from florence.training.workers import Worker

__all__ = [
    "MODEL",
    "Phase",
    "TrainSettings",
    "TrainingError",
    "Worker",
    "begin",
    "defaults",
    "forget",
    "lines",
    "summary",
    "train",
]
