from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.unit.inspection.fakes import inspection, line, on_day

from roadworthy.contracts.checks import Kind, Status
from roadworthy.inspection.checklist import document, rewriting, structure
from roadworthy.inspection.mapper.polarity import Sense

IN_A_CELL = re.compile(r"(?<=\S) <sub>roadworthy: [^\r\n]*?</sub>")
EVIDENCE = re.compile(r"[^\r\n]*<sub>roadworthy: [^\r\n]*(?:\r\n|\n|\r)?")


def rewritten(path: Path, statuses: dict[int, Status] | Status, day: str = "2026-03-01", **more: str) -> bytes:
    """The document at `path` after an inspection that gave each line its status (by line, or all the same)."""
    read = document.read(path)
    items = structure.read(read.readable)
    lines = [
        line(item, statuses if isinstance(statuses, Status) else statuses[item.line], **more)
        for item in items
        if isinstance(statuses, Status) or item.line in statuses
    ]
    return rewriting.rewrite(read, on_day(inspection(*lines), day))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "CHECKLIST.md"


def test_ticks_what_holds_and_says_what_was_seen(path: Path) -> None:
    path.write_text("## Database\n- [ ] **PostgreSQL** in use\n- [x] Backups\n")
    result = rewritten(path, {2: Status.PASS, 3: Status.FAIL}).decode().splitlines()
    assert result[1] == "- [x] **PostgreSQL** in use"
    assert re.fullmatch(r"  <sub>roadworthy: pass \(2026-03-01, [0-9a-f]{16}\) it is pass</sub>", result[2])
    assert result[3] == "- [ ] Backups"
    assert "roadworthy: fail" in result[4]


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.NOT_APPLICABLE, Status.UNMAPPED, Status.FAIL])
def test_no_tick_without_evidence(path: Path, status: Status) -> None:
    path.write_text("- [x] Ticked by hand\n")
    assert rewritten(path, status).startswith(b"- [ ] Ticked by hand\n")


def test_boxes_that_only_people_can_judge_stay_as_people_set_them(path: Path) -> None:
    path.write_text("- [x] Kim signed\n- [ ] Lee signed\n")
    read = document.read(path)
    lines = [line(replace(item, kind=Kind.HUMAN), Status.HUMAN) for item in structure.read(read.readable)]
    assert rewriting.rewrite(read, inspection(*lines)) == path.read_bytes()


@pytest.mark.parametrize(
    ("status", "shown", "box", "words"),
    [
        (Status.FAIL, True, "[x]", "a tick here is bad news: "),
        (Status.FAIL, False, "[ ]", "the line names trouble, and there is some: "),
        (Status.PASS, True, "[ ]", "not as the line says: "),
        (Status.UNKNOWN, True, "[ ]", ""),
    ],
)
def test_a_tick_is_bad_news_on_a_line_that_states_trouble(
    path: Path, *, status: Status, shown: bool, box: str, words: str
) -> None:
    path.write_text("- [x] No rollback plan exists\n")
    read = document.read(path)
    (item,) = structure.read(read.readable)
    found = line(replace(item, inverse=True), status)
    turned = replace(found, mapped=replace(found.mapped, sense=Sense.INVERSE, shown_by_failure=shown))
    result = rewriting.rewrite(read, inspection(turned)).decode()
    assert result.startswith(f"- {box} No rollback plan exists")
    assert f") {words}it is {status}" in result


def test_a_second_run_on_an_unchanged_system_rewrites_nothing(path: Path) -> None:
    path.write_text("- [ ] One\n\n1. Two\n   - [x] Three\n")
    statuses = dict.fromkeys(range(10), Status.PASS)
    path.write_bytes(rewritten(path, statuses, "2026-03-01"))
    assert rewritten(path, statuses, "2026-04-01") == path.read_bytes()


