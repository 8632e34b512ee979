"""The object store: the bucket is there for the service, and closed to strangers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, setting_of, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import SITE_URL, Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Reply, Site, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.http import HttpProbe
from roadworthy.inspection.probes.signing import Keys, signed

ENDPOINTS = ("S3_ENDPOINT_URL", "S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_S3_ENDPOINT_URL",
             "MINIO_ENDPOINT", "MINIO_URL", "R2_ENDPOINT")  # fmt: skip
BUCKETS = ("S3_BUCKET", "S3_BUCKET_NAME", "AWS_STORAGE_BUCKET_NAME", "AWS_S3_BUCKET", "AWS_BUCKET", "MINIO_BUCKET",
           "MINIO_BUCKET_NAME", "BUCKET_NAME", "R2_BUCKET")  # fmt: skip
ACCESS = (
    "S3_ACCESS_KEY_ID",
    "S3_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "MINIO_ACCESS_KEY",
    "MINIO_ROOT_USER",
    "R2_ACCESS_KEY_ID",
)
SECRET = ("S3_SECRET_ACCESS_KEY", "S3_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "MINIO_SECRET_KEY", "MINIO_ROOT_PASSWORD",
          "R2_SECRET_ACCESS_KEY")  # fmt: skip
REGIONS = ("S3_REGION", "AWS_S3_REGION_NAME", "AWS_DEFAULT_REGION", "AWS_REGION")
SESSION = ("AWS_SESSION_TOKEN",)
LIST = "list-type=2&max-keys=1"
OTHER = re.compile(
    r"version|lifecycle|policy|polic(?:y|ies)|encrypt|replicat|cross|retention|backup|object lock", re.IGNORECASE
)
OK, DENIED = 200, frozenset({401, 403})
MISSING = 404


@dataclass(frozen=True, slots=True)
class Store:
    """Where a bucket is asked for: `path` is empty where the bucket is part of the host's name."""

    url: str
    path: str
    bucket: str
    keys: Keys


async def _bucket(probes: Probes, requirement: Requirement) -> Verdict:
    if OTHER.search(requirement.text("subject")):
        raise Unobservable("the line asks more of the bucket than that it is there and closed", "ask for that alone")
    store = _store(probes)
    http = HttpProbe(store.url)
    try:
        stranger = await http.get(f"{store.path}?{LIST}")
        headers = signed(http.parts.place, store.path, LIST, store.keys)
        owner = await http.get(f"{store.path}?{LIST}", headers=headers)
    finally:
        await http.aclose()
    where = f"object store at {http.parts.place}"
    evidence = observe(
        f"list bucket {store.bucket}", f"a stranger gets {stranger.status}, the service's keys {owner.status}", where
    )
    if stranger.status == OK and b"ListBucketResult" in stranger.body:
        return failed(
            f"anybody may list {store.bucket}", evidence, mend="remove the public policy; block public access"
        )
    if MISSING in {owner.status, stranger.status}:
        return failed(f"there is no bucket {store.bucket}", evidence, mend="create it")
    if owner.status in DENIED:
        return failed(
            f"{store.bucket} refuses the service's own keys: {owner.status}", evidence, mend="mend keys or policy"
        )
    if owner.status != OK or b"ListBucketResult" not in owner.body or stranger.status not in DENIED:
        return unknown(f"{store.bucket} answers {owner.status} and {stranger.status}: no S3 as it is known", evidence)
    return passed(f"{store.bucket} lists for the service's keys, and refuses strangers", evidence)


def _store(probes: Probes) -> Store:
    config = offered(probes.config, "config")
    endpoint, bucket, access, secret = (setting_of(probes, *names) for names in (ENDPOINTS, BUCKETS, ACCESS, SECRET))
    missing = [
        names[0]
        for one, names in ((bucket, BUCKETS), (access, ACCESS), (secret, SECRET))
        if one is None or one.placeholder
    ]
    if bucket is None or access is None or secret is None or missing:
        raise Unobservable(f"no object store is configured: {listed(missing)} not set; looked at: {config.looked_at}",
                           "S3_ENDPOINT, S3_BUCKET and keys, in the environment of the service")  # fmt: skip
    region, session = setting_of(probes, *REGIONS), setting_of(probes, *SESSION)
    keys = Keys(access.value, secret.value, region.value if region else "us-east-1", session.value if session else "")
    if endpoint is None:
        host = f"{bucket.value}.s3.{keys.region}.amazonaws.com"
        if not re.fullmatch(r"[a-z0-9.-]+", host):
            raise Unobservable(f"{bucket.name} is no name of a bucket", "mend it")
        return Store(f"https://{host}", "/", bucket.value, keys)
    url = endpoint.value if "://" in endpoint.value else f"http://{endpoint.value}"
    return Store(url, f"{addresses.parse(url).path.rstrip('/')}/{bucket.value}", bucket.value, keys)


def _s3(*, public: bool) -> Site:
    listing = reply("<ListBucketResult><Name>shop</Name></ListBucketResult>", content_type="application/xml")

    def answer(asked: Asked) -> Reply:
        own = "AWS4-HMAC-SHA256 Credential=shopkey/" in asked.headers.get("authorization", "")
        if asked.path != "/shop-files":
            return reply("<Error><Code>NoSuchBucket</Code></Error>", 404)
        return listing if own or public else reply("<Error><Code>AccessDenied</Code></Error>", 403)

    return lambda: answer


SETTINGS: Mapping[str, str] = {
    "S3_ENDPOINT": SITE_URL,
    "S3_BUCKET": "shop-files",
    "S3_ACCESS_KEY": "shopkey",
    "S3_SECRET_KEY": "invented-q8Wz3nLp",
}
BUCKET = Check(
    id="storage.bucket.closed",
    requirements=("storage.bucket",),
    title="The bucket is there for the service and closed to strangers",
    severity=Severity.CRITICAL,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"config"}),
    run=_bucket,
    documentation=Documentation(
        what="The bucket that the service is configured with lists for its own keys, and refuses everybody else.",
        why="Open buckets are found by machines, and hold what people uploaded in confidence.",
        how_verified="Two requests to the store that the running service's variables name: one with its keys, one "
        "without. At most one name is listed, nothing is written. Single objects that are public are not seen.",
        how_to_mend="Block public access; hand out signed addresses.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "storage.bucket",
        must_fail=Stage(site=_s3(public=True), environment=SETTINGS),
        mended=Stage(site=_s3(public=False), environment=SETTINGS),
    ),
    timeout_seconds=20.0,
)

CHECKS = (BUCKET,)
