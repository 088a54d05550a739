"""Draw the moving pictures of a simulated video, and make its sound. Both follow from prompt, model and seed.

Pictures are drawn at a quarter of their size and then enlarged, which is fast.
"""

import array
import colorsys
import hashlib
import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from local.simulator.clips import Clip

Colour = tuple[int, int, int]

REDUCED = 4
SHADE = (8, 10, 16, 200)  # behind the caption
SAMPLES_PER_SECOND = 16_000
ROOTS = (110, 124, 132, 148, 166, 196)  # Hz, of a chord; whole numbers repeat every second
CHORD = (1, 1.5, 2)
BEATS = 2  # in a second


@dataclass(frozen=True)
class Shape:
    """A polygon that turns while it moves on a curve. `radius` is a share of the picture's shorter side."""

    corners: int  # many for a circle
    radius: float
    colour: Colour
    sways: tuple[int, int]  # how often it crosses the picture in each direction
    phase: float
    turns: float

    def at(self, time: float, width: int, height: int) -> list[tuple[float, float]]:
        """Return the corners in pixels, at a time between 0 and 1."""
        angle = 2 * math.pi * time
        x = width * (0.5 + 0.4 * math.sin(self.sways[0] * angle + self.phase))
        y = height * (0.4 + 0.3 * math.cos(self.sways[1] * angle + 2 * self.phase))
        radius = self.radius * min(width, height)
        steps = (2 * math.pi * corner / self.corners + self.turns * angle for corner in range(self.corners))
        return [(x + radius * math.cos(step), y + radius * math.sin(step)) for step in steps]


class Scene:
    """The pictures of one clip of this size in pixels. The lowest `shaded` rows are dark, for a caption."""

    def __init__(self, clip: Clip, width: int, height: int, shaded: int) -> None:
        chance = _chance(clip)
        hue = chance.random()
        self._size = width // REDUCED, height // REDUCED
        self._shaded = shaded // REDUCED
        self._few_colours = clip.container == "gif"  # whose files would have megabytes
        accents = (0.06, 0.12, 0.9, 0.52)
        self._shapes = [
            Shape(
                corners=chance.choice((3, 4, 6, 48, 48)),
                radius=chance.uniform(0.14, 0.34),
                colour=_colour(hue + accents[number % len(accents)], chance.uniform(0.45, 0.8), 1),
                sways=(chance.choice((1, 1, 2)), chance.choice((1, 2))),
                phase=chance.uniform(0, 6),
                turns=chance.choice((-1, -0.5, 0.5, 1)),
            )
            for number in range(chance.randint(4, 6))
        ]
        shade = ImageOps.colorize(
            Image.linear_gradient("L").rotate(chance.choice((0, 30, 60, 120, 150)), Image.Resampling.BICUBIC),
            _colour(hue, 0.95, 0.22),
            _colour(hue + 0.14, 0.7, 0.85),
            mid=_colour(hue + 0.05, 0.85, 0.5),
        )
        self._backdrop = shade.crop((48, 48, 208, 208)).resize((self._size[0] * 2, self._size[1] * 2))

    def picture(self, time: float) -> Image.Image:
        """Return the picture at a time between 0 and 1, reduced."""
        width, height = self._size
        angle = 2 * math.pi * time
        left, top = round(width * (0.5 + 0.4 * math.sin(angle))), round(height * (0.5 + 0.4 * math.cos(angle)))
        picture = self._backdrop.crop((left, top, left + width, top + height))
        draw = ImageDraw.Draw(picture, "RGBA")
        for shape in self._shapes:
            draw.polygon(shape.at(time, width, height), fill=(*shape.colour, 190))
        if not self._few_colours:
            picture = picture.filter(ImageFilter.BoxBlur(1))  # otherwise edges would have steps
        ImageDraw.Draw(picture, "RGBA").rectangle((0, height - self._shaded, width, height), fill=SHADE)
        return ImageOps.posterize(picture, 3) if self._few_colours else picture


def second_of_sound(clip: Clip) -> bytes:
    """Return one second of a quiet chord, which can be repeated, as 16-bit samples."""
    root = _chance(clip).choice(ROOTS)
    tones = [2 * math.pi * round(root * step) / SAMPLES_PER_SECOND for step in CHORD]
    beat = SAMPLES_PER_SECOND // BEATS
    fade = [2500 * math.exp(-3 * at / beat) * min(1, at / 200, (beat - at) / 200) for at in range(beat)]
    samples = (round(fade[at % beat] * sum(math.sin(tone * at) for tone in tones)) for at in range(SAMPLES_PER_SECOND))
    return array.array("h", samples).tobytes()


def _chance(clip: Clip) -> random.Random:
    seed = f"{clip.prompt}\0{clip.model}\0{clip.seed}".encode(errors="replace")
    return random.Random(hashlib.sha256(seed).digest())  # noqa: S311 - not a secret


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue % 1, saturation, value))
    return red, green, blue
