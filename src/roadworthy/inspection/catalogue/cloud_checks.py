"""Checks of what Terraform declares: databases, buckets, networks, groups, alarms, and where its state is kept."""

from __future__ import annotations

import re

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue import cloud
from roadworthy.inspection.catalogue.cloud import Aspect, judged
from roadworthy.inspection.catalogue.declaring import Run, of_tree
from roadworthy.inspection.catalogue.kit import failed, listed, observe, passed
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import Check, Documentation, Param, Probes, Requirement

REMOTE = frozenset({"s3", "gcs", "azurerm", "remote", "http", "consul", "pg", "oss", "cos", "kubernetes"})
MULTI_AZ = re.compile(r"multi-?\s?az\b|availability zones?|zone[- ]redundant|standby", re.IGNORECASE)
BUCKET = re.compile(r"\bs3\b|\bbuckets?\b|\bblob\b|object stor", re.IGNORECASE)
VERSIONING = re.compile(r"version", re.IGNORECASE)
PUBLIC = re.compile(r"public|private|\bacls?\b|closed|stranger", re.IGNORECASE)
GROUPS = re.compile(r"security groups?|firewall rules?|\bnsg\b|ingress rules?", re.IGNORECASE)
OF_DATABASES = re.compile(r"\b(?:rds|database|db|postgres\w*|aurora|cloud sql)\b", re.IGNORECASE)
STORED = re.compile(r"\b(?:rds|storage|at rest|aurora|volumes?|disks?|database|db)\b", re.IGNORECASE)
GROUP = re.compile(r"auto-?\s?scal|\basg\b", re.IGNORECASE)
ALARMS = re.compile(r"cloudwatch|alarm|alert", re.IGNORECASE)
PROBED = re.compile(r"health ?checks?", re.IGNORECASE)
PROVIDERS = ("rds", "aurora", "cloud sql")
"""Managed databases, which the blocks that are judged are."""
OTHER_DATA = re.compile(
    r"^(?!.*\b(?:uploads?|files?|redis|cache|config\w*|volumes?|media|logs?|buckets?|s3|etcd|cluster|images?)\b)",
    re.IGNORECASE,
)
"""What a provider's database does not back up."""
HOW = (
    "Reads *.tf by its blocks, without running anything: values as they stand, variables as production's *.tfvars set "
    "them. What is computed, or made by count and for_each, is unknown where it decides. Tests, examples and other "
    "environments are left out. What the provider really has is not asked. "
)
NEVER = "Never; without such a block the line is unknown."


async def _state(probes: Probes, requirement: Requirement) -> Verdict:
    repo, found = await cloud.declared(probes)
    settings = [one for one in found.blocks if one.kind == "terraform"]
    kept = [inner for one in settings for inner in one.blocks if inner.kind in {"backend", "cloud"}]
    evidence = observe(
        "where Terraform keeps its state",
        listed(f"{one.kind} {listed(one.labels)} ({one.path}:{one.line})" for one in kept),
        repo.vantage,
    )
    if not found.resources(*{one.type for one in found.blocks}) and not kept:
        raise Unobservable("no Terraform is in the source tree", "[repository] path names the tree that holds it")
    if found.unread and not kept:
        raise Unobservable(f"Terraform that is not read: {listed(found.unread, 3)}", "write it so that it parses")
    remote = [one for one in kept if one.kind == "cloud" or (one.labels or ("",))[0] in REMOTE]
    if not remote:
        return failed(
            "the state is kept beside the code, on whoever's machine",
            evidence,
            mend="declare a backend",
            patch='terraform {\n  backend "s3" {}\n}',
        )
    subject = requirement.text("subject").lower()
    first = remote[0]
    locked = first.kind == "cloud" or first.labels[0] != "s3" or {"dynamodb_table", "use_lockfile"} & set(first.values)
    if "lock" in subject and not locked:
        return failed(
            f"{first.path}:{first.line} locks nothing: two may apply at once", evidence, mend="use_lockfile = true"
        )
    if "encrypt" in subject and first.labels[:1] == ("s3",) and first.values.get("encrypt") is not True:
        said = f"{first.path}:{first.line} does not ask for encryption"
        return failed(said, evidence, mend="encrypt = true")
    return passed(f"the state is kept by {first.kind} {listed(first.labels)}", evidence)


