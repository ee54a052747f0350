"""Small pictures in the modes that people have, and the pixels that Pillow gives for them:
packages/video-features/test/fixtures/pictures.json."""
import base64
import io
import struct
import zlib

import numpy as np
from common import write
from PIL import Image

WIDTH, HEIGHT = 19, 13
random = np.random.default_rng(11)
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
RGB = np.stack([255 * ((x // 4 + y // 3) % 2), 255 * x / WIDTH, random.integers(0, 256, x.shape)], -1).astype(np.uint8)
SMOOTH = np.stack([255 * x / WIDTH, 255 * y / HEIGHT, 255 * (x + y) / (WIDTH + HEIGHT)], -1).astype(np.uint8)
NOISY, RAMPS = Image.fromarray(RGB), Image.fromarray(SMOOTH)
cases = []


def b64(data):
    return base64.b64encode(data).decode()


def keep(name, data, white=False):
    image = Image.open(io.BytesIO(data))
    if white:
        base = Image.new("RGBA", image.size, "white")
        base.alpha_composite(image.convert("RGBA"))
        image = base
    pixels = image.convert("RGB").tobytes()
    cases.append({"name": name, "file": b64(data), "width": image.width, "height": image.height, "pixels": b64(pixels)})


def encoded(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def png(depth, colour, rows, transparent=b""):
    """`transparent`: the one value that a tRNS chunk names."""
    def chunk(tag, body):
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    named = chunk(b"tRNS", transparent) if transparent else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + named + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def odd_scan(jpeg):
    """The end of the spectral selection says 0 instead of 63: what some telephones write."""
    at = jpeg.rindex(b"\xff\xda")
    changed = bytearray(jpeg)
    changed[at + 6 + 2 * jpeg[at + 4]] = 0
    return bytes(changed)


def between_scans(jpeg, junk):
    """Bytes that belong to nothing, before every marker behind the first scan."""
    at, ends, scanned = 2, [], False
    while jpeg[at + 1] != 0xD9:
        if scanned:
            ends.append(at)
        is_scan = jpeg[at + 1] == 0xDA
        at += 2 + jpeg[at + 2] * 256 + jpeg[at + 3]
        if is_scan:
            scanned = True
            while jpeg[at] != 0xFF or jpeg[at + 1] in (0, *range(0xD0, 0xD8)):
                at += 1
    for end in reversed([*ends, at]):
        jpeg = jpeg[:end] + junk + jpeg[end:]
    return jpeg


for sampling in (0, 1, 2):
    keep(f"JPEG, chroma sampling {sampling}", encoded(NOISY, "JPEG", quality=85, subsampling=sampling))
keep("JPEG, progressive", encoded(NOISY, "JPEG", quality=80, progressive=True))
keep("JPEG, grey", encoded(NOISY.convert("L"), "JPEG"))
keep("JPEG, CMYK", encoded(RAMPS.convert("CMYK"), "JPEG", quality=95, subsampling=0))
progressive = encoded(NOISY, "JPEG", quality=80, progressive=True)
keep("JPEG, bytes between progressive scans", between_scans(progressive, b"\x07\xff\x00\x09\0"))
keep("JPEG, CMYK, bytes between progressive scans",
     between_scans(encoded(RAMPS.convert("CMYK"), "JPEG", quality=95, progressive=True), b"\0"))
keep("JPEG, odd scan parameters", odd_scan(encoded(NOISY, "JPEG", quality=85)))
keep("TIFF, CMYK", encoded(RAMPS.convert("CMYK"), "TIFF"))
keep("TIFF, RGB", encoded(NOISY, "TIFF"))
grey16 = (np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH) * 251 % 65536).astype(np.uint16)
keep("PNG, grey of 16 bits", encoded(Image.fromarray(grey16), "PNG"))
keep("PNG, grey of 16 bits with small values", encoded(Image.fromarray((x * 9 + y).astype(np.uint16)), "PNG"))
keep("TIFF, grey of 16 bits", encoded(Image.fromarray(grey16), "TIFF"))
rgb16 = (RGB.astype(np.uint32) * 257 + random.integers(0, 200, RGB.shape)).clip(0, 65535).astype(">u2")
keep("PNG, RGB of 16 bits", png(16, 2, [row.tobytes() for row in rgb16]))
alpha = (255 * y / HEIGHT).astype(np.uint8)
rgba = np.dstack([RGB, alpha])
rgba16 = np.dstack([rgb16, (alpha.astype(np.uint32) * 257).astype(">u2")]).astype(">u2")
keep("PNG, partly transparent", encoded(Image.fromarray(rgba), "PNG"), white=True)
keep("PNG, partly transparent, 16 bits", png(16, 6, [row.tobytes() for row in rgba16]), white=True)
keep("PNG, partly transparent grey", encoded(Image.merge("LA", [NOISY.convert("L"), Image.fromarray(alpha)]), "PNG"), white=True)
keep("PNG, transparent colour of a palette", encoded(RAMPS.quantize(8), "PNG", transparency=3), white=True)
for depth in (1, 2, 4, 8, 16):
    values = (x + y) % 2 ** min(depth, 8) * (257 if depth == 16 else 1)
    bits = (values[..., None] >> np.arange(depth)[::-1] & 1).astype(np.uint8).reshape(HEIGHT, -1)
    rows = [np.packbits(row).tobytes() for row in bits]
    keep(f"PNG, a transparent grey of {depth} bits", png(depth, 0, rows, struct.pack(">H", int(values[2, 3]))), white=True)
    keep(f"PNG, a transparent black of {depth} bits", png(depth, 0, rows, b"\0\0"), white=True)
low16 = np.where((x % 4 == 0)[..., None], 200 * 257, 5000).astype(">u2") + np.zeros((1, 1, 3), ">u2")
keep("PNG, a transparent colour of 16 bits that is one of 8", png(16, 2, [row.tobytes() for row in low16.astype(">u2")],
     struct.pack(">HHH", 200, 200, 200)), white=True)
for depth, pixels in ((8, RGB), (16, rgb16)):
    keep(f"PNG, a transparent colour of {depth} bits",
         png(depth, 2, [row.tobytes() for row in pixels], struct.pack(">HHH", *map(int, pixels[2, 3]))), white=True)
keep("PNG, one bit", encoded(NOISY.convert("1"), "PNG"))
keep("WebP, lossy", encoded(RAMPS, "WEBP", quality=80))
keep("WebP, partly transparent", encoded(Image.fromarray(rgba), "WEBP", lossless=True, exact=True), white=True)
keep("GIF", encoded(RAMPS.quantize(64), "GIF"))
keep("AVIF, whole colours", encoded(RAMPS, "AVIF", quality=100, subsampling="4:4:4"))
subsampled = b64(encoded(RAMPS, "AVIF", quality=90, subsampling="4:2:0"))
write("video-features", "pictures.json", {"cases": cases, "subsampled": subsampled})
