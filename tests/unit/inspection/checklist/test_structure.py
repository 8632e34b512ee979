from __future__ import annotations

import pytest

from roadworthy.inspection.checklist import structure
from roadworthy.inspection.errors import UnreadableChecklist
from roadworthy.inspection.model import Form, Item


def read(text: str) -> list[Item]:
    return list(structure.read(text.splitlines()))


def by_text(text: str) -> dict[str, Item]:
    return {item.text: item for item in read(text)}


def test_task_items_carry_their_headings_and_boxes() -> None:
    items = read("""\
# Launch checklist

## 🗄️ Storage layer

### PostgreSQL
- [ ] **Password set**
* [x] Pool sized
1. [X] Backups on
""")
    assert [(item.line, item.text, item.box, item.section) for item in items] == [
        (6, "Password set", " ", ("Storage layer", "PostgreSQL")),
        (7, "Pool sized", "x", ("Storage layer", "PostgreSQL")),
        (8, "Backups on", "x", ("Storage layer", "PostgreSQL")),
    ]
    assert all(item.firm and item.form is Form.TASK for item in items)


def test_the_only_title_of_a_document_is_no_section() -> None:
    assert read("# All about Redis\n- [ ] Something\n")[0].section == ()


def test_nested_items_know_what_they_belong_to() -> None:
    items = by_text("- [x] Performance work done\n  - Pool configured\n  - Gzip on\n")
    assert items["Pool configured"].context == ("Performance work done",)
    assert items["Pool configured"].form is Form.BULLET
    assert not items["Pool configured"].firm


def test_a_sentence_that_leads_in_stands_above_its_list() -> None:
    items = by_text("## Assets\n\nServe from a CDN:\n\n- Stylesheets\n")
    assert items["Stylesheets"].context == ("Serve from a CDN",)


def test_continuation_lines_belong_to_the_item() -> None:
    (item,) = read("- [ ] Restore was tried\n  on a scratch machine\n")
    assert (item.line, item.end_line, item.text) == (1, 2, "Restore was tried on a scratch machine")


def test_emoji_and_word_statuses() -> None:
    items = by_text("## Checks\n- ✅ **Limits** - on\n- ❌ Tracing\n- [✅] Backups\n")
    assert items["Limits - on"].claimed is True
    assert items["Limits - on"].title == "Limits"
    assert items["Tracing"].claimed is False
    assert items["Backups"].box == "x"


def test_rows_of_a_status_table_are_items() -> None:
    items = read("""\
| # | Check | How | Status | Owner |
|---|-------|-----|--------|-------|
| 1 | Health endpoint | `GET /health` answers | ✅ Done | Kim |
| 2 | Backups | nightly | Todo | Lee |
""")
    assert [(item.line, item.text, item.claimed, item.firm) for item in items] == [
        (3, "Health endpoint: `GET /health` answers", True, True),
        (4, "Backups: nightly", False, True),
    ]


def test_rows_of_other_tables_are_items_only_if_they_ask_something() -> None:
    items = read("| Stage | Host |\n|---|---|\n| Test | a.example |\n")
    assert not any(item.firm for item in items)


def test_bullets_are_the_checklist_where_there_are_no_boxes() -> None:
    text = "# Production checklist\n## Security\n- CSP configured\n- Cookies are Secure\n"
    assert all(item.firm for item in read(text))
    assert not any(item.firm for item in read("# Meeting notes\n## Security\n- CSP configured\n"))


def test_links_facts_about_the_document_and_explanations_are_no_claims() -> None:
    text = (
        "# Production checklist\n- [Security](#security)\n- **Last updated:** today\n- Owner: Kim\n- " + "word " * 100
    )
    assert [item for item in read(text) if item.form is Form.BULLET] == []


def test_variables_in_a_block_are_items() -> None:
    items = read("## Environment\n```env\n# Cache (REQUIRED)\nREDIS_URL=redis://cache:6379/0\n\nLOG_LEVEL=INFO\n```\n")
    assert [(item.line, item.text, item.language, item.context) for item in items] == [
        (4, "REDIS_URL=redis://cache:6379/0", "env", ("Cache (REQUIRED)",)),
        (6, "LOG_LEVEL=INFO", "env", ()),
    ]


def test_a_block_says_what_it_is_by_its_lines() -> None:
    assert read("```\nSECRET_KEY=x\nDEBUG=false\n```\n")[0].language == "env"
    assert read("```\nCREATE INDEX a ON b(c);\n```\n")[0].language == "sql"
    assert read("```\nserver {\n  listen 80;\n}\n```\n")[1].language == "nginx"
    assert read("```bash\nsudo -u postgres psql\nCREATE DATABASE shop;\n```\n")[1].language == "sql"


def test_commands_over_several_lines_are_one() -> None:
    (item,) = read("```bash\ngunicorn app:app \\\n  --workers 4\n```\n")
    assert item.line == 2
    assert item.text.split() == ["gunicorn", "app:app", "--workers", "4"]


def test_a_fence_that_was_never_closed_ends_where_the_list_goes_on() -> None:
    items = read("- [ ] One\n\n```python\ncache = {\n\n## Final checks\n\n- [ ] **Two**\n- [ ] Three\n")
    assert [item.text for item in items if item.form is Form.TASK] == ["One", "Two", "Three"]
    assert items[-1].section == ("Final checks",)


def test_a_fence_inside_which_another_opens_was_not_closed() -> None:
    items = read("```bash\nmake it\n\n- [ ] **Lost box**\n\n```env\nREDIS_ENABLED=true\n```\n")
    assert [item.text for item in items if item.firm] == ["Lost box"]
    assert items[-1].language == "env"


def test_boxes_inside_a_block_of_variables_are_variables() -> None:
    items = read("```ini\n# Core\n- [ ] APP_DEBUG=false\n- [ ] APP_ENV=production\n```\n")
    assert [item.text for item in items] == ["APP_DEBUG=false", "APP_ENV=production"]


def test_each_line_of_a_paragraph_may_claim_something() -> None:
    items = read("**Capacity**: 1,000 concurrent users  \n**Later**: 10,000 concurrent users\n")
    assert [(item.line, item.title) for item in items] == [(1, "Capacity"), (2, "Later")]


def test_more_lines_than_are_read_are_refused_not_cut() -> None:
    assert len(read("- [ ] x\n" * structure.ITEM_LIMIT)) == structure.ITEM_LIMIT
    with pytest.raises(UnreadableChecklist, match="5001 lines"):
        read("- [ ] x\n" * (structure.ITEM_LIMIT + 1))


@pytest.mark.parametrize(
    ("raw", "box"),
    [
        ("- [ x ] Pages load", "x"),
        ("- [X] Pages load", "x"),
        ("- [ ]Pages load", " "),
        ("- [x]`/health` answers", "x"),
        ("- [] Pages load", " "),
        ("- [\u2713] Pages load", "x"),
        ("1) [ ] Pages load", " "),
        ("> * [x] Pages load", "x"),
    ],
)
def test_boxes_as_people_type_them(raw: str, box: str) -> None:
    (item,) = read(f"{raw}\n")
    assert (item.box, item.claimed, item.firm) == (box, box == "x", True)


def test_a_link_is_no_box() -> None:
    assert [item.box for item in read("- [x](https://a.example) must be documented\n")] == [None]


def test_deep_nesting_ends() -> None:
    assert read("> " * 5_000 + "- [ ] deep\n") is not None