INSTANCE = """\
resource "aws_db_instance" "main" {
  engine                  = "postgres"
  multi_az                = true
  backup_retention_period = 14
  storage_encrypted       = true
  publicly_accessible     = false
  deletion_protection     = true
}
"""
BUCKETS = """\
resource "aws_s3_bucket" "uploads" {
  bucket = "uploads"
}

resource "aws_s3_bucket_public_access_block" "uploads" {
  bucket                  = aws_s3_bucket.uploads.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "uploads" {
  bucket = aws_s3_bucket.uploads.id
  versioning_configuration {
    status = "Enabled"
  }
}
"""
GROUP_RULES = """\
resource "aws_security_group" "web" {
  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
  ingress {
    from_port   = 5432
    to_port     = 5432
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/16"]
  }
}
"""
SCALING = """\
resource "aws_autoscaling_group" "web" {
  min_size = 2
  max_size = 8
}

resource "aws_autoscaling_policy" "cpu" {
  autoscaling_group_name = aws_autoscaling_group.web.name
}
"""
ALARM = """\
resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_actions = [aws_sns_topic.on_call.arn]
}
"""
TARGETS = """\
resource "aws_lb_target_group" "web" {
  health_check {
    path = "/health/ready"
  }
}
"""
STATE = """\
terraform {
  backend "s3" {
    bucket       = "state"
    encrypt      = true
    use_lockfile = true
  }
}
"""
DATABASE = "database"


def _check(
    identifier: str,
    about: tuple[str, Severity],
    run: Run,
    said: tuple[str, str, str],
    *twin: str,
    covers: tuple[str, ...] = (),
    **params: Param,
) -> Check:
    what, why, mend = said
    page = Documentation(what=what, why=why, how_verified=HOW, how_to_mend=mend, not_applicable_when=NEVER)
    trees = ({"infra/main.tf": text} for text in twin)
    return of_tree(identifier, about[0], run, about[1], page, *trees, params=params, covers=covers)


def _database(judge: cloud.Judge, mend: str, asked: re.Pattern[str]) -> Aspect:
    return Aspect(DATABASE, cloud.databases, judge, mend, asked)


