from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadworthy.contracts.checks import Kind
from roadworthy.inspection.annotation import annotate
from roadworthy.inspection.checklist import document, structure
from roadworthy.inspection.errors import InvalidOverride
from roadworthy.inspection.mapper import Mapped, Mapper
from roadworthy.inspection.mapper.polarity import Sense

EVIDENCE = "<sub>roadworthy: pass (2026-01-01, 0123456789abcdef) it is</sub>"
COMMENT = re.compile(r" ?<!-- roadworthy: .*? -->")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "CHECKLIST.md"


def mapped(text: str) -> list[Mapped]:
    return Mapper().map(structure.read(document.readable(text.splitlines(keepends=True))))


def asked(text: str) -> list[tuple[str, dict[str, object]]]:
    return [(one.id, dict(one.params)) for line in mapped(text) for one in line.requirements]


def test_a_comment_at_the_end_of_its_line_settles_what_it_asks() -> None:
    (line,) = mapped("- [ ] Enough room for everybody <!-- roadworthy: db.pool min=20 -->\n")
    assert line.item.text == "Enough room for everybody"
    assert [(one.id, one.params, one.why) for one in line.requirements] == [
        ("db.pool", {"min_size": 20}, "as a comment in the checklist says")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "- [ ] Room\n  <!-- roadworthy: db.pool min=20 -->\n- [ ] Other\n",
        "- [ ] Room\n<!-- roadworthy: db.pool min=20 -->\n- [ ] Other\n",
        f"- [ ] Room\n  {EVIDENCE}\n  <!-- roadworthy: db.pool min=20 -->\n",
        "> - [ ] Room\n> <!-- roadworthy: db.pool min=20 -->\n> - [ ] Other\n",
        "| Check | Status |\n|---|---|\n| Room <!-- roadworthy: db.pool min=20 --> | open |\n",
    ],
)
def test_it_may_stand_under_its_line_as_well(text: str) -> None:
    assert asked(text)[0] == ("db.pool", {"min_size": 20})


@pytest.mark.parametrize(
    ("says", "expected", "groups"),
    [
        ("db.pool; redis.up", ["db.pool", "redis.up"], ((0,), (1,))),
        ("db.pool | redis.up; cache.on", ["db.pool", "redis.up", "cache.on"], ((0, 1), (2,))),
        ("sec.headers headers=Referrer-Policy,X-Frame-Options", ["sec.headers"], ((0,),)),
        ('cache.on path="/a;b|c"', ["cache.on"], ((0,),)),
    ],
)
def test_several_requirements_and_alternatives(says: str, expected: list[str], groups: object) -> None:
    (line,) = mapped(f"- [ ] Line <!-- roadworthy: {says} -->")
    assert [one.id for one in line.requirements] == expected
    assert line.groups == groups


def test_remarks() -> None:
    (line,) = mapped('- [ ] No plan <!-- roadworthy: ci.rollback; inverse; also "off-site"; unseen "why" -->')
    assert (line.sense, line.unread, line.unmeasurable) == (Sense.INVERSE, ("off-site",), "why")
    (left,) = mapped('- [ ] PostgreSQL in use <!-- roadworthy: ignore "another team\'s" -->')
    assert (left.item.kind, left.requirements, left.left_out) == (Kind.HUMAN, (), "another team's")
    (unmapped,) = mapped("- [ ] PostgreSQL in use <!-- roadworthy: unmapped -->")
    assert unmapped.requirements == ()


