"""What a task asks for to its prompt, and back."""

from __future__ import annotations

from collections.abc import Sequence

from florence.codec.items import Box, Item, Size, Text, canonical, coordinates, to_bins, to_pixels
from florence.codec.markup import AND, escape, scan, unescape
from florence.codec.reading import Decoded, read
from florence.codec.tasks import FORMS, Task
from florence.codec.writing import locations


def prompt(task: Task, ask: Sequence[Item] = (), size: Size | None = None) -> str:
    """The prompt of a task, with the texts or the box that it asks for; a box is in pixels of an image of this size.

    Raises ValueError where the task asks for something else.
    """
    form = FORMS[task]
    if form.asks is None:
        if ask:
            raise ValueError(f"{task} asks for nothing, not for {ask[0]}")
        return form.prompt
    if not ask or (len(ask) > 1 and not form.several) or not all(isinstance(each, form.asks) for each in ask):
        raise ValueError(f"{task} asks for {'' if form.several else 'one '}{form.asks.__name__}, not for {list(ask)}")
    if form.asks is Text:
        return form.prompt.format(AND.join(escape(each.text) for each in ask))
    if size is None:
        raise ValueError(f"{task} asks for a box, which needs the image's size")
    return form.prompt.format(locations(coordinates(canonical(to_bins(ask[0], size)))))


def asked(task: Task, text: str, size: Size | None = None) -> Decoded:
    """What `prompt` made this prompt of; nothing, and one invalid, where it is no prompt of the task.

    A box is in pixels of an image of this size, or in bins where no size is given.
    """
    form = FORMS[task]
    before, _, after = form.prompt.partition("{}")
    if form.asks is None or not (text.startswith(before) and text.endswith(after) and len(text) >= len(before + after)):
        return Decoded((), int(form.asks is not None or text != form.prompt))
    inner = text[len(before) : len(text) - len(after)]
    if form.asks is Box:
        found = read(Task.REGION_PROPOSAL, inner)
        boxes = found.items[:1]
        wrong = found.invalid + len(found.items[1:]) or int(not boxes)
        return Decoded(tuple(to_pixels(box, size) if size else box for box in boxes), wrong)
    texts, invalid = [""], 0
    for piece in scan(inner):
        if piece.text == AND and form.several:
            texts.append("")
        elif piece.marker:
            invalid += 1
        else:
            texts[-1] += piece.text
    return Decoded(tuple(Text(unescape(each)) for each in texts), invalid)
