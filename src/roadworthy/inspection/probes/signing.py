"""Signs a request to an object store as S3 wants it (Signature Version 4); a GET without a body, nothing else."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Keys:
    """What a service signs with. `session` is the token of temporary keys."""

    access: str
    secret: str
    region: str = "us-east-1"
    session: str = ""


def signed(host: str, path: str, query: str, keys: Keys, moment: datetime | None = None) -> Mapping[str, str]:
    """Headers that make a GET of `path` with `query` on `host` one of the owner of `keys`."""
    now = moment or datetime.now(UTC)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {"host": host, "x-amz-content-sha256": EMPTY, "x-amz-date": stamp}
    if keys.session:
        headers["x-amz-security-token"] = keys.session
    names = ";".join(sorted(headers))
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in _pairs(query))
    canonical = "\n".join(
        [
            "GET",
            quote(path, safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            names,
            EMPTY,
        ]
    )
    scope = f"{day}/{keys.region}/s3/aws4_request"
    wanted = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{keys.secret}".encode()
    for part in (day, keys.region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, wanted.encode(), "sha256").hexdigest()
    authorization = f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope},SignedHeaders={names},Signature={signature}"
    return {**headers, "authorization": authorization}


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)
