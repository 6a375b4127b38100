"""Bytes to upright RGB pixels, or the reason why not."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from engine import content
from engine.images import Limits, Unusable, decode, probe
from engine.phash import phash

LIMITS = Limits()
SIZE = (48, 32)


def picture(size: tuple[int, int] = SIZE) -> Image.Image:
    """Smooth, and different in every corner."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return Image.fromarray((np.stack([x, y, 1 - x * y], axis=2) * 255).astype(np.uint8))


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def reason(data: bytes, name: str = "a.jpg", limits: Limits = LIMITS) -> str:
    with pytest.raises(Unusable) as caught:
        probe(data, limits, name)
    assert str(caught.value)
    return caught.value.reason


FORMATS = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95},
    "GIF": {},
    "BMP": {},
    "TIFF": {},
    "JPEG2000": {},
    "PPM": {},
    "QOI": {},
    "TGA": {},
}


class TestFormats:
    @pytest.mark.parametrize("format", FORMATS)
    def test_each_allowed_format_gives_the_picture(self, format: str) -> None:
        data = encoded(picture(), format, **FORMATS[format])
        array = decode(data)
        assert array.shape == (32, 48, 3)
        assert array.dtype == np.uint8
        assert np.abs(array.astype(int) - np.asarray(picture()).astype(int)).mean() < 8
        found = probe(data, LIMITS, "no suffix")
        assert (found.width, found.height, found.orientation) == (48, 32, 1)

    def test_the_pixels_cannot_be_written_to(self) -> None:
        array = decode(encoded(picture(), "PNG"))
        assert array.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 0

    @pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "packbits"])
    def test_tiff_compressions(self, compression: str) -> None:
        data = encoded(picture(), "TIFF", compression=compression)
        assert np.array_equal(decode(data), np.asarray(picture()))

    def test_mpo_is_a_jpeg(self) -> None:
        data = encoded(picture(), "MPO", save_all=True, append_images=[picture().rotate(180)])
        assert np.abs(decode(data).astype(int) - np.asarray(picture()).astype(int)).mean() < 8

    @pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
    def test_of_many_frames_the_first_counts(self, format: str) -> None:
        frames = [Image.new("RGB", SIZE, color) for color in ("red", "lime", "blue")]
        options: dict[str, Any] = {} if format == "TIFF" else {"duration": 50}
        data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)
        assert np.abs(decode(data)[5, 5].astype(int) - (255, 0, 0)).max() < 6

    def test_a_name_decides_nothing_about_a_picture(self) -> None:
        assert probe(encoded(picture(), "PNG"), LIMITS, "readme.txt").width == 48


def gray16() -> np.ndarray:
    return np.linspace(0, 65535, 48 * 32).astype(np.uint16).reshape(32, 48)


def rgba(alpha: int) -> Image.Image:
    return Image.merge("RGBA", [*Image.new("RGB", SIZE, (200, 0, 0)).split(), Image.new("L", SIZE, alpha)])


