from __future__ import annotations

from pathlib import Path

import pytest

from roadworthy.inspection.checklist import document
from roadworthy.inspection.errors import UnreadableChecklist

TEXT = "# Liste\r\n\r\n- [ ] Sauvegardes vérifiées\n- [x] café"


def written(folder: Path, content: bytes) -> Path:
    path = folder / "CHECKLIST.md"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        b"\xff\xfe" + TEXT.encode("utf-16-le"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.encode("cp1252"),
        TEXT.encode() + b" broken \xff here",
        b"",
        b"- [ ] old Mac\r- [ ] lines\r",
    ],
    ids=["utf-8", "bom", "utf-16-le", "utf-16-be", "cp1252", "damaged utf-8", "empty", "bare carriage returns"],
)
def test_is_written_back_byte_for_byte(tmp_path: Path, content: bytes) -> None:
    read = document.read(written(tmp_path, content))
    assert read.encode(list(read.lines)) == content


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_reads_accents_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    read = document.read(written(tmp_path, TEXT.encode(encoding)))
    assert read.readable == ("# Liste", "", "- [ ] Sauvegardes vérifiées", "- [x] café")


def test_repairs_mojibake_for_reading_only(tmp_path: Path) -> None:
    read = document.read(written(tmp_path, b"## \xc3\xa2\xc5\x93\xe2\x80\xa6 Database\n"))
    assert read.readable == ("## ✅ Database",)
    assert read.encode(list(read.lines)) == b"## \xc3\xa2\xc5\x93\xe2\x80\xa6 Database\n"


def test_evidence_of_an_earlier_run_is_not_read(tmp_path: Path) -> None:
    line = "  <sub>roadworthy: pass (2026-01-02, 0123456789abcdef) PostgreSQL 18 answers</sub>"
    read = document.read(written(tmp_path, f"- [x] PostgreSQL\n{line}\n".encode()))
    assert read.readable[0] == "- [x] PostgreSQL"
    assert not read.readable[1].strip()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0", "binary"),
        (b"x" * (document.FILE_LIMIT_BYTES + 1), "over"),
        (b"\n" * (document.LINE_LIMIT + 1), "lines"),
    ],
    ids=["binary", "too large", "too many lines"],
)
def test_refuses_what_is_no_checklist(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(UnreadableChecklist) as refused:
        document.read(written(tmp_path, content))
    assert words in refused.value.problem
    assert refused.value.remedy


def test_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UnreadableChecklist, match=r"nowhere\.md"):
        document.read(tmp_path / "nowhere.md")


def test_a_folder_is_no_checklist(tmp_path: Path) -> None:
    with pytest.raises(UnreadableChecklist):
        document.read(tmp_path)
