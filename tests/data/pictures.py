"""Writes pictures/: PNG and JPEG files of every kind, and pictures.npz: what they show.

    python tests/data/pictures.py

from the workspace, with numpy and Pillow installed. What JPEG files show is what Pillow makes of
them. What PNG files show is known from what is written here, and compared with Pillow wherever
Pillow keeps all of it: its colors have eight bits, and it doesn't stretch the transparent grey of
files with two or four bits.

Of a file f.png there are the arrays f.png.color [3, height, width], f.png.grey [1, height, width],
and, where it is transparent somewhere, f.png.compose: the colors on BACKGROUND. Of a file that a
camera has turned there is f.jpg.upright.
"""

import io
import pathlib
import shutil
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps

BACKGROUND = (51, 102, 204)  # of 255: 0.2, 0.4, 0.8
HEIGHT, WIDTH = 5, 7
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
NAMES = {GREY: "grey", RGB: "rgb", PALETTE: "palette", GREY_ALPHA: "grey_alpha", RGB_ALPHA: "rgba"}
DEPTHS = {
    GREY: (1, 2, 4, 8, 16),
    RGB: (8, 16),
    PALETTE: (1, 2, 4, 8),
    GREY_ALPHA: (8, 16),
    RGB_ALPHA: (8, 16),
}
# First row, first column, distance of rows, of columns (PNG specification, 8.2).
ADAM7 = [
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
]

here = pathlib.Path(__file__).parent
folder = here / "pictures"
arrays = {}


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def rows(samples, depth):
    """The bytes of scan lines without a filter, of samples [height, width, channels]."""
    lines = b""
    for line in samples.reshape(len(samples), -1):
        if depth == 16:
            packed = line.astype(">u2").tobytes()
        else:
            bits = (line[:, None] >> np.arange(depth - 1, -1, -1)) & 1
            packed = np.packbits(bits.astype(np.uint8).ravel()).tobytes()
        lines += b"\0" + packed
    return lines


def png(samples, color_type, depth, interlaced=False, before=b"", after=b""):
    if interlaced:
        parts = [samples[r::dr, c::dc] for r, c, dr, dc in ADAM7]
        data = b"".join(rows(part, depth) for part in parts if part.size)
    else:
        data = rows(samples, depth)
    header = struct.pack(
        ">IIBBBBB", samples.shape[1], samples.shape[0], depth, color_type, 0, 0, interlaced
    )
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", zlib.compress(data))
        + after
        + chunk(b"IEND", b"")
    )


def luma(color):
    r, g, b = color.astype(np.int64)
    return ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16)[None]


