"""The words that texts are made of: places, light, what things do. Every line is true of what its painter paints."""

from __future__ import annotations

# Where, after a thing: "a car on a road". The first is the plainest.
PLACES: dict[str, tuple[str, ...]] = {
    "meadow": ("in a meadow", "in a green meadow", "on the grass", "in a grassy field"),
    "farm field": ("in a farm field", "on a farm", "in a plowed field"),
    "road": ("by a road", "along a road", "beside a country road"),
    "city street": ("on a city street", "in the city", "on a street in town"),
    "beach": ("at the beach", "by the sea", "at the seaside"),
    "lake": ("by a lake", "at a mountain lake", "near a lake"),
    "snowy field": ("in the snow", "in a snowy field", "on snowy ground"),
    "desert": ("in the desert", "in a sandy desert", "on desert sand"),
    "railway line": ("by a railway line", "near the railway tracks", "beside the railway tracks"),
    "sea floor": ("under water", "in the sea", "near the sea floor"),
    "living room": ("in a living room", "in a room", "in a cozy living room"),
    "bedroom": ("in a bedroom", "in a room with curtains"),
    "kitchen counter": ("on a kitchen counter", "on a countertop", "on a counter in a tiled kitchen"),
    "workbench": ("on a workbench", "on a workbench of wood", "in a workshop"),
}
# Where, for things that are all in one zone; "" is any place.
ZONES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("", "sky"): ("in the sky", "high in the air", "up in the sky"),
    ("lake", "water"): ("on a lake", "on the water"),
    ("beach", "water"): ("on the sea", "on the water"),
    ("beach", "ground"): ("on a beach", "on the sand", "at the beach"),
    ("road", "road"): ("on a road", "on a country road"),
    ("city street", "road"): ("on a city street", "on a street in town"),
    ("railway line", "rails"): ("on the rails", "on the railway tracks"),
    ("railway line", "ground"): ("near the railway tracks", "beside the railway tracks"),
    ("", "wall"): ("on the wall", "on a wall"),
}
# Sentences about what is painted behind the things.
BEHIND: dict[str, tuple[str, ...]] = {
    "meadow": (
        "Rolling green hills close off the view.",
        "Soft hills rise far behind.",
        "Short tufts of grass cover the ground.",
    ),
    "farm field": (
        "Long furrows run towards the horizon.",
        "A low wooden fence crosses the field at the back.",
        "Gentle hills lie beyond the fence.",
    ),
    "road": (
        "The gray road has a dashed white line along its middle.",
        "Grass grows on both sides of the asphalt.",
        "Low hills can be made out at the back.",
    ),
    "city street": (
        "A skyline of tall towers stands at the back.",
        "A paved sidewalk runs along the street.",
        "Rows of windows cover the buildings behind.",
    ),
    "beach": (
        "Behind the pale sand lies the blue sea.",
        "White foam marks the edge of the water.",
        "Small ripples cover the sea.",
    ),
    "lake": (
        "Jagged mountains rise on the far shore.",
        "Small ripples cross the blue water.",
        "A grassy bank lies at the front.",
    ),
    "snowy field": (
        "Everything is covered in snow.",
        "Pale mountains rise at the back.",
        "The white ground is almost untouched.",
    ),
    "desert": (
        "Sand dunes stretch to the horizon.",
        "Small stones lie scattered on the sand.",
        "The ground is dry and sandy.",
    ),
    "railway line": (
        "Two steel rails cross the scene on wooden sleepers.",
        "Gray gravel carries the tracks.",
        "Green hills lie beyond the tracks.",
    ),
    "sea floor": (
        "Rays of light fall through the blue water.",
        "Weeds grow from the sandy bottom.",
        "Small bubbles rise towards the surface.",
    ),
    "living room": (
        "The room has a plain wall and a wooden floor.",
        "A white baseboard runs along the wall.",
        "It looks like a tidy home.",
    ),
    "bedroom": (
        "Curtains hang on both sides of a window.",
        "A white baseboard runs along the wall.",
        "Light comes in through a window.",
    ),
    "kitchen counter": (
        "The wall behind is covered with tiles.",
        "The counter fills the lower part of the view.",
        "It looks like a kitchen.",
    ),
    "workbench": (
        "A gray pegboard covers the wall behind.",
        "The boards of the workbench are worn and brown.",
        "It looks like a small workshop.",
    ),
}
LIGHT: dict[str, tuple[str, ...]] = {
    "sunny": ("on a sunny day", "under a blue sky", "in bright sunshine"),
    "hazy": ("on a hazy day", "under a pale sky", "in soft light"),
    "evening": ("in the evening", "at sunset", "under an evening sky"),
    "night": ("at night", "under a starry sky", "by moonlight"),
    "cloudy": ("on a gray day", "under a cloudy sky", "in dull weather"),
    "underwater": ("in bluish light", "in rays of sunlight"),
    "indoors": ("indoors", "in soft light", ""),
}
SKY: dict[str, tuple[str, ...]] = {
    "sunny": ("The sky is blue and the sun is shining.", "Sunlight fills the scene.", "It is a bright and sunny day."),
    "hazy": ("The light is soft and a little hazy.", "A pale sun shines through the haze.", "The sky is pale."),
    "evening": (
        "The sky glows pink and purple at sunset.",
        "The sun is low and the light is warm.",
        "Evening colors fill the sky.",
    ),
    "night": (
        "The moon and many stars shine in the dark sky.",
        "It is night and the moon is out.",
        "The scene is dark but for the moonlight.",
    ),
    "cloudy": ("The sky is gray and overcast.", "Gray light falls on everything.", "The weather is dull."),
    "underwater": ("The water is clear and blue.", "The light turns darker with depth."),
    "indoors": ("The light is even and soft.", "Soft light fills the space.", "The colors are calm."),
}
# What a thing does, as a participle, by its pose; the second key wins where there is one for the category.
DOES: dict[str, str] = {
    "running": "running", "sitting": "sitting", "lying": "lying down", "walking": "walking", "grazing": "grazing",
    "flying": "flying", "standing": "standing", "waving": "waving", "sailing": "sailing",
}  # fmt: skip
DOES_ALWAYS: dict[str, str] = {
    "fish": "swimming", "duck": "swimming", "airplane": "flying", "helicopter": "flying", "kite": "flying",
    "balloon": "floating", "butterfly": "fluttering",
}  # fmt: skip
READS = ("that reads", "that says", "with the words", "saying")
AT = {
    "left": ("on the left", "at the left side"),
    "middle": ("in the middle", "near the center"),
    "right": ("on the right", "at the right side"),
}
SIDE = {
    "left of": ("to the left of", "left of"), "right of": ("to the right of", "right of"), "behind": ("behind",),
    "in front of": ("in front of",), "above": ("above",), "below": ("below",), "next to": ("next to", "beside"),
    "on": ("on",),
}  # fmt: skip
