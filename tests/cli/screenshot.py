#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do two screenshots of a report, light and dark, show what they must? screenshot.py LIGHT DARK

The paper is light in one and dark in the other; ink is on it; and the picture has the colours of a mapping that ended, of
the one that the crash is about, and of the crash itself (report_html_style.c). PNG as Chromium writes it: 8 bits, RGB or
RGBA, not interlaced.
"""
import struct
import sys
import zlib

THEMES = {
    "light": {"paper": (255, 255, 255), "ended": (0x8C, 0x95, 0x9F), "fatal": (0xBC, 0x4C, 0), "crash": (0xB3, 0x26, 0x1E)},
    "dark": {"paper": (0x0D, 0x11, 0x17), "ended": (0x65, 0x6C, 0x76), "fatal": (0xF0, 0x88, 0x3E), "crash": (0xFF, 0x7B, 0x72)},
}
LEAST = {"paper": 100_000, "ended": 1_000, "fatal": 1_000, "crash": 50}


def unfilter(kind, line, above, step):
    for i, byte in enumerate(line):
        left = line[i - step] if i >= step else 0
        up = above[i]
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            byte += left
        elif kind == 2:
            byte += up
        elif kind == 3:
            byte += (left + up) // 2
        elif kind == 4:
            guess = left + up - corner
            distances = abs(guess - left), abs(guess - up), abs(guess - corner)
            byte += (left, up, corner)[distances.index(min(distances))]
        line[i] = byte & 255


def colours(path):
    data = open(path, "rb").read()
    at, packed, counts = 8, b"", {}
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert depth == 8 and colour in (2, 6), "another kind of PNG"
            step = 3 if colour == 2 else 4
        elif kind == b"IDAT":
            packed += body
        at += length + 12
    raw = zlib.decompress(packed)
    above = bytearray(width * step)
    for row in range(height):
        start = row * (width * step + 1)
        line = bytearray(raw[start + 1 : start + 1 + width * step])
        if raw[start]:
            unfilter(raw[start], line, above, step)
        above = line
        for i in range(0, len(line), step):
            pixel = line[i], line[i + 1], line[i + 2]
            counts[pixel] = counts.get(pixel, 0) + 1
    return counts


def main():
    bad = 0
    for theme, path in zip(THEMES, sys.argv[1:]):
        counts = colours(path)
        for what, colour in THEMES[theme].items():
            if counts.get(colour, 0) < LEAST[what]:
                print(f"{path}: {counts.get(colour, 0)} pixels of {what}")
                bad = 1
    sys.exit(bad)


main()
