"""The score of the mapper: what counts as right, wrong and missed."""

from __future__ import annotations

from pathlib import Path

from benchmarks import mapping

DOCUMENT = """# Launch

## Database
- [ ] Daily backups are scheduled
- [ ] Backups kept for 30 days
- [ ] The office plants are watered
- [ ] Redis is installed
- [ ] TLS 1.0 and 1.1 are refused
"""
HEAD = "file\tline\tkind\tcheck\talso\ttext"


def table(folder: Path, *rows: str) -> Path:
    (folder / "files").mkdir()
    (folder / "files" / "901-launch.md").write_text(DOCUMENT, encoding="utf-8")
    labels = folder / "tune.tsv"
    labels.write_text("\n".join((HEAD, *rows)) + "\n", encoding="utf-8")
    return labels


def scored(labels: Path, after: int = 0) -> dict[str, dict[str, float | int]]:
    return mapping.scores(list(mapping.labelled(labels, labels.parent / "files", after=after)))


def test_an_equally_right_id_counts(tmp_path: Path) -> None:
    labels = table(tmp_path, "901\t4\tmachine\tbk.verify\tbk.pitr, bk.scheduled\t")

    assert scored(labels)["all"] == {"lines": 1, "mapped": 1, "right": 1, "precision": 1.0, "recall": 1.0}


def test_a_wrong_id_costs_precision_and_recall(tmp_path: Path) -> None:
    labels = table(tmp_path, "901\t4\tmachine\tbk.scheduled\t\t", "901\t5\tmachine\tredis.up\t\t")

    assert scored(labels)["machine and drill"]["precision"] == 0.5
    assert scored(labels)["machine and drill"]["recall"] == 0.5


def test_where_nothing_fits_silence_is_no_miss_and_an_answer_is_wrong(tmp_path: Path) -> None:
    labels = table(tmp_path, "901\t6\tmachine\t-\t\t", "901\t7\tmachine\t-\t\t")

    assert scored(labels)["all"] == {"lines": 2, "mapped": 1, "right": 0, "precision": 0.0, "recall": 0.0}


def test_rows_seen_before_are_left_out(tmp_path: Path) -> None:
    labels = table(tmp_path, "901\t4\tmachine\tredis.up\t\t", "901\t7\tmachine\tredis.up\t\t")

    assert scored(labels, after=1)["all"]["precision"] == 1.0


def test_a_requirement_split_off_later_counts_as_what_the_label_calls_it(tmp_path: Path) -> None:
    labels = table(tmp_path, "901\t8\tmachine\ttls.https\t\t", "901\t8\tmachine\tsec.cors\t\t")

    assert scored(labels)["all"]["right"] == 1
