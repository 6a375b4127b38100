"""What a file is, told from its bytes alone: a name proves nothing, it only makes a claim."""

from __future__ import annotations

import re

# What the picture decoder is given, by the name that Pillow has for it. Nothing here starts an interpreter
# or calls another program.
PICTURES = {
    "jpeg": "JPEG",  # MPO too: a JPEG with more pictures behind it
    "png": "PNG",
    "webp": "WEBP",
    "avif": "AVIF",
    "gif": "GIF",
    "bmp": "BMP",
    "tiff": "TIFF",
    "jpeg2000": "JPEG2000",
    "ppm": "PPM",
    "qoi": "QOI",
    "tga": "TGA",
}

# Pictures all the same, but not for us: page descriptions and vectors need an interpreter, the others have
# no decoder here.
_REFUSED = "eps ps pdf svg wmf emf psd heic ico cur jxl djvu xcf dds exr hdr icns fits xbm xpm sgi sun"
REFUSED = frozenset(_REFUSED.split())

# A file so named claims to be a picture. `.pdf` does not: a paper beside photos is no broken photo.
_SUFFIXES = (
    "jpg jpeg jpe jfif mpo png apng webp avif avifs gif bmp dib tif tiff jp2 j2k j2c jpc jpx jpf ppm pgm pbm "
    "pnm pfm qoi tga eps ps svg svgz wmf emf psd heic heif hif ico cur jxl djvu xcf dds exr hdr icns fits "
    "xbm xpm"
)
IMAGE_SUFFIXES = frozenset(_SUFFIXES.split())

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (rb"\xff\xd8\xff", "jpeg"),
    (rb"\x89PNG\r\n\x1a\n", "png"),
    (rb"RIFF....WEBP", "webp"),
    (rb"GIF8[79]a", "gif"),
    (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", "bmp"),
    (rb"II[*+]\0|MM\0[*+]", "tiff"),
    (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "jpeg2000"),
    (rb"P[1-6f]\s+(#[^\n]*\n\s*)*\d", "ppm"),
    (rb"qoif", "qoi"),
    (rb"....ftyp(avi[fs]|(mif1|msf1|miaf).{4}(....)*?avi[fs])", "avif"),
    (rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "heic"),
    (rb"\xc5\xd0\xd3\xc6|%!PS-Adobe-[\d.]+ EPSF", "eps"),
    (rb"%!", "ps"),
    (rb"%PDF-", "pdf"),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\x09\0\0\x03", "wmf"),
    (rb"\x01\0\0\0.{36} EMF", "emf"),
    (rb"8BPS", "psd"),
    (rb"\0\0\x01\0[^\0]\0", "ico"),
    (rb"\0\0\x02\0[^\0]\0", "cur"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "jxl"),
    (rb"AT&TFORM", "djvu"),
    (rb"gimp xcf", "xcf"),
    (rb"DDS ", "dds"),
    (rb"\x76\x2f\x31\x01", "exr"),
    (rb"#\?RADIANCE|#\?RGBE", "hdr"),
    (rb"icns", "icns"),
    (rb"SIMPLE  =", "fits"),
    (rb"/\* XPM \*/", "xpm"),
    (rb"\x01\xda[\0\x01][\x01\x02]", "sgi"),
    (rb"\x59\xa6\x6a\x95", "sun"),
    (rb"\x1f\x8b", "gzip"),
    (rb"PK\x03\x04|PK\x05\x06", "zip"),
    (rb"BZh[1-9]", "bzip2"),
    (rb"\xfd7zXZ\0", "xz"),
    (rb"\x28\xb5\x2f\xfd", "zstd"),
    (rb"7z\xbc\xaf\x27\x1c", "7z"),
    (rb"PAR1", "parquet"),
    (rb".{257}ustar", "tar"),
    (rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", "video"),
    (rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg\b", "svg"),
    (rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)*<(!DOCTYPE\s+html|html|head|body)\b", "html"),
    (rb"(\xef\xbb\xbf)?\s*<\?xml", "xml"),
    (rb"(\s*#define\s+\w+\s+\d+\s*)?#define\s+\w*width\s+\d+\s", "xbm"),
    (rb"(\xef\xbb\xbf)?\s*[\[{]\s*[\"\[{\]}]", "json"),
)
_PATTERNS = tuple((re.compile(pattern, re.DOTALL | re.IGNORECASE), kind) for pattern, kind in _MAGIC)
_HEAD = 4096
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"


def kind(data: bytes) -> str:
    """What the bytes are: a key of PICTURES, a member of REFUSED, or html, text, gzip, .., binary.

    A TGA is known by its footer only: its header has no mark that other bytes could not have by chance.
    """
    head = data[:_HEAD]
    for pattern, name in _PATTERNS:
        if pattern.match(head):
            return name
    if data.endswith(_TGA_FOOTER):
        return "tga"
    return "text" if _is_text(head) else "binary"


def claims_image(name: str) -> bool:
    """Whether a file name, path or URL has a picture's suffix."""
    last = re.split(r"[/#]", name)[-1]
    stems = (part.rpartition(".") for part in (last, last.partition("?")[0]))
    return any(dot and suffix.lower() in IMAGE_SUFFIXES for _, dot, suffix in stems)


def is_cut_short(data: bytes) -> bool:
    """Whether a picture lacks its end, as far as its format marks one.

    A guess that names the reason of a failure; whether there is one, the decoder says.
    """
    tail = data[-_HEAD:]
    match kind(data):
        case "jpeg" | "jpeg2000":
            return b"\xff\xd9" not in tail
        case "png":
            return b"IEND" not in tail
        case "gif":
            return not tail.rstrip(b"\0").endswith(b";")
        case "webp":
            return int.from_bytes(data[4:8], "little") + 8 > len(data)
        case "bmp":
            return int.from_bytes(data[2:6], "little") > len(data)
        case "qoi":
            return not tail.endswith(b"\0\0\0\0\0\0\0\1")
        case "avif":
            return _box_overruns(data)
    return False


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # else: a character that the head's end cuts in two
            return False
        text = head[: error.start].decode()
    return bool(text) and not re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", text)


def _box_overruns(data: bytes) -> bool:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size == 0:
            return False
        at += max(size, 8)
    return at != len(data)