def over(number, greatest):
    return (number + greatest // 2) // greatest


def planes(image):
    return np.moveaxis(np.asarray(image), -1, 0)


def note(name, kind, array, depth=8):
    arrays[f"{name}.{kind}"] = array.astype(np.uint16 if depth == 16 else np.uint8)


def write_png(name, samples, color_type, depth, palette=None, clear=None, **how):
    """`clear`: what tRNS says: a sample, a color, or an alpha for each color of the palette."""
    before = how.pop("before", b"")
    if palette is not None:
        before += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if clear is not None and color_type == PALETTE:
        before += chunk(b"tRNS", bytes(clear))
    elif clear is not None:
        before += chunk(b"tRNS", np.asarray(clear).astype(">u2").tobytes())
    data = png(samples, color_type, depth, before=before, **how)
    (folder / name).write_bytes(data)

    stored = 16 if depth == 16 else 8
    greatest = 2**stored - 1
    stretch = 1 if color_type == PALETTE else greatest // (2**depth - 1)
    values = np.moveaxis(samples.astype(np.int64), -1, 0) * stretch
    alpha = None
    if color_type == PALETTE:
        color = np.moveaxis(palette[samples[..., 0]].astype(np.int64), -1, 0)
        if clear is not None:
            alphas = np.full(len(palette), 255, np.int64)
            alphas[: len(clear)] = clear
            alpha = alphas[samples[..., 0]]
    else:
        color = values[:3] if color_type in (RGB, RGB_ALPHA) else values[:1].repeat(3, 0)
        if color_type in (GREY_ALPHA, RGB_ALPHA):
            alpha = values[-1]
        elif clear is not None:
            alpha = np.where((samples == np.asarray(clear)).all(-1), 0, greatest)
    grey = luma(color)
    note(name, "color", color, depth)
    note(name, "grey", grey, depth)
    background = np.array(BACKGROUND).reshape(3, 1, 1) * (greatest // 255)
    if alpha is not None:
        assert (alpha < greatest).any(), name
        compose = over(color * alpha + background * (greatest - alpha), greatest)
        note(name, "compose", compose, depth)

    image = Image.open(io.BytesIO(data))
    if depth == 16:
        if image.mode == "I;16":
            assert (np.asarray(image) == color[0]).all(), name
        else:
            assert (planes(image.convert("RGB")) == color >> 8).all(), name
        return
    assert (planes(image.convert("RGB")) == color).all(), name
    assert (np.asarray(image.convert("L")) == grey).all(), name
    if alpha is not None and not (color_type == GREY and depth in (2, 4)):
        rgba = image.convert("RGBA")
        laid = Image.new("RGB", image.size, BACKGROUND)
        laid.paste(rgba, mask=rgba.getchannel("A"))
        assert (planes(laid) == compose).all(), name


def write_pngs(random):
    linear = chunk(b"gAMA", struct.pack(">I", 100000))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    colorful = {
        "gamma": linear,
        "gamma_and_primaries": chunk(b"gAMA", struct.pack(">I", 45455))
        + chunk(
            b"cHRM",
            struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
        ),
        "srgb": chunk(b"sRGB", b"\0"),
        "profile": chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(profile)),
    }
    for color_type, depths in DEPTHS.items():
        for depth in depths:
            shape = (HEIGHT, WIDTH, CHANNELS[color_type])
            samples = random.integers(0, 2**depth, shape)
            palette = None
            clears = {"": None}
            if color_type == PALETTE:
                palette = random.integers(0, 256, (2**depth, 3))
                clears["_transparent"] = random.integers(0, 255, 2**depth // 2 + 1).tolist()
            elif color_type in (GREY, RGB):
                clears["_transparent"] = samples[2, 3].tolist()
            for suffix, clear in clears.items():
                for interlaced in (False, True):
                    name = f"{NAMES[color_type]}_{depth}{suffix}{'_interlaced' * interlaced}.png"
                    write_png(
                        name, samples, color_type, depth, palette, clear, interlaced=interlaced
                    )
            if depth >= 8:
                for kind, before in colorful.items():
                    if kind == "profile" and color_type in (GREY, GREY_ALPHA):
                        continue  # a profile of colors does not go with grey
                    name = f"{NAMES[color_type]}_{depth}_{kind}.png"
                    write_png(name, samples, color_type, depth, palette, before=before)
    samples = random.integers(0, 256, (HEIGHT, WIDTH, 4))
    white = chunk(b"bKGD", struct.pack(">3H", 255, 255, 255))
    write_png("rgba_8_background.png", samples, RGB_ALPHA, 8, before=white)
    samples[..., 3] = 255
    (folder / "rgba_8_opaque.png").write_bytes(png(samples, RGB_ALPHA, 8))
    note("rgba_8_opaque.png", "color", np.moveaxis(samples[..., :3], -1, 0))
    note("rgba_8_opaque.png", "grey", luma(np.moveaxis(samples[..., :3], -1, 0)))


def write_jpeg(name, data, turned=False):
    (folder / name).write_bytes(data)
    image = Image.open(io.BytesIO(data))
    note(name, "color", planes(image.convert("RGB")))
    note(name, "grey", np.asarray(image.convert("L"))[None])
    if turned:
        note(name, "upright", planes(ImageOps.exif_transpose(image).convert("RGB")))
    elif image.mode == "CMYK":
        assert "adobe" in image.info, name


def jpeg(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def write_jpegs(random):
    height, width = 21, 19
    smooth = np.empty((height, width, 4))
    for channel in range(4):
        y, x = np.mgrid[:height, :width]
        phase = random.uniform(0, 3, 3)
        smooth[..., channel] = 127.5 + 127 * np.sin(phase[0] + y * phase[1] / 5 + x * phase[2] / 5)
    smooth = smooth.astype(np.uint8)
    rgb, cmyk = Image.fromarray(smooth[..., :3]), Image.fromarray(smooth, "CMYK")
    for sampling in ("4:4:4", "4:2:2", "4:2:0"):
        for progressive in (False, True):
            name = f"{sampling.replace(':', '')}{'_progressive' * progressive}.jpg"
            write_jpeg(name, jpeg(rgb, subsampling=sampling, progressive=progressive))
    for progressive in (False, True):
        suffix = "_progressive" * progressive
        write_jpeg(f"grey{suffix}.jpg", jpeg(rgb.convert("L"), progressive=progressive))
        inks = jpeg(cmyk, progressive=progressive)
        write_jpeg(f"cmyk{suffix}.jpg", inks)
        # The last byte of Adobe's segment says how the colors were transformed: 2 is YCCK.
        place = inks.index(b"Adobe") + 11
        write_jpeg(f"ycck{suffix}.jpg", inks[:place] + b"\2" + inks[place + 1 :])
    write_jpeg("rgb.jpg", jpeg(rgb, keep_rgb=True))
    write_jpeg("restarts.jpg", jpeg(rgb, restart_marker_blocks=2))
    plain = jpeg(rgb)
    write_jpeg("bytes_before_the_end.jpg", plain[:-2] + b"\0\x01" + plain[-2:])
    write_jpeg("bytes_after_the_end.jpg", plain + b"more")
    for orientation in range(1, 9):
        for order in ("<", ">"):
            exif = Image.Exif()
            exif.endian = order
            exif[0x0112] = orientation
            name = f"turned_{orientation}{'_big_endian' * (order == '>')}.jpg"
            write_jpeg(name, jpeg(rgb, exif=exif, subsampling="4:4:4"), turned=True)
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(turned, "PNG", exif=exif)
    write_jpeg("turned_6.png", turned.getvalue(), turned=True)
    write_turned_pngs(rgb)
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="7"/></x:xmpmeta>'
    write_jpeg("turned_xmp.jpg", jpeg(rgb, xmp=xmp), turned=True)


def write_turned_pngs(image):
    """Their orientation is in texts, as ImageMagick and Adobe's programs write it."""
    exif = Image.Exif()
    exif[0x0112] = 8
    raw = exif.tobytes()
    lines = "\n".join(raw.hex()[i : i + 72] for i in range(0, 2 * len(raw), 72))
    profile = f"\nexif\n{len(raw):8}\n{lines}\n"
    xmp = "<rdf:Description><tiff:Orientation>3</tiff:Orientation></rdf:Description>"
    for name, texts in {
        "raw_exif": [("Raw profile type exif", profile)],
        "xmp": [("XML:com.adobe.xmp", xmp)],
        "raw_exif_and_xmp": [("XML:com.adobe.xmp", xmp), ("Raw profile type exif", profile)],
    }.items():
        for place in ("before", "after"):
            chunks = b""
            for key, text in texts:
                if key.startswith("XML"):
                    chunks += chunk(b"iTXt", key.encode() + b"\0\0\0\0\0" + text.encode())
                else:
                    body = zlib.compress(text.encode())
                    chunks += chunk(b"zTXt", key.encode() + b"\0\0" + body)
            data = png(np.asarray(image), RGB, 8, **{place: chunks})
            write_jpeg(f"turned_{name}_{place}.png", data, turned=True)


shutil.rmtree(folder, ignore_errors=True)
folder.mkdir()
write_pngs(np.random.default_rng(0))
write_jpegs(np.random.default_rng(1))
np.savez_compressed(here / "pictures.npz", **arrays)
