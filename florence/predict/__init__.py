"""The multitask model asked: all 15 tasks about images, in answers that always parse, with honest scores.

`Predictor` sees each image once and writes all answers about it together, greedily or with beams, under the grammar of
the codec's shapes: `grammar`, `decoder`, `greedy`, `beams`. `answers` are items in pixels with scores, which
`calibration` can make say how often they are right.
"""

from florence.predict.answers import Answer, Scored
from florence.predict.calibration import Calibration
from florence.predict.greedy import NoNumbersError
from florence.predict.predictor import Ask, Predictor, Seen

__all__ = ["Answer", "Ask", "Calibration", "NoNumbersError", "Predictor", "Scored", "Seen"]
