"""What Terraform declares about databases, buckets, networks and groups of a cloud provider."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from roadworthy.contracts.checks import Verdict
from roadworthy.inspection.catalogue.declaring import Run
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import Probes, Requirement
from roadworthy.inspection.probes import terraform
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.terraform import Block, Computed, Declared

DATABASES = ("aws_db_instance", "aws_rds_cluster", "google_sql_database_instance", "azurerm_postgresql_flexible_server")
RDS = re.compile(r"\brds(?:-aurora)?\b", re.IGNORECASE)
EVERYBODY = frozenset({"0.0.0.0/0", "::/0", "*", "Internet"})
WEB = frozenset({80, 443})
HOURS_A_DAY = 24

Judge = Callable[[Block, Declared, Requirement], str | None]
"""What is wrong with a block; empty where nothing is, None where that is computed."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """What a line asks of which blocks. `asked`: only where the line says so."""

    what: str
    blocks: Callable[[Declared], Sequence[Block]]
    judge: Judge
    mend: str
    asked: re.Pattern[str] | None = None


async def declared(probes: Probes) -> tuple[RepoProbe, Declared]:
    """The tree and what its Terraform files declare."""
    repo = offered(probes.repo, "repo")
    return repo, await repo.facts(terraform.read)


def judged(*aspects: Aspect) -> Run:
    """A check of what Terraform declares: the first aspect that the line asks about."""

    async def run(probes: Probes, requirement: Requirement) -> Verdict:
        subject = requirement.text("subject")
        asked = [one for one in aspects if one.asked is None or one.asked.search(subject)]
        if not asked:
            raise Unobservable(
                "files alone don't tell: the line is about none of what Terraform declares",
                "offer what runs: [http] url, or inspect on the machine that serves",
            )
        aspect = asked[0]
        repo, found = await declared(probes)
        blocks = aspect.blocks(found)
        if not blocks:
            more = f"; not read: {listed(found.unread, 3)}" if found.unread else ""
            raise Unobservable(
                f"no {aspect.what} is declared in Terraform of the source tree{more}",
                "[repository] path names the tree that holds production's *.tf",
            )
        judges = [one.judge for one in asked if one.blocks is aspect.blocks]  # a line may ask several of the same
        answers = [(one, judge(one, found, requirement)) for one in blocks for judge in judges]
        lines = [f"{one.where}: {'computed' if words is None else words or 'as asked'}" for one, words in answers]
        unread = f"\nnot read: {listed(found.unread, 3)}" if found.unread else ""
        evidence = observe(f"{aspect.what} in Terraform", "\n".join(lines[:20]) + unread, repo.vantage)
        wrong = [(one, words) for one, words in answers if words]
        certain = [(one, words) for one, words in wrong if not one.doubtful]
        if certain:
            return failed(f"{certain[0][0].where}: {certain[0][1]}", evidence, mend=aspect.mend)
        hidden = next((one for one, words in answers if words is None), wrong[0][0] if wrong else None)
        if hidden is not None or found.unread:
            where = hidden.where if hidden is not None else listed(found.unread, 3)
            return unknown(
                f"{where}: what is in effect is computed", evidence, mend="write the value into production's tfvars"
            )
        return passed(
            f"{counted(len(blocks), aspect.what)} declared so: {listed(one.where for one in blocks)}", evidence
        )

    return run


def databases(found: Declared) -> Sequence[Block]:
    """Databases, by resource or by module."""
    return [*found.resources(*DATABASES), *found.modules(RDS)]


def _switch(value: Any, wanted: object, words: str) -> str | None:
    """`words` where a value is another than wanted."""
    return None if isinstance(value, Computed) else "" if value == wanted else words


def _inner(block: Block, *path: str) -> Block | None:
    """The block inside blocks; None where there is none."""
    for kind in path:
        found = block.inner(kind)
        if not found:
            return None
        block = found[0]
    return block


def several_zones(one: Block, found: Declared, _: Requirement) -> str | None:
    """Whether another zone takes over."""
    if one.type == "aws_rds_cluster":
        members = found.resources("aws_rds_cluster_instance")
        counts = [member.values.get("count", 1) for member in members]
        if any(not isinstance(count, int) for count in counts):
            return None
        return "" if sum(counts) > 1 else "has one instance: nothing takes over"
    if one.type == "google_sql_database_instance":
        settings = _inner(one, "settings")
        return _switch(settings and settings.values.get("availability_type"), "REGIONAL", "stands in one zone")
    if one.type.startswith("azurerm"):
        return "" if one.inner("high_availability") else "has no high_availability"
    return _switch(one.values.get("multi_az", False), True, "stands in one zone")


def _kept_days(one: Block) -> Any:
    if one.type == "google_sql_database_instance":
        kept = _inner(one, "settings", "backup_configuration")
        if kept is None or kept.values.get("enabled", False) is False:
            return 0
        several = _inner(kept, "backup_retention_settings")
        return several.values.get("retained_backups", 7) if several else 7
    if one.type.startswith("azurerm"):
        return one.values.get("backup_retention_days", 7)
    return one.values.get("backup_retention_period", 1 if one.type == "aws_rds_cluster" else 0)


def kept(one: Block, _: Declared, requirement: Requirement) -> str | None:
    """Whether backups are kept as long as the line says."""
    days, wanted = _kept_days(one), requirement.number("days") or 1
    if isinstance(days, Computed) or not isinstance(days, int):
        return None
    return "" if days >= wanted else f"keeps backups for {counted(days, 'day')}, the line says {wanted:g}"


def made_daily(one: Block, _: Declared, requirement: Requirement) -> str | None:
    """Whether the provider makes backups, which it does daily."""
    days = _kept_days(one)
    if isinstance(days, Computed) or not isinstance(days, int):
        return None
    if (requirement.number("hours") or HOURS_A_DAY) < HOURS_A_DAY:
        return None  # what happens between two daily ones is the log's, which is not asked here
    return "" if days > 0 else "makes no backups: they are kept for 0 days"


def sealed(one: Block, _: Declared, __: Requirement) -> str | None:
    """Whether its storage is encrypted."""
    if not one.type.startswith("aws_") and one.kind != "module":
        return ""  # Google and Azure encrypt whatever is declared
    usual = one.kind == "module" and "aurora" not in one.type
    return _switch(one.values.get("storage_encrypted", usual), True, "its storage is not encrypted")


def closed(one: Block, _: Declared, __: Requirement) -> str | None:
    """Whether it has no public address."""
    words = "is reachable from the internet"
    if one.type == "google_sql_database_instance":
        told = _inner(one, "settings", "ip_configuration")
        return _switch(told.values.get("ipv4_enabled", True) if told else True, False, words)
    if one.type.startswith("azurerm"):
        return _switch(one.values.get("public_network_access_enabled", True), False, words)
    return _switch(one.values.get("publicly_accessible", False), False, words)


def guarded(one: Block, _: Declared, __: Requirement) -> str | None:
    """Whether it can't be deleted by mistake."""
    lifecycle = _inner(one, "lifecycle")
    if lifecycle is not None and lifecycle.values.get("prevent_destroy") is True:
        return ""
    usual = one.type == "google_sql_database_instance"
    return _switch(one.values.get("deletion_protection", usual), True, "may be deleted by a single call")


