"""A bucket answers its owner and nobody else; signatures are those that S3 documents."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.objects import SETTINGS, _s3
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.probes.signing import Keys, signed

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
EXAMPLE = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        ("lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_signatures_are_the_documented_ones(query: str, signature: str) -> None:
    headers = signed("examplebucket.s3.amazonaws.com", "/", query, EXAMPLE, datetime(2013, 5, 24, tzinfo=UTC))
    assert headers["authorization"].endswith(f"Signature={signature}")


@pytest.mark.parametrize(
    ("stage", "params", "status"),
    [
        (Stage(site=_s3(public=False), environment=SETTINGS), {}, PASS),
        (Stage(site=_s3(public=True), environment=SETTINGS), {}, FAIL),
        (Stage(site=_s3(public=False), environment={**SETTINGS, "S3_BUCKET": "other"}), {}, FAIL),
        (Stage(site=_s3(public=False), environment={**SETTINGS, "S3_ACCESS_KEY": "stranger"}), {}, FAIL),
        (Stage(site=_s3(public=False), environment={"S3_BUCKET": "shop-files"}), {}, UNKNOWN),
        (Stage(site=_s3(public=False), environment={**SETTINGS, "S3_SECRET_KEY": "your-secret"}), {}, UNKNOWN),
        (Stage(site=pages({}, reply("ok")), environment=SETTINGS), {}, UNKNOWN),
        (Stage(site=pages({}, reply("no", 403)), environment=SETTINGS), {}, FAIL),
        (Stage(site=_s3(public=False), environment=SETTINGS), {"subject": "Leverage S3 Bucket versioning."}, UNKNOWN),
    ],
)
async def test_buckets(stage: Stage, params: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("storage.bucket.closed", stage, **params)
    assert verdict.status is status, verdict.summary
    assert SETTINGS["S3_SECRET_KEY"] not in repr(verdict)
