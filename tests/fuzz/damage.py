"""Ways in which files and their contents break."""
from __future__ import annotations

import copy
import json

import numpy as np

Rng = np.random.Generator

JUNK = (None, True, -1, 0, 1, 3, 1.5, -2.5, 1e308, float('nan'), float('inf'), 10**30, '', ' ',
        '.', '..', '../canary', '../../canary.png', '/etc/hostname', 'canary/../canary', 'a/b',
        'a\\b', 'a\0b', 'a\nb', 'x' * 5000, '\ud8ff', '"><img src=x onerror=alert(1)>', '0', '1e9',
        [], {}, [[]], [1, 2], {'type': 'x'}, {'a': {'b': []}})

NOT_WHAT_THE_NAME_SAYS = (
    b'', b'\0', b'\0' * 1000, b'these are words, not pixels\n', b'<!DOCTYPE html><p>404</p>\n',
    b'[' * 200_000, b'{"a":' * 50_000, b'\xff\xfe\x00\x00', b'PK\x03\x04', b'\x89PNG\r\n\x1a\n',
    b'GIF89a', b'BM', b'II*\0', b'MM\0*', b'RIFF\xff\xff\xff\xffWEBPVP8 ', b'P6 1 1 255\n',
    b'\xff\xd8\xff\xe0', b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n20 20 showpage\n',
    b'8BPS\0\1', b'\x89HDF\r\n\x1a\n', b'\x80\x02}q\x00.', b'\x80\x02c__builtin__\nobject\n)R.',
    b'index,class,bin\n', b'null', b'NaN', b'1', b'"text"', b'[]', b'{}', b'[null]', b'- a\n- b\n',
    b'\xef\xbb\xbf{}', b'{"format": "\xe9"}')


def pick(rng: Rng, choices):
    """One of several, as it is (NumPy's choice would make an array of them)."""
    choices = list(choices)
    return choices[int(rng.integers(len(choices)))]


def chance(rng: Rng, share: float) -> bool:
    return rng.random() < share


def damage_bytes(rng: Rng, content: bytes) -> bytes:
    """Truncate, flip, overwrite, insert, remove, repeat, or replace by something else."""
    if chance(rng, .08):
        return pick(rng, NOT_WHAT_THE_NAME_SAYS)
    for _ in range(int(rng.integers(1, 3))):
        content = pick(rng, (_truncate, _truncate, _flip, _flip, _flip, _overwrite, _insert,
                             _remove, _repeat))(rng, content)
    return content


def damage_text(rng: Rng, text: str) -> bytes:
    """Damage a table or another text: by bytes, or by cells and lines."""
    if chance(rng, .3):
        return damage_bytes(rng, text.encode('utf-8', 'surrogatepass'))
    lines = text.split('\n')
    for _ in range(int(rng.integers(1, 4))):
        row = int(rng.integers(len(lines)))
        cells = lines[row].split(',')
        cell = int(rng.integers(len(cells)))
        how = int(rng.integers(8))
        if how <= 3:
            cells[cell] = _as_cell(pick(rng, JUNK))
        elif how == 4:
            del cells[cell]
        elif how == 5:
            cells.insert(cell, cells[cell])
        lines[row] = ','.join(cells)
        if how == 6:
            lines.insert(row, pick(rng, lines))
        elif how == 7 and len(lines) > 1:
            del lines[row]
    text = pick(rng, ('\n', '\n', '\n', '\r\n', '\r')).join(lines)
    if chance(rng, .1):
        text = text.replace(',', pick(rng, (';', '\t', '|', ',,')))
    encoding = pick(rng, ('utf-8', 'utf-8', 'utf-8', 'utf-8-sig', 'utf-16', 'latin-1'))
    return text.encode(encoding, 'replace')


def damage_json(rng: Rng, content: object) -> bytes:
    """Damage what a JSON file says, or its bytes."""
    if chance(rng, .25):
        return damage_bytes(rng, json.dumps(content, indent=1).encode())
    content = copy.deepcopy(content)
    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(content))
        if not places:
            break
        holder, key = pick(rng, places)
        how = int(rng.integers(6))
        if how <= 2:
            holder[key] = copy.deepcopy(pick(rng, JUNK))
        elif how == 3:
            del holder[key]
        elif how == 4:
            other_holder, other_key = pick(rng, places)
            holder[key] = copy.deepcopy(other_holder[other_key])
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        else:
            holder[_as_cell(pick(rng, JUNK))] = holder.pop(key)
    return json.dumps(content).encode('utf-8', 'surrogatepass')


def _places(content):
    """Every (container, key) of a tree of dicts and lists."""
    keys = list(content) if isinstance(content, dict) else range(len(content)) if isinstance(
        content, list) else ()
    for key in keys:
        yield content, key
        yield from _places(content[key])


def _as_cell(value: object) -> str:
    return value if isinstance(value, str) else '' if value is None else str(value)


def _place(rng: Rng, content: bytes) -> int:
    # Headers break in more ways than data.
    end = len(content) if chance(rng, .5) else min(len(content), 200)
    return int(rng.integers(max(end, 1)))


def _truncate(rng, content):
    return content[:_place(rng, content)]


def _flip(rng, content):
    broken = bytearray(content)
    for _ in range(int(rng.integers(1, 9)) if broken else 0):
        broken[_place(rng, content)] ^= 1 << int(rng.integers(8))
    return bytes(broken)


def _overwrite(rng, content):
    place = _place(rng, content)
    value = pick(rng, (b'\0', b'\xff', b'\x7f\xff\xff\xff', b'\xff' * 8, rng.bytes(4)))
    return content[:place] + value + content[place + len(value):]


def _insert(rng, content):
    place = _place(rng, content)
    return content[:place] + rng.bytes(int(rng.integers(1, 40))) + content[place:]


def _remove(rng, content):
    place = _place(rng, content)
    return content[:place] + content[place + int(rng.integers(1, 40)):]


def _repeat(rng, content):
    start, end = sorted((_place(rng, content), _place(rng, content)))
    return content[:end] + content[start:]