def test_evidence_changes_when_the_verdict_or_what_was_seen_does(path: Path) -> None:
    path.write_text("- [ ] One\n")
    path.write_bytes(rewritten(path, Status.PASS, answer="version 17"))
    changed = rewritten(path, Status.PASS, "2026-04-01", answer="version 18")
    assert b"2026-04-01" in changed
    assert changed.count(b"<sub>") == 1
    assert b"roadworthy: fail" in rewritten(path, Status.FAIL, "2026-04-01")


def test_code_and_tables_without_a_status_are_left_alone(path: Path) -> None:
    text = "| Setting | Value |\n|---|---|\n| `REDIS_ENABLED` | `true` |\n\n```env\nREDIS_ENABLED=true\n```\n"
    path.write_text(text)
    assert rewritten(path, Status.FAIL).decode() == text


@pytest.mark.parametrize(
    ("row", "status", "expected"),
    [
        ("| PostgreSQL | ✅ |", Status.FAIL, "| PostgreSQL | ❌ <sub>E</sub> |"),
        ("| PostgreSQL | ✅ |", Status.UNKNOWN, "| PostgreSQL | ⬜ <sub>E</sub> |"),
        ("| PostgreSQL | ✅ Done |", Status.FAIL, "| PostgreSQL | ❌ <sub>E</sub> |"),
        ("| PostgreSQL | TODO |", Status.PASS, "| PostgreSQL | ✅ <sub>E</sub> |"),
        ("| PostgreSQL | TODO |", Status.FAIL, "| PostgreSQL | TODO <sub>E</sub> |"),
        ("| PostgreSQL | Done |", Status.PASS, "| PostgreSQL | Done <sub>E</sub> |"),
        ("| PostgreSQL | [ ] |", Status.PASS, "| PostgreSQL | [x] <sub>E</sub> |"),
        ("| PostgreSQL | [x] |", Status.NOT_APPLICABLE, "| PostgreSQL | [ ] <sub>E</sub> |"),
        ("| PostgreSQL |  |", Status.PASS, "| PostgreSQL | ✅ <sub>E</sub> |"),
        ("| PostgreSQL |", Status.PASS, "| PostgreSQL <sub>E</sub> |"),
        ("| PostgreSQL | since May (PR 12) |", Status.FAIL, "| PostgreSQL | since May (PR 12) <sub>E</sub> |"),
        (
            "| PostgreSQL | open <!-- roadworthy: db.engine --> |",
            Status.PASS,
            "| PostgreSQL | ✅ <!-- roadworthy: db.engine --> <sub>E</sub> |",
        ),
        ("PostgreSQL | ✅", Status.FAIL, "PostgreSQL | ❌ <sub>E</sub>"),
        (r"| a \| b | ✅ |", Status.FAIL, r"| a \| b | ❌ <sub>E</sub> |"),
    ],
)
def test_rows_of_a_table_are_ticked_and_say_why_in_their_status_cell(
    path: Path, row: str, status: Status, expected: str
) -> None:
    path.write_bytes(f"| Check | Status |\n|---|---|\n{row}\r\n| Other | ✅ |\n".encode())
    result = rewritten(path, {3: status})
    _, _, found, rest = result.decode().split("\n", 3)
    assert re.sub("<sub>roadworthy: [^<]*</sub>", "<sub>E</sub>", found) == expected + "\r"
    assert rest == "| Other | ✅ |\n"
    path.write_bytes(result)
    assert rewritten(path, {3: status}, "2027-01-01") == result
    (item, _) = structure.read(document.read(path).readable)
    assert "roadworthy" not in item.text


def test_a_short_row_without_borders_gets_no_blank_at_its_end(path: Path) -> None:
    path.write_text("Item|Status\n-|-\nCSP sent", encoding="utf-8")
    assert not rewritten(path, Status.PASS).decode().endswith(" ")


def test_a_hostile_answer_stays_inside_its_cell(path: Path) -> None:
    path.write_text("| Check | Status |\n|---|---|\n| One | ✅ |\n")
    result = rewritten(path, Status.FAIL, summary="a | b \\| c <b>\n| d |").decode()
    html = MarkdownIt().enable("table").render(result)
    assert html.count("<td>") == 2
    assert "<b>" not in html