def palette(transparent: bool) -> bytes:
    image = Image.new("P", SIZE, 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    return encoded(image, "PNG", **({"transparency": 1} if transparent else {}))


def gray_alpha() -> Image.Image:
    return Image.merge("LA", [Image.new("L", SIZE, 0), Image.new("L", SIZE, 128)])


def float_tiff(values: np.ndarray) -> bytes:
    return encoded(Image.fromarray(values.astype(np.float32)), "TIFF")


def ramp(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, 48 * 32).reshape(32, 48)


ONE_COLOR = {
    "opaque alpha": (encoded(rgba(255), "PNG"), (200, 0, 0)),
    "half alpha on white": (encoded(rgba(128), "PNG"), (227, 127, 127)),
    "full alpha on white": (encoded(rgba(0), "PNG"), (255, 255, 255)),
    "alpha in WebP": (encoded(rgba(0), "WEBP", lossless=True, exact=True), (255, 255, 255)),
    "alpha in TIFF": (encoded(rgba(128), "TIFF"), (227, 127, 127)),
    "palette": (palette(transparent=False), (10, 200, 30)),
    "palette, transparent": (palette(transparent=True), (255, 255, 255)),
    "gray and alpha": (encoded(gray_alpha(), "PNG"), (127, 127, 127)),
    "gray": (encoded(Image.new("L", SIZE, 77), "PNG"), (77, 77, 77)),
    "one bit": (encoded(Image.new("1", SIZE, 1), "PNG"), (255, 255, 255)),
    "one bit TIFF": (encoded(Image.new("1", SIZE, 0), "TIFF"), (0, 0, 0)),
    "colour key": (encoded(Image.new("RGB", SIZE, "red"), "PNG", transparency=(255, 0, 0)), (255, 255, 255)),
    "gray key": (encoded(Image.new("L", SIZE, 9), "PNG", transparency=9), (255, 255, 255)),
    "16-bit key": (
        encoded(Image.fromarray(np.full((32, 48), 700, np.uint16)), "PNG", transparency=700),
        (255, 255, 255),
    ),
    "YCbCr TIFF": (encoded(Image.new("RGB", SIZE, (60, 120, 180)).convert("YCbCr"), "TIFF"), (60, 120, 180)),
    "LAB TIFF": (encoded(Image.new("LAB", SIZE, (255, 128, 128)), "TIFF"), (255, 255, 255)),
    "CMYK TIFF": (encoded(Image.new("CMYK", SIZE, (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
    "transparent GIF": (encoded(Image.new("P", SIZE, 0), "GIF", transparency=0), (255, 255, 255)),
}


class TestModes:
    @pytest.mark.parametrize("name", ONE_COLOR)
    def test_one_color(self, name: str) -> None:
        data, color = ONE_COLOR[name]
        assert np.abs(decode(data).reshape(-1, 3).astype(int) - color).max() <= 2

    def test_cmyk_is_near_the_original(self) -> None:
        for format in ("JPEG", "TIFF"):
            data = encoded(picture().convert("CMYK"), format)
            assert np.abs(decode(data).astype(int) - np.asarray(picture()).astype(int)).mean() < 4

    @pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG2000"])
    def test_16_bit_gray_is_scaled_not_clipped(self, format: str) -> None:
        array = decode(encoded(Image.fromarray(gray16()), format))
        assert np.array_equal(array, np.repeat((gray16() >> 8).astype(np.uint8)[..., None], 3, axis=2))

    def test_big_endian_16_bit_tiff(self) -> None:
        data = encoded(Image.fromarray(gray16().astype(">u2")), "TIFF")
        assert np.array_equal(decode(data)[..., 0], gray16() >> 8)

    def test_16_bit_gray_with_white_as_zero(self) -> None:
        data = encoded(Image.fromarray(gray16()), "TIFF", tiffinfo={262: 0})
        assert np.array_equal(decode(data)[..., 0], 255 - (gray16() >> 8))

    def test_16_bit_pgm(self) -> None:
        data = b"P5 48 32 65535\n" + gray16().astype(">u2").tobytes()
        assert np.array_equal(decode(data)[..., 1], gray16() >> 8)

    def test_16_bit_color(self) -> None:
        wide = np.stack([gray16()] * 3, axis=2).astype(">u2")
        ppm = decode(b"P6 48 32 65535\n" + wide.tobytes())[..., 2].astype(int)
        assert np.abs(ppm - (gray16() >> 8)).max() <= 1  # Pillow rounds here
        assert np.array_equal(decode(png16(wide))[..., 2], gray16() >> 8)

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (ramp(0, 1), np.rint(ramp(0, 1).astype(np.float32) * 255)),
            (ramp(0, 255), np.rint(ramp(0, 255).astype(np.float32))),
            (ramp(-10, 1000), ramp(0, 255)),
            (np.zeros((32, 48)), np.zeros((32, 48))),
            (np.full((32, 48), np.nan), np.zeros((32, 48))),
            (np.full((32, 48), 300.0), np.zeros((32, 48))),
        ],
        ids=["unit", "bytes", "any", "zero", "nan", "constant"],
    )
    def test_float(self, values: np.ndarray, expected: np.ndarray) -> None:
        assert np.abs(decode(float_tiff(values))[..., 0] - expected).max() <= 0.51

    def test_nan_is_black_and_infinity_the_greatest_value(self) -> None:
        values = ramp(0, 1)
        values[0, 0], values[0, 1], values[0, 2] = np.nan, np.inf, -np.inf
        assert decode(float_tiff(values))[0, :3, 0].tolist() == [0, 255, 0]

    @pytest.mark.parametrize(
        ("low", "high", "first", "last"), [(0, 65535, 0, 255), (-70000, 70000, 0, 255), (0, 300, 0, 1)]
    )
    def test_32_bit_integers(self, low: int, high: int, first: int, last: int) -> None:
        data = encoded(Image.fromarray(ramp(low, high).astype(np.int32)), "TIFF")
        assert decode(data)[[0, -1], [0, -1], 0].tolist() == [first, last]


def png16(rgb: np.ndarray) -> bytes:
    """A PNG of 16-bit RGB (height, width, 3), which Pillow reads but does not write."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = rgb.shape[:2]
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in rgb)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# How a stored picture comes to lie as EXIF says it does.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a),
    7: lambda a: np.rot90(a.transpose(1, 0, 2), 2),
    8: lambda a: np.rot90(a, -1),
}


def with_orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


class TestOrientation:
    @pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
    @pytest.mark.parametrize("value", range(1, 9))
    def test_every_orientation_ends_upright(self, value: int, format: str) -> None:
        upright = np.asarray(picture())
        stored = Image.fromarray(np.ascontiguousarray(STORED[value](upright)))
        options = {"lossless": True} if format == "WEBP" else {}
        data = encoded(stored, format, exif=with_orientation(value), **options)
        assert np.array_equal(decode(data), upright)
        found = probe(data, LIMITS, "")
        assert (found.width, found.height, found.orientation) == (48, 32, value)
        assert found.phash == phash(picture())

    def test_a_jpeg_and_an_avif_are_turned(self) -> None:
        for format in ("JPEG", "AVIF"):
            stored = Image.fromarray(np.ascontiguousarray(STORED[6](np.asarray(picture()))))
            data = encoded(stored, format, exif=with_orientation(6))
            assert np.abs(decode(data).astype(int) - np.asarray(picture()).astype(int)).mean() < 8

    @pytest.mark.parametrize("value", [0, 9, 65535])
    def test_a_senseless_orientation_is_none(self, value: int) -> None:
        data = encoded(picture(), "JPEG", exif=with_orientation(value))
        assert (probe(data, LIMITS, "").width, probe(data, LIMITS, "").orientation) == (48, 1)

    @pytest.mark.parametrize(
        "exif", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + bytes(range(256))]
    )
    def test_broken_exif_is_no_orientation(self, exif: bytes) -> None:
        data = encoded(picture(), "JPEG", exif=exif)
        assert probe(data, LIMITS, "").orientation == 1

    def test_cut_off_exif_neither_warns_nor_matters(self) -> None:
        whole = with_orientation(6).tobytes()
        for end in range(8, len(whole)):
            assert decode(encoded(picture(), "JPEG", exif=whole[:end])).shape in ((32, 48, 3), (48, 32, 3))


HTML = b"<!DOCTYPE html>\n<html><body>404</body></html>"
OTHER = {
    "html": HTML,
    "text": b"# Read me\n\nWords.\n",
    "gzip": b"\x1f\x8b\x08\0rest",
    "zip": b"PK\x03\x04rest",
    "json": b'{"a": 1}',
    "binary": bytes(range(1, 255)),
    "parquet": b"PAR1rest",
    "video": b"\0\0\0\x18ftypmp42rest",
}
REFUSED = {
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "ps": b"%!PS-Adobe-3.0\n",
    "pdf": b"%PDF-1.7\n",
    "svg": b'<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "wmf": b"\xd7\xcd\xc6\x9a\0\0",
    "psd": b"8BPS\0\1",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0",
    "ico": b"\0\0\1\0\1\0\x10\x10",
}


class TestRefusals:
    @pytest.mark.parametrize("kind", OTHER)
    def test_no_image(self, kind: str) -> None:
        assert content.kind(OTHER[kind]) == kind
        assert reason(OTHER[kind], "photo.jpg") == "not_an_image"
        assert reason(OTHER[kind], "folder.jpg/README") == "other_file"
        with pytest.raises(Unusable, match=kind):
            probe(OTHER[kind], LIMITS, "photo.jpg")

    @pytest.mark.parametrize("kind", REFUSED)
    def test_formats_not_allowed(self, kind: str) -> None:
        assert content.kind(REFUSED[kind]) == kind
        assert reason(REFUSED[kind], "photo.jpg") == "format_not_allowed"

    def test_a_paper_beside_photos_is_another_file(self) -> None:
        assert reason(REFUSED["pdf"], "paper.pdf") == "other_file"

    def test_an_eps_that_pillow_would_run_is_refused(self) -> None:
        assert reason(encoded(picture(), "EPS"), "a.png") == "format_not_allowed"

    def test_empty(self) -> None:
        assert reason(b"", "a.jpg") == "empty"
        assert reason(b"", "notes.txt") == "other_file"

    def test_what_else_claims_an_image_counts(self) -> None:
        with pytest.raises(Unusable) as caught:
            probe(HTML, LIMITS, "17", claimed=True)
        assert caught.value.reason == "not_an_image"

    def test_too_large(self) -> None:
        data = encoded(picture(), "PNG")
        assert reason(data, limits=Limits(max_bytes=len(data) - 1)) == "too_large"
        assert probe(data, Limits(max_bytes=len(data)), "a.png").width == 48

    def test_too_small(self) -> None:
        assert reason(encoded(picture((15, 100)), "PNG")) == "too_small"
        assert reason(encoded(picture((100, 15)), "PNG")) == "too_small"
        assert probe(encoded(picture((16, 16)), "PNG"), LIMITS, "a").width == 16

    def test_a_bomb_is_known_by_its_header(self) -> None:
        header = bytearray(encoded(picture(), "PNG"))
        header[16:24] = struct.pack(">II", 20_000, 20_000)
        header[29:33] = struct.pack(">I", zlib.crc32(header[12:29]))
        assert reason(bytes(header)) == "bomb"
        data = encoded(picture(), "PNG")
        assert reason(data, limits=Limits(max_pixels=48 * 32 - 1)) == "bomb"
        assert probe(data, Limits(max_pixels=48 * 32), "a.png").width == 48

    def test_below_the_limit_pillow_has_no_say(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # it would raise from 200 on
        assert probe(encoded(picture(), "PNG"), LIMITS, "a.png").width == 48

    @pytest.mark.parametrize("format", FORMATS)
    @pytest.mark.parametrize("share", [0.3, 0.7])
    def test_truncated(self, format: str, share: float) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
        data = encoded(Image.fromarray(noise), format, **FORMATS[format])
        cut = data[: int(len(data) * share)]
        assert reason(cut, "a.tga") == ("not_an_image" if format == "TGA" else "truncated")

    def test_truncation_elsewhere_does_not_leak_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        assert reason(encoded(picture((200, 200)), "JPEG")[:1500]) == "truncated"

    def test_damaged(self) -> None:
        data = bytearray(encoded(picture(), "PNG"))
        data[43:60] = b"\xff" * 17
        assert reason(bytes(data)) == "undecodable"


SEEDS = [encoded(picture(), format, **options) for format, options in FORMATS.items()]
SEEDS += [encoded(picture(), "JPEG", exif=with_orientation(6)), palette(transparent=True)]


class TestAnything:
    """Whatever the bytes, a picture comes out, or Unusable."""

    def try_both(self, data: bytes) -> None:
        try:
            found = probe(data, LIMITS, "a.jpg")
        except Unusable:
            return
        assert decode(data).shape == (found.height, found.width, 3)

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=300))
    def test_random_bytes(self, data: bytes) -> None:
        self.try_both(data)

    @settings(max_examples=200, deadline=None)
    @given(st.sampled_from(SEEDS), st.floats(0, 1))
    def test_random_truncation(self, data: bytes, share: float) -> None:
        self.try_both(data[: int(len(data) * share)])

    @settings(max_examples=300, deadline=None)
    @given(st.sampled_from(SEEDS), st.integers(0, 400), st.binary(min_size=1, max_size=6))
    def test_random_damage(self, data: bytes, at: int, patch: bytes) -> None:
        self.try_both(data[:at] + patch + data[at + len(patch) :])


class TestThreads:
    def test_many_threads_give_the_same_and_warn_of_nothing(self) -> None:
        odd = encoded(picture(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(40))
        work = [*SEEDS, odd] * 8
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            alone = [decode(data).tobytes() for data in work]
            with ThreadPoolExecutor(8) as pool:
                assert list(pool.map(lambda data: decode(data).tobytes(), work)) == alone


class TestPhash:
    def test_alike_pictures_are_near_and_others_far(self) -> None:
        rng = np.random.default_rng(1)
        blobs = [Image.fromarray(rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)) for _ in range(2)]
        one, other = (blob.resize((640, 480), Image.Resampling.BICUBIC) for blob in blobs)
        jpeg = Image.open(io.BytesIO(encoded(one, "JPEG", quality=30)))
        assert distance(one, one.resize((200, 150))) <= 4
        assert distance(one, jpeg) <= 4
        assert distance(one, other) > 16

    def test_it_does_not_see_brightness_or_flatness(self) -> None:
        assert phash(Image.new("RGB", (64, 64), "red")) == phash(Image.new("RGB", (64, 64), "white")) == 0

    def test_frequencies_have_their_bits(self) -> None:
        wave = np.cos(np.pi * (2 * np.arange(32) + 1) / 64)  # the lowest frequency but zero
        gray = np.rint(127 + 100 * wave[:, None] * wave[None, :]).astype(np.uint8)
        assert phash(Image.fromarray(gray).convert("RGB")) >> 63 == 1


def distance(a: Image.Image, b: Image.Image) -> int:
    return (phash(a) ^ phash(b)).bit_count()
