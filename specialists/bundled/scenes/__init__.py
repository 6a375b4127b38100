"""Generated scenes: pictures with complete ground truth, to train small models on, to annotate and to measure.

    draw(split, seed, index, difficulty)    one scene: its picture, and in another object its truth   scene.py
    scenes("scenes:100?split=pool&seed=7")  many of them, lazily; the source of the same name         source.py
    splits and difficulties                                                                           seeds.py

How a scene comes about: backdrops/ paint a place, composing.py plans things of catalogue.py in it, drawings/ draw each
on a layer of its own, painting.py lays the layers over each other and finds what is visible; from that alone
relations.py, telling.py and truth.py take what they say.
"""
