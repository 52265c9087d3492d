"""In which encoding a text is that is not UTF-8, by its bytes."""

import codecs
import itertools
import re
from collections.abc import Iterator

UNSURE = "Windows-1252"  # where the bytes speak for no other encoding
_SAMPLE = 20_000  # bytes of cells that are looked at
_BEYOND_ASCII = bytes(range(128, 256))
_CLEARLY = 1.5  # how much likelier than UNSURE another encoding must be
# The encodings that spreadsheets save in, by the names of the library.
_KNOWN = [
    "windows-1252",
    "macroman",
    "gb18030",
    "cp932",
    "big5hkscs",
    "cp949",
    "euc-jp",
    "windows-1250",
    "windows-1251",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "koi8-r",
]


def encoding_of(data: bytes) -> str:
    """The encoding of bytes that are not UTF-8, as Python and people call it: Windows-1252, GB18030, CP932, MacRoman, …

    Only cells with letters beyond ASCII tell; of two encodings that give the same text, or are about as likely, it is Windows-1252.

    Examples
    --------
    >>> encoding_of("间充质干细胞外泌体,1".encode("gb18030")), encoding_of("Universität Würzburg".encode("cp1252"))
    ('GB18030', 'Windows-1252')
    """
    if name := utf16_without_mark(data):
        return name
    import chardet  # here, as hardly any file needs it

    telling = b" ".join(cell for cell in re.split(rb'[,;\t\r\n"]', data) if not cell.isascii())[:_SAMPLE]
    found = chardet.detect_all(telling, ignore_threshold=True, include_encodings=_KNOWN)
    chances = {one["encoding"]: one["confidence"] for one in found if one["encoding"]}
    usual = telling.decode("cp1252", errors="replace")
    for name, chance in chances.items():  # the likeliest first
        if name == UNSURE or chance < _CLEARLY * chances.get(UNSURE, 0):
            break
        text = telling.decode(name, errors="replace")
        if text.count("�") <= usual.count("�") + 1:  # the sample may end within a letter
            return UNSURE if text == usual else name
    return UNSURE


def utf16_without_mark(data: bytes) -> str | None:
    """UTF-16-LE or UTF-16-BE where every other byte of a text's beginning is mostly NUL; else None."""
    start = data[:4096]
    for name, zeros, others in (("UTF-16-BE", start[0::2], start[1::2]), ("UTF-16-LE", start[1::2], start[0::2])):
        if zeros.count(0) > 0.6 * len(zeros) and others.count(0) < 0.1 * len(others):
            return name
    return None


class Utf8Pieces:
    """The pieces of a file as UTF-8, whatever it is encoded in; ``encoding`` says what it was, once that shows.

    A byte order mark and NUL bytes are left out. Where some lines are UTF-8 and others are not, all stay as they are, and
    ``encoding`` is ``MIXED``. XML that declares its own encoding stays as it is, too.
    """

    MIXED = "UTF-8 and Windows-1252, mixed"

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.encoding: str | None = None  # of plain UTF-8
        self._rest = self._recoded(pieces)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._rest)

    def _recoded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        first = next(pieces, b"")
        decoder, seen = None, False
        if first[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            self.encoding, decoder = "UTF-16", codecs.getincrementaldecoder("utf-16")(errors="replace")
        elif name := utf16_without_mark(first):
            self.encoding, decoder = name, codecs.getincrementaldecoder(name)(errors="replace")
        elif first.startswith(codecs.BOM_UTF8):
            first = first[3:]
        settled = re.match(rb"\s*<\?xml[^>]*encoding", first) is not None
        held = b""  # the last bytes of a piece, which may be a part of a letter
        for piece in itertools.chain([first], pieces, [b""]):
            last = not piece
            piece, held = held + piece, b""
            if not decoder and not settled and not piece.isascii():
                if not last and not piece[-1:].isascii():
                    whole = piece.rstrip(_BEYOND_ASCII)
                    if len(piece) - len(whole) < _SAMPLE:
                        piece, held = whole, piece[len(whole) :]
                if _is_utf8(piece):
                    seen |= not piece.isascii()
                elif seen or any(_is_utf8(line) for line in piece.splitlines() if not line.isascii()):
                    self.encoding, settled = self.MIXED, True
                else:
                    self.encoding = encoding_of(piece)
                    decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")
            if decoder:
                piece, held = decoder.decode(piece + held, last).encode(), b""
            yield piece.replace(b"\0", b"")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