def test_items_without_a_box_get_evidence_where_something_was_tried(path: Path) -> None:
    path.write_text("# Checklist\n- CSP sent\n")
    assert b"roadworthy: fail" in rewritten(path, Status.FAIL)
    assert rewritten(path, Status.UNMAPPED) == path.read_bytes()


@pytest.mark.parametrize(
    "text", ["- [ ] One\r\n- [ ] Two\r\n", "> - [ ] quoted\n> more\n", "  10. [ ] deep\n", "- [ ] end", "- [ ]tight\n"]
)
def test_line_ends_quotes_and_indentation(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
    result = rewritten(path, Status.PASS)
    assert EVIDENCE.sub("", result.decode()).replace("[x]", "[ ]").rstrip("\r\n") == text.rstrip("\r\n")
    assert (b"\r\n" in result) == ("\r\n" in text)
    path.write_bytes(result)
    assert rewritten(path, Status.PASS, "2027-01-01") == result
    assert "roadworthy" in MarkdownIt().render(result.decode()).split("<li>")[1].split("</li>")[0]


def test_a_lone_return_swallows_no_empty_line(path: Path) -> None:
    path.write_bytes(b"\rA\n- [ ] One\n\nB")
    result = rewritten(path, Status.PASS)
    assert result.startswith(b"\rA\n- [x] One\n")
    assert result.endswith(b"</sub>\n\nB")


def test_what_a_hostile_target_answers_cannot_act_in_the_document(path: Path) -> None:
    path.write_text("- [ ] One\n")
    hostile = "</sub> <script>alert(1)</script> [click](https://evil.example) `x` **b**\n# Heading | cell \x1b[31m"
    result = rewritten(path, Status.FAIL, summary=hostile).decode()
    assert len(result.splitlines()) == 2
    html = MarkdownIt().render(result)
    assert "<script" not in html
    assert "<a " not in html
    assert "<strong>" not in html
    assert "\x1b" not in result


def test_a_long_answer_takes_one_bounded_line(path: Path) -> None:
    path.write_text("- [ ] One\n")
    assert len(rewritten(path, Status.FAIL, summary="long " * 500)) < 600


MARKDOWN = st.lists(
    st.text(max_size=30).filter(lambda text: "roadworthy" not in text and not set(text) & set("✅❌⬜"))
    | st.sampled_from([
        "# Title", "## Part", "- [ ] One", "- [x] Two", "  - nested", "1. [ ] Three", "* four", "> - [ ] quoted", "",
        "plain words", "```env", "```", "A_B=c", "| a | status |", "|---|---|", "| x | done |", "- [ ] mit Ümläut",
        "   continued", "---", "\t- [ ] tab",
        "  <sub>roadworthy: pass (2026-01-01, 0123456789abcdef) old</sub>",
    ]),
    max_size=25,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    lines=MARKDOWN,
    newline=st.sampled_from(["\n", "\r\n"]),
    ends=st.booleans(),
    status=st.sampled_from([Status.PASS, Status.FAIL]),
)
def test_every_other_byte_stays(
    tmp_path_factory: pytest.TempPathFactory, *, lines: list[str], newline: str, ends: bool, status: Status
) -> None:
    path = tmp_path_factory.mktemp("rewriting") / "list.md"
    path.write_bytes((newline.join(lines) + (newline if ends else "")).encode("utf-8", "replace").replace(b"\0", b""))
    result = rewritten(path, status)

    def bare(content: bytes) -> str:
        lines = EVIDENCE.sub("", IN_A_CELL.sub("", content.decode()))
        return re.sub(r"\[[ x]\]| (?:✅|❌|⬜|done) ", "[]", lines).rstrip("\r\n")

    assert bare(result) == bare(path.read_bytes())
    path.write_bytes(result)
    assert rewritten(path, status, "2027-01-01") == result