CHECKS = (
    _check(
        "db.replica.terraform", ("The database is declared to stand in several zones", Severity.HIGH),
        judged(_database(cloud.several_zones, "multi_az = true", MULTI_AZ)),
        ("Every database that Terraform declares has a standby in another zone. For lines about zones only.",
         "A zone goes away as a whole.", "multi_az = true; availability_type = REGIONAL; high_availability."),
        INSTANCE.replace("= true", "= false", 1), INSTANCE,
        subject="RDS Multi-AZ enabled",
        covers=(*PROVIDERS, "multi-az", "availability zones", "standby"),
    ),
    _check(
        "bk.retention.terraform", ("Backups of the database are declared to be kept as long as asked", Severity.HIGH),
        judged(_database(cloud.kept, "raise backup_retention_period", OTHER_DATA)),
        ("The provider keeps backups of every declared database as many days as the line says.",
         "Damage is often noticed weeks later.", "backup_retention_period, backup_retention_days."),
        INSTANCE.replace("= 14", "= 1"), INSTANCE, subject="RDS backups kept 7 days",
        covers=(*PROVIDERS, "automated", "automatic"), days=7,
    ),
    _check(
        "bk.scheduled.terraform", ("The provider is declared to back the database up", Severity.HIGH),
        judged(_database(cloud.made_daily, "backup_retention_period above 0", OTHER_DATA)),
        ("Automated backups of every declared database are on, which are made daily.",
         "Whoever deploys a database without them learns of it on the day of the loss.",
         "backup_retention_period above 0; backup_configuration enabled."),
        INSTANCE.replace("= 14", "= 0"), INSTANCE,
        subject="Automated daily backups of the database",
        covers=(*PROVIDERS, "automated", "automatic"),
    ),
    _check(
        "sec.encrypt.terraform", ("The database's storage is declared to be encrypted", Severity.HIGH),
        judged(_database(cloud.sealed, "storage_encrypted = true (a new instance from a snapshot)", STORED)),
        ("Every declared database has encrypted storage. For lines about storage only.",
         "Snapshots are shared and disks are returned.", "storage_encrypted = true."),
        INSTANCE.replace("storage_encrypted       = true", "storage_encrypted       = false"), INSTANCE,
        subject="RDS storage encrypted at rest", covers=(*PROVIDERS, "at rest"),
    ),
    _check(
        "sec.trusted_net.terraform",
        ("Networks are declared to let strangers in on the web's ports alone", Severity.CRITICAL),
        judged(
            Aspect("rule of a network", cloud.rules, cloud.narrow, "name the addresses that may come in", GROUPS),
            _database(cloud.closed, "publicly_accessible = false", OF_DATABASES),
        ),
        ("No rule of a network lets everybody in but on 80 and 443; lines about databases: none has a public address.",
         "An open port is found within the hour.", "Source addresses, or another group as source."),
        GROUP_RULES.replace("10.0.0.0/16", "0.0.0.0/0"), GROUP_RULES,
        subject="Security groups restrict access",
        covers=(*PROVIDERS, "security groups", "firewall rules", "restrict", "restricted", "access"),
    ),
    _check(
        "storage.bucket.terraform", ("Buckets are declared closed, or versioned where the line says so", Severity.HIGH),
        judged(
            Aspect("bucket", cloud.buckets, cloud.versioned, "aws_s3_bucket_versioning, Enabled", VERSIONING),
            Aspect("bucket", cloud.buckets, cloud.not_public, "aws_s3_bucket_public_access_block, all four", PUBLIC),
        ),
        ("Every declared bucket has its public access blocked in all four ways, or keeps versions where asked.",
         "A bucket that anybody may list is a leak with an address.", "aws_s3_bucket_public_access_block for each."),
        BUCKETS.replace("block_public_policy     = true", "block_public_policy     = false"), BUCKETS,
        subject="S3 buckets block public access", covers=("block", "blocked", "versioning", "versioned"),
    ),
    _check(
        "k8s.hpa.terraform", ("A group is declared that scales", Severity.MEDIUM),
        judged(Aspect("autoscaling group", cloud.scalers, cloud.scales, "max_size above min_size, a policy", GROUP)),
        ("Every declared autoscaling group or target has a range, and a policy or schedule.",
         "A group without a policy keeps its size whatever comes.", "max_size above min_size; aws_autoscaling_policy."),
        SCALING.replace("max_size = 8", "max_size = 2"), SCALING, subject="Auto scaling group configured",
    ),
    _check(
        "alert.on.terraform", ("Alarms are declared that tell somebody", Severity.HIGH),
        judged(Aspect("alarm", cloud.alarms, cloud.reaches, "alarm_actions", ALARMS)),
        ("Every declared alarm of the provider's monitoring has an action.",
         "An alarm without an action changes its colour where nobody looks.", "alarm_actions = [topic]."),
        ALARM.replace("aws_sns_topic.on_call.arn", ""), ALARM, subject="CloudWatch alarms configured",
    ),
    _check(
        "nginx.lb.terraform", ("The load balancer is declared to ask its targets how they are", Severity.HIGH),
        judged(Aspect("group of targets", cloud.targets, cloud.asked_after, "health_check with a path", PROBED)),
        ("Every declared target group asks a health endpoint of its own. For lines about health checks only.",
         "A target that is down gets its share of requests.", "health_check with a path that speaks for the service."),
        TARGETS.replace("/health/ready", "/"), TARGETS, subject="Load balancer health checks configured",
    ),
    _check(
        "cloud.deletion.terraform", ("The database can't be deleted by mistake", Severity.HIGH),
        judged(Aspect(DATABASE, cloud.databases, cloud.guarded, "deletion_protection = true")),
        ("Every declared database has deletion protection, or prevent_destroy.",
         "terraform destroy in the wrong folder takes seconds.", "deletion_protection = true."),
        INSTANCE.replace("deletion_protection     = true", "deletion_protection     = false"), INSTANCE,
        subject="Deletion protection enabled",
    ),
    _check(
        "cloud.state.terraform", ("Terraform's state is kept where everybody's is", Severity.MEDIUM), _state,
        ("A backend keeps the state; for lines that say so it locks and encrypts it.",
         "Two states of one system delete each other's resources.", 'backend "s3" with use_lockfile and encrypt.'),
        INSTANCE, INSTANCE + STATE,
        subject="Terraform state stored remotely, locked and encrypted",
        covers=("remotely", "remote", "locked", "locking", "encrypted"),
    ),
)  # fmt: skip
