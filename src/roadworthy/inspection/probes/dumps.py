"""Looks into a backup without running anything: is it encrypted, is it whole as far as its format tells."""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

HEAD_BYTES = 64 * 1024
CHUNK_BYTES = 1024 * 1024
READ_LIMIT_BYTES = 512 * 1024 * 1024
TAIL_BYTES = 8 * 1024
HEADER_BYTES = 64
FORMS = frozenset({1, 3, 5})
"""Custom, tar, directory: as pg_dump numbers them."""
COMPLETE = (b"PostgreSQL database dump complete", b"PostgreSQL database cluster dump complete", b"-- Dump completed")
"""What pg_dump, pg_dumpall and mysqldump write last."""
_OPENPGP = re.compile(
    rb"\A(?:[\x84\x8c][\s\S]|\x85[\s\S]{2}|[\xc1\xc3](?:[\x00-\xbf]|[\xc0-\xdf][\s\S]|\xff[\s\S]{4}))[\x03-\x06]"
)


class Whole(StrEnum):
    """What was seen of a backup's wholeness."""

    YES = "whole to its last line"
    BEGINS = "begins as it should; its end says nothing"
    CUT = "broken or cut"
    HIDDEN = "encrypted: not to be read without its key"
    UNREAD = "in a form or of a size that is not read here"


@dataclass(frozen=True, slots=True)
class Head:
    """How a backup begins: `cipher` is empty where it is not encrypted."""

    kind: str
    cipher: str


def head_of(path: Path) -> Head:
    """The kind of a file by its first bytes, never by its name. Raises OSError where it can't be read."""
    with path.open("rb") as file:
        first = file.read(HEAD_BYTES)
    if first.startswith((b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")):
        return Head("age", "age")
    if first.startswith(b"-----BEGIN PGP MESSAGE-----") or _OPENPGP.match(first):
        return Head("gpg", "OpenPGP")
    if first.startswith((b"Salted__", b"U2FsdGVkX1")):
        return Head("openssl", "openssl enc")
    kinds = {b"PGDMP": "custom", b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
    found = next((kind for magic, kind in kinds.items() if first.startswith(magic)), "")
    if found:
        return Head(found, "")
    if first[257:262] == b"ustar":
        return Head("tar", "")
    return Head(
        "sql" if re.search(rb"(?:PostgreSQL|MySQL|MariaDB)[\w ]* dump|CREATE TABLE", first, re.IGNORECASE) else "", ""
    )


def whole(path: Path) -> Whole:
    """Whether a backup is whole, read at most `READ_LIMIT_BYTES`; meant for a thread."""
    try:
        head = head_of(path)
        if head.cipher:
            return Whole.HIDDEN
        if path.stat().st_size > READ_LIMIT_BYTES:
            return Whole.UNREAD
        if head.kind == "custom":
            return _custom(path)
        return _stream(path, head.kind)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError):
        return Whole.CUT


def _custom(path: Path) -> Whole:
    """pg_dump's own format: magic, version, sizes of numbers, format, and at least one entry of contents."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or header[5] != 1:
        return Whole.CUT
    number_bytes, offset_bytes, form = header[8], header[9], header[10]
    return Whole.BEGINS if number_bytes in {4, 8} and offset_bytes in {4, 8} and form in FORMS else Whole.CUT


def _stream(path: Path, kind: str) -> Whole:
    makers: dict[str, Callable[[], object]] = {
        "gzip": lambda: zlib.decompressobj(31),
        "bzip2": bz2.BZ2Decompressor,
        "xz": lzma.LZMADecompressor,
    }
    if kind not in {*makers, "sql", "tar"}:
        return Whole.UNREAD if kind else Whole.CUT
    first = tail = b""
    inflater = makers[kind]() if kind in makers else None
    for part in _inflated(path, inflater):
        first = first or part[:HEAD_BYTES]
        tail = (tail + part)[-TAIL_BYTES:]
    if inflater is not None and not getattr(inflater, "eof", False):
        return Whole.CUT
    if any(word in tail for word in COMPLETE):
        return Whole.YES
    text = re.search(rb"(?:PostgreSQL|MySQL|MariaDB)[\w ]* dump", first)
    if not first or text:
        return Whole.CUT  # a dump as text ends with its last line, or it was cut
    return Whole.YES if tail.endswith(b"\0" * 1024) and first[257:262] == b"ustar" else Whole.BEGINS


def _inflated(path: Path, inflater: object) -> Iterator[bytes]:
    """Parts of a file, inflated a bounded part at a time: a bomb stays small in memory, and ends at the limit."""
    total = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            for part in _parts(inflater, chunk):
                total += len(part)
                if total > READ_LIMIT_BYTES:
                    raise ValueError("grows beyond what is read")
                yield part


def _parts(inflater: object, chunk: bytes) -> Iterator[bytes]:
    if inflater is None:
        yield chunk
        return
    decompress: Callable[..., bytes] = inflater.decompress  # type: ignore[attr-defined]  # all three have it
    yield decompress(chunk, CHUNK_BYTES)
    while not getattr(inflater, "eof", False) and _waiting(inflater):
        yield decompress(getattr(inflater, "unconsumed_tail", b""), CHUNK_BYTES)


def _waiting(inflater: object) -> bool:
    rest = getattr(inflater, "unconsumed_tail", None)
    return bool(rest) if rest is not None else not getattr(inflater, "needs_input", True)