def buckets(found: Declared) -> Sequence[Block]:
    """Buckets."""
    return found.resources("aws_s3_bucket", "google_storage_bucket")


def _of_bucket(found: Declared, type_: str, bucket: Block) -> Block | None:
    """The resource that refers to a bucket, by its address or by its name."""
    address, name = f"{bucket.type}.{bucket.labels[-1]}.", bucket.values.get("bucket")
    for one in found.resources(type_):
        told = one.values.get("bucket")
        if (isinstance(told, Computed) and address in f"{told}.") or (name is not None and told == name):
            return one
    return None


def not_public(bucket: Block, found: Declared, _: Requirement) -> str | None:
    """Whether nobody can open it to everybody."""
    if bucket.type == "google_storage_bucket":
        return _switch(bucket.values.get("public_access_prevention"), "enforced", "may be opened to everybody")
    acl = _of_bucket(found, "aws_s3_bucket_acl", bucket) or bucket
    if str(acl.values.get("acl", "")).startswith("public"):
        return f"is {acl.values['acl']}"
    block = _of_bucket(found, "aws_s3_bucket_public_access_block", bucket)
    if block is None:
        return "has no aws_s3_bucket_public_access_block"
    names = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    answers = [_switch(block.values.get(name, False), True, f"{name} is off") for name in names]
    return None if None in answers else next(filter(None, answers), "")


