"""A checklist's bytes, and the same as lines that can be read."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import ftfy

from roadworthy.inspection.checklist.evidence import BLANK, is_evidence, without
from roadworthy.inspection.errors import UnreadableChecklist

FILE_LIMIT_BYTES = 2 * 1024 * 1024
LINE_LIMIT = 20_000
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_VALID_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}")


@dataclass(frozen=True, slots=True)
class Document:
    """A text file that can be written back byte for byte.

    `lines` keep their line ends; `readable` are the same lines without them, mojibake repaired, and blank where
    an earlier run wrote evidence. `prefix` is the byte order mark.
    """

    path: Path
    lines: tuple[str, ...]
    readable: tuple[str, ...]
    encoding: str
    errors: str = "strict"
    prefix: bytes = b""

    @property
    def newline(self) -> str:
        """The line end that the file uses: that of its first line."""
        first = self.lines[0] if self.lines else ""
        return first[len(first.rstrip("\r\n")) :] or "\n"

    def encode(self, lines: list[str]) -> bytes:
        """`lines` as bytes of this file; a character that its encoding lacks becomes a question mark."""
        text = "".join(lines)
        try:
            return self.prefix + text.encode(self.encoding, self.errors)
        except UnicodeEncodeError:
            return self.prefix + text.encode(self.encoding, "replace")


def read(path: Path) -> Document:
    """The document at `path`.

    Raises:
        UnreadableChecklist: missing, too large, or no text.
    """
    raw = _bytes(path)
    prefix, encoding, errors = _encoding(raw)
    try:
        text = raw[len(prefix) :].decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise UnreadableChecklist(f"{path}: not text at byte {error.start}", "save it as UTF-8") from error
    if "\0" in text:
        raise UnreadableChecklist(f"{path}: a binary file", "give the Markdown file that holds the checklist")
    lines = tuple(_LINE.findall(text))
    if len(lines) > LINE_LIMIT:
        raise UnreadableChecklist(f"{path}: {len(lines)} lines, over {LINE_LIMIT}", "give the checklist alone")
    return Document(path, lines, readable(lines), encoding, errors, prefix)


def readable(lines: Iterable[str]) -> tuple[str, ...]:
    """`lines` as they are read: without line ends, mojibake repaired, evidence blanked."""
    return tuple(_readable(line) for line in lines)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_LIMIT_BYTES + 1)
    except OSError as error:
        problem = f"{path}: {error.strerror or error}"
        raise UnreadableChecklist(problem, "give the path of a Markdown checklist") from error
    if len(raw) > FILE_LIMIT_BYTES:
        raise UnreadableChecklist(f"{path}: over {FILE_LIMIT_BYTES} bytes", "give the checklist alone")
    return raw


def _encoding(raw: bytes) -> tuple[bytes, str, str]:
    for bom, encoding in _BOMS:
        if raw.startswith(bom):
            return bom, encoding, "strict"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        # UTF-8 with a few broken bytes keeps its good characters; without a single good one it is no UTF-8 at all.
        return (b"", "utf-8", "surrogateescape") if _VALID_MULTIBYTE.search(raw) else (b"", *_single_byte(raw))
    return b"", "utf-8", "strict"


def _single_byte(raw: bytes) -> tuple[str, str]:
    try:
        raw.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1", "strict"
    return "cp1252", "strict"


def _readable(line: str) -> str:
    bare = line.rstrip("\r\n")
    if is_evidence(bare):
        return BLANK
    bare = without(bare)
    if bare.isascii():
        return bare
    fixed = ftfy.fix_text(bare.encode("utf-8", "replace").decode(), normalization="NFC")
    return fixed.replace("\n", " ")
