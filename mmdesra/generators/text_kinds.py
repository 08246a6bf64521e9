"""What a text is that is given as a checkpoint: a pointer, a web page, a server's refusal."""
from __future__ import annotations

import codecs
import json
import re
from pathlib import Path

MAX_TEXT = 2**20
"""Bytes up to which a text is read whole."""
SHORT = 400
"""Bytes that a server's refusal has at most."""
MAX_QUOTED = 60

DOWNLOAD = ('it was saved in place of the file; download that again, by the link of the file '
            'itself, and look at its size')
NCNN_MARK = '7767517'
"""The first line of every ncnn .param file."""

MARKUP = re.compile(rb'<(!doctype|!--|\?xml|html|head|body|meta|title|script)\b', re.IGNORECASE)
"""How a page begins, in every encoding that has ASCII's letters."""
CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([\w-]+)""", re.IGNORECASE)
LEGACY = 'cp1252'

LFS = re.compile(r'version https?://(git-lfs\.github\.com|hawser\.github\.com)/spec/')
LFS_SIZE = re.compile(r'^size (\d+)$', re.MULTILINE)


def is_text(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a text."""
    text = _decode(head)
    return text is not None and all(letter.isprintable() or letter in '\t\r\n\f\v'
                                    for letter in text)


def explain_text(path: Path, head: bytes, size: int) -> str:
    """Return what a text is and what to do about it; it continues "PATH: "."""
    text = (_decode(head) or '').strip()
    pointer = _explain_pointer(text)
    if pointer:
        return pointer
    if text.startswith('<'):
        return _explain_markup(text)
    if text.startswith(('{', '[')):
        return _explain_json(path, size)
    if text.startswith(NCNN_MARK):
        return ('is the description of an ncnn model (.param), and no PyTorch weights; give its '
                'PyTorch weights instead (.pth or .safetensors)')
    if text.startswith('model_checkpoint_path:'):
        return ('names the checkpoints of a TensorFlow model, and no PyTorch weights; give its '
                'PyTorch weights instead (.pth or .safetensors)')
    if not text:
        return 'holds only white space, and no weights; fetch the file again'
    if size <= SHORT and '\n' not in text and '=' not in text:
        return (f'is a text of {size} bytes ({_quote(text)}), and no weights; if a server sent '
                f'it, {DOWNLOAD}')
    return (f'is a text ({_quote(text)}), such as a config or a list, and no weights; give the '
            'file of weights')


def _decode(head: bytes) -> str | None:
    is_utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    markup = head.removeprefix(codecs.BOM_UTF8).lstrip()
    encoding = 'utf-16' if is_utf16 else 'utf-8-sig'
    try:  # the last letter may be cut in two
        return codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return _decode_page(markup) if MARKUP.match(markup) else None


def _decode_page(markup: bytes) -> str:
    """Decode a page that is not in Unicode, in the encoding that it names if any."""
    named = CHARSET.search(markup)
    try:
        return markup.decode(named[1].decode() if named else LEGACY, errors='replace')
    except (LookupError, UnicodeError):  # there is no such encoding
        return markup.decode(LEGACY, errors='replace')


def _explain_pointer(text: str) -> str | None:
    if LFS.match(text):
        size = LFS_SIZE.search(text)
        of = f' to a file of {int(size[1]):,} bytes' if size else ''
        return (f'is a Git LFS pointer{of}, not the weights: run git lfs pull in its repository, '
                "or download the file by the site's own button or command")
    if '/annex/objects/' in text.partition('\n')[0]:
        return 'is a git-annex pointer, not the weights: run git annex get FILE in its repository'
    if re.match(r'outs:\s*\n\s*- ', text) or '\nouts:\n' in text:
        return 'is a DVC pointer, not the weights: run dvc pull in its repository'
    return None


def _explain_markup(text: str) -> str:
    low = text.lower()
    if '<html' in low or '<!doctype html' in low or '<head' in low or '<body' in low:
        title = re.search(r'<title[^>]*>\s*(.*?)\s*</title>', text, re.DOTALL | re.IGNORECASE)
        name = f' ({_quote(title[1])})' if title and title[1] else ''
        return f'is a web page{name}, not the weights: {DOWNLOAD}'
    if re.search(r'<net\s', low):
        return ('is the description of an OpenVINO model (.xml), and no PyTorch weights; give its '
                'PyTorch weights instead (.pth or .safetensors)')
    message = re.search(r'<(?:Code|Message)>(.*?)</', text, re.DOTALL)
    if message:
        return f'is a message of a server ({_quote(message[1])}), not the weights: {DOWNLOAD}'
    return f'is an XML text ({_quote(text)}), not the weights: {DOWNLOAD}'


def _explain_json(path: Path, size: int) -> str:
    content = None
    if size <= MAX_TEXT:
        try:
            content = json.loads(path.read_text(encoding='utf-8-sig'))
        except (ValueError, RecursionError):
            content = None
    if isinstance(content, dict):
        if 'weight_map' in content:
            return ('is the index of weights in several safetensors files, and not the weights; '
                    'write them into one file with the program that they are of')
        for key in ('error', 'message', 'errors', 'detail'):
            if key in content:
                return (f'is a message of a server ({_quote(str(content[key]))}), not the '
                        f'weights: {DOWNLOAD}')
    return ('is a JSON text, such as a config, and no weights; give the file of weights'
            if content is not None else
            'is a text that resembles JSON or a config, and no weights; give the file of weights')


def _quote(text: str) -> str:
    line = ' '.join(text.split())
    return repr(line if len(line) <= MAX_QUOTED else line[:MAX_QUOTED] + '…')
