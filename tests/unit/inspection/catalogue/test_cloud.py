"""Terraform counts as production has it: what is computed, elsewhere's or commented out brings no tick."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.cloud_checks import ALARM, BUCKETS, GROUP_RULES, INSTANCE, SCALING, STATE, TARGETS
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.probes.terraform import Computed, NotTerraform, parse

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
VARIABLE = INSTANCE.replace("multi_az                = true", "multi_az = var.multi_az")
TWO_ZONES = {"subject": "RDS Multi-AZ enabled"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"infra/db.tf": INSTANCE}, PASS),
        ({"infra/db.tf": INSTANCE.replace("  multi_az                = true\n", "")}, FAIL),
        ({"infra/db.tf": INSTANCE.replace("  multi_az                = true\n", "  # multi_az = true\n")}, FAIL),
        ({"infra/db.tf": f"/*\n{INSTANCE}*/\n"}, UNKNOWN),
        ({"infra/db.tf": VARIABLE}, UNKNOWN),
        ({"infra/db.tf": VARIABLE, "infra/prod.tfvars": "multi_az = true\n"}, PASS),
        ({"infra/db.tf": VARIABLE, "infra/prod.tfvars": "multi_az = false\n"}, FAIL),
        ({"infra/db.tf": VARIABLE, "infra/dev.tfvars": "multi_az = true\n"}, UNKNOWN),
        ({"infra/db.tf": VARIABLE + 'variable "multi_az" {\n  default = true\n}\n'}, UNKNOWN),
        ({"infra/dev/db.tf": INSTANCE}, UNKNOWN),
        ({"examples/db.tf": INSTANCE}, UNKNOWN),
        ({"infra/db.tf": INSTANCE.replace("{\n", "{\n  count = 0\n", 1).replace("= true", "= false", 1)}, UNKNOWN),
        ({"infra/db.tf": INSTANCE + INSTANCE.replace("main", "other").replace("= true", "= false", 1)}, FAIL),
        ({"infra/db.tf": INSTANCE, "infra/more.tf": 'resource "x" {'}, UNKNOWN),
        ({"infra/db.tf": 'module "db" {\n  source = "terraform-aws-modules/rds/aws"\n  multi_az = true\n}\n'}, PASS),
        ({}, UNKNOWN),
    ],
)
async def test_several_zones(files: dict[str, str], expected: Status) -> None:
    verdict = await verdict_of("db.replica.terraform", Stage(repo=files), **TWO_ZONES)
    assert verdict.status is expected, verdict.summary


CLUSTER = 'resource "aws_rds_cluster" "main" {\n}\nresource "aws_rds_cluster_instance" "one" {\n  count = 2\n}\n'
GOOGLE = """\
resource "google_sql_database_instance" "main" {
  settings {
    availability_type = "REGIONAL"
    backup_configuration {
      enabled = true
    }
    ip_configuration {
      ipv4_enabled = false
    }
  }
}
"""


@pytest.mark.parametrize(
    ("check", "text", "subject", "expected"),
    [
        ("db.replica", CLUSTER, "Multi-AZ", PASS),
        ("db.replica", CLUSTER.replace("count = 2", "count = 1"), "Multi-AZ", FAIL),
        ("db.replica", CLUSTER.replace("count = 2", "count = var.n"), "Multi-AZ", UNKNOWN),
        ("db.replica", GOOGLE, "Multi-AZ", PASS),
        ("db.replica", INSTANCE, "Streaming replica configured", UNKNOWN),
        ("bk.scheduled", GOOGLE, "Daily backups", PASS),
        ("bk.scheduled", INSTANCE, "Uploads backed up daily", UNKNOWN),
        ("bk.retention", INSTANCE, "Logs kept for 7 days", UNKNOWN),
        ("sec.trusted_net", GOOGLE, "Database not publicly accessible", PASS),
        ("sec.trusted_net", GOOGLE.replace("= false", "= true"), "Database not publicly accessible", FAIL),
        ("sec.trusted_net", INSTANCE.replace("publicly_accessible     = false", ""), "RDS is private", PASS),
        ("sec.trusted_net", GROUP_RULES.replace("from_port   = 5432", "from_port = 0"), "Security groups", PASS),
        ("sec.trusted_net", GROUP_RULES.replace('"10.0.0.0/16"', "var.cidr"), "Security groups", UNKNOWN),
        ("sec.trusted_net", GROUP_RULES.replace("443", "22"), "Security groups", FAIL),
        ("storage.bucket", BUCKETS.split("\n\n", maxsplit=1)[0], "S3 buckets not public", FAIL),
        ("storage.bucket", BUCKETS.replace("aws_s3_bucket.uploads.id", '"another"'), "S3 buckets not public", FAIL),
        ("storage.bucket", BUCKETS, "Bucket versioning enabled", PASS),
        ("storage.bucket", BUCKETS.replace('"Enabled"', '"Suspended"'), "Bucket versioning enabled", FAIL),
        ("storage.bucket", BUCKETS.replace('"Enabled"', '"Off"'), "Versioning on, public access blocked", FAIL),
        ("storage.bucket", BUCKETS.replace("public_acls       = true", "a = 1"), "Versioned, and not public", FAIL),
        ("k8s.hpa", SCALING.split("\n\n", maxsplit=1)[0], "Auto scaling group", FAIL),
        ("k8s.hpa", SCALING.replace("= 8", "= var.most"), "Auto scaling group", UNKNOWN),
        ("alert.on", ALARM.replace("[aws_sns_topic.on_call.arn]", "var.topics"), "CloudWatch alarms", PASS),
        ("nginx.lb", TARGETS, "Load spread over several servers", UNKNOWN),
        ("cloud.deletion", CLUSTER, "Deletion protection", FAIL),
        ("cloud.state", INSTANCE + STATE.replace("use_lockfile = true", ""), "State is locked", FAIL),
        ("cloud.state", INSTANCE + STATE.replace('"s3"', '"local"'), "State stored remotely", FAIL),
        ("cloud.state", INSTANCE + "terraform {\n  cloud {}\n}\n", "State stored remotely", PASS),
        ("cloud.state", "", "State stored remotely", UNKNOWN),
    ],
)
async def test_what_is_declared(check: str, text: str, subject: str, expected: Status) -> None:
    verdict = await verdict_of(f"{check}.terraform", Stage(repo={"infra/main.tf": text}), subject=subject)
    assert verdict.status is expected, verdict.summary


async def test_days_are_compared() -> None:
    for days, expected in ((7, PASS), (30, FAIL)):
        stage = Stage(repo={"infra/main.tf": INSTANCE})
        verdict = await verdict_of("bk.retention.terraform", stage, subject="RDS backups kept", days=days)
        assert verdict.status is expected


def test_blocks_are_read_as_they_stand() -> None:
    text = (
        'resource "a" "b" { # one\n  name = "x-${var.env}"\n  on   = !false\n  row = [1, "two", local.three]\n'
        "  text = <<-END\n    } not a bracket\n  END\n  inner {\n    deep = true\n  }\n}\n"
    )
    block = parse(text, "main.tf")[0]
    assert isinstance(block.values["name"], Computed)
    assert isinstance(block.values["on"], Computed)
    assert block.values["row"] == [1, "two", "local.three"]
    assert block.inner("inner")[0].values == {"deep": True}


@pytest.mark.parametrize("text", ['resource "a" {', "x = [", "{" * 500, '"' * 99, "a = " + "[" * 500, "a = <<X\nb"])
def test_what_does_not_close_is_not_read(text: str) -> None:
    with pytest.raises(NotTerraform):
        parse(text, "main.tf")