def versioned(bucket: Block, found: Declared, _: Requirement) -> str | None:
    """Whether overwritten objects are kept."""
    own = _inner(bucket, "versioning")
    if bucket.type == "google_storage_bucket" or own is not None:
        return _switch(own.values.get("enabled") if own else False, True, "keeps no versions")
    beside = _of_bucket(found, "aws_s3_bucket_versioning", bucket)
    told = _inner(beside, "versioning_configuration") if beside else None
    return _switch(told.values.get("status") if told else "", "Enabled", "keeps no versions")


RULES = ("aws_security_group", "aws_default_security_group", "aws_security_group_rule",
         "aws_vpc_security_group_ingress_rule", "google_compute_firewall")  # fmt: skip


def rules(found: Declared) -> Sequence[Block]:
    """What lets traffic in."""
    return [one for one in found.resources(*RULES) if one.values.get("type", "ingress") == "ingress"]


def narrow(one: Block, _: Declared, __: Requirement) -> str | None:
    """Whether it lets everybody in on the web's ports alone."""
    inner = [rule.inner("content")[0] if rule.inner("content") else rule for rule in one.inner("ingress")]
    answers = [_wide(rule) for rule in (inner if one.type.endswith("security_group") else [one])]
    return next((words for words in answers if words), None if None in answers else "")


def _wide(rule: Block) -> str | None:
    """Which port a rule opens to everybody."""
    names = ("cidr_blocks", "ipv6_cidr_blocks", "source_ranges", "cidr_ipv4", "cidr_ipv6")
    sources = [value for name in names for value in _row(rule.values.get(name))]
    if not set(map(str, sources)) & EVERYBODY:
        return None if any(isinstance(one, Computed) and "security_group" not in one for one in sources) else ""
    ports = list(_ports(rule))
    if any(isinstance(one, Computed) for one in ports):
        return None
    beyond = [one for one in ports if one not in WEB]
    return f"lets everybody in on {listed(beyond)}" if beyond or not ports else ""


def _ports(rule: Block) -> Iterator[Any]:
    if rule.type == "google_compute_firewall":
        for allowed in rule.inner("allow"):
            yield from (
                int(one) if str(one).isdigit() else one for one in _row(allowed.values.get("ports", ["every port"]))
            )
        return
    first, last = rule.values.get("from_port"), rule.values.get("to_port")
    if first is None or rule.values.get("protocol", rule.values.get("ip_protocol")) == "-1":
        yield "every port"
    elif isinstance(first, int) and isinstance(last, int) and last > first:
        yield f"{first} to {last}"
    else:
        yield first


def _row(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def scalers(found: Declared) -> Sequence[Block]:
    """Groups whose number may change."""
    return found.resources("aws_autoscaling_group", "aws_appautoscaling_target")


def scales(one: Block, found: Declared, _: Requirement) -> str | None:
    """Whether it has a range, and something says when."""
    least = one.values.get("min_size", one.values.get("min_capacity"))
    most = one.values.get("max_size", one.values.get("max_capacity"))
    if not isinstance(least, int) or not isinstance(most, int):
        return None
    if least >= most:
        return f"cannot scale: {least} to {most}"
    policies = found.resources("aws_autoscaling_policy", "aws_appautoscaling_policy", "aws_autoscaling_schedule")
    return "" if policies else "nothing says when to scale: there is no policy"


def alarms(found: Declared) -> Sequence[Block]:
    """Alarms."""
    return found.resources(
        "aws_cloudwatch_metric_alarm", "google_monitoring_alert_policy", "azurerm_monitor_metric_alert"
    )


def reaches(one: Block, _: Declared, __: Requirement) -> str | None:
    """Whether an alarm tells somebody."""
    told = one.values.get("alarm_actions", one.values.get("notification_channels"))
    if one.type.startswith("azurerm"):
        return "" if one.inner("action") else "tells nobody: no action"
    return "" if isinstance(told, Computed) or _row(told) else "tells nobody: no alarm_actions"


def targets(found: Declared) -> Sequence[Block]:
    """Groups of targets of a load balancer."""
    return found.resources("aws_lb_target_group", "aws_alb_target_group")


def asked_after(one: Block, _: Declared, __: Requirement) -> str | None:
    """Whether targets are asked how they are at an address of their own."""
    told = _inner(one, "health_check")
    if told is None or told.values.get("enabled", True) is False:
        return "asks no health check of its own"
    path = told.values.get("path")
    return None if isinstance(path, Computed) else "" if path not in {None, "/"} else "asks / only, no health endpoint"