@pytest.mark.parametrize(
    ("says", "problem", "remedy"),
    [
        ("db.pol min=20", "no requirement is called 'db.pol'", "did you mean db.pool"),
        ("db.pool least=20", "db.pool takes no 'least'", "size, max_overflow, min_size, max_size"),
        ("db.pool max=20", "'max' may be max_overflow or max_size", "db.pool takes"),
        ("db.pool min=many", "min_size is a number, not 'many'", "min_size=20"),
        ("db.pool min=", "min_size has no value", "min_size=VALUE"),
        ("db.pool 20", "'20' is no parameter of db.pool", "name=value"),
        ("ignore", "no words follow", "ignore"),
        ("rl.on exempt=maybe", "exempt is true or false", "exempt=true"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_what_was_meant(says: str, problem: str, remedy: str) -> None:
    with pytest.raises(InvalidOverride) as raised:
        mapped(f"# Title\n\n- [ ] Line <!-- roadworthy: {says} -->")
    assert raised.value.problem.startswith("line 3: ")
    assert problem in raised.value.problem
    assert remedy in raised.value.remedy


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# Title <!-- roadworthy: db.pool -->\n", 1),
        ("- [ ] One\n\n<!-- roadworthy: db.pool -->\n", 3),
        ("- [ ] One <!-- roadworthy:  -->\n", 1),
        ("- [ ] One <!-- roadworthy: db.pool\n  -->\n", 1),
    ],
)
def test_a_comment_that_belongs_to_no_line_is_an_error(text: str, line: int) -> None:
    with pytest.raises(InvalidOverride, match=f"line {line}: "):
        mapped(text)


def test_comments_in_code_are_code() -> None:
    assert (
        asked("- [ ] Backups run daily\n\n```md\n- [ ] x <!-- roadworthy: nonsense -->\n```\n")[0][0] == "bk.scheduled"
    )


def test_annotating_writes_what_is_understood_and_changes_nothing_else(path: Path) -> None:
    text = (
        "# Launch\n\n## Data\n- [ ] **Pool** of at least 20 connections  \r\n- [x] Mascot named\n"
        "1. [ ] Backups off-site, daily\n\n| Check | Status |\n|---|---|\n| Redis runs | open |\n\n"
        "```env\nDEBUG=False\n```\n"
    )
    path.write_bytes(text.encode())
    made = annotate(path)
    lines = made.content.decode().split("\n")
    assert lines[3] == "- [ ] **Pool** of at least 20 connections <!-- roadworthy: db.pool min_size=20 -->  \r"
    assert lines[4] == "- [x] Mascot named <!-- roadworthy: unmapped -->"
    assert lines[5].endswith('<!-- roadworthy: bk.scheduled hours=24; also "off-site" -->')
    assert lines[9] == "| Redis runs | open <!-- roadworthy: redis.up --> |"
    assert COMMENT.sub("", made.content.decode()) == text
    assert (made.written, made.unmapped, made.kept, made.left) == (4, 1, 0, 1)


def test_a_second_annotation_changes_nothing_and_the_mapping_stays(path: Path) -> None:
    path.write_text(
        "- [ ] Redis or Memcached caches answers\n- [ ] No rollback plan exists\n- [ ] 60% faster queries\n"
    )
    before = [(one.id, one.params) for line in mapped(path.read_text()) for one in line.requirements]
    path.write_bytes(annotate(path).content)
    again = annotate(path)
    assert again.content == path.read_bytes()
    assert (again.written, again.kept) == (0, 3)
    assert [(one.id, one.params) for line in mapped(path.read_text()) for one in line.requirements] == before


MARKDOWN = st.lists(
    st.one_of(
        st.sampled_from([
            "# Title", "## Rollback triggers", "- [ ] Pool of at least 20", "- [x] Backups run daily",
            "  - nested Redis", "* CSP sent", "> - [ ] quoted HTTPS", "", "plain words", "```env", "```", "A_B=c",
            "| Check | Status |", "|---|---|", "| Redis runs | done |", "- [ ] mit `code", "continued`",
            "   continued", "\t- [ ] tab", "---", "- [ ] No rollback plan exists", "- [ ] Done <!-- not ours -->",
            "- [ ] <b>HTTPS</b> only\\", "- [ ] 60% faster", f"  {EVIDENCE}", "~~~", "===", "[a]: b",
            "1. [ ] Rate limit 60/min <!-- roadworthy: rl.values per_minute=60 -->",
        ]),
        st.text(max_size=40).filter(lambda text: "roadworthy" not in text),
    ),
    max_size=20,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(lines=MARKDOWN, newline=st.sampled_from(["\n", "\r\n", "\r"]), ends=st.booleans())
def test_whatever_the_markdown_annotating_keeps_bytes_and_meaning(
    tmp_path_factory: pytest.TempPathFactory, *, lines: list[str], newline: str, ends: bool
) -> None:
    path = tmp_path_factory.mktemp("annotating") / "list.md"
    content = (newline.join(lines) + (newline if ends else "")).encode("utf-8", "replace").replace(b"\0", b"")
    path.write_bytes(content)
    try:
        made = annotate(path)
    except InvalidOverride:
        return
    assert COMMENT.sub("", made.content.decode()) == COMMENT.sub("", content.decode())
    path.write_bytes(made.content)
    assert annotate(path).content == made.content
