"""What a rate limit is for, where it is one of its own: sign-in, uploads, administration."""

from __future__ import annotations

import re

_OWN = (
    r"log-?ins?|log(?:ging)? in|sign-?(?:in|up)s?|auth(?:entication|enticate|orization)?|passwords?|otp|mfa|2fa"
    r"|register|registrations?|uploads?|uploading|admin\w*|writes?|writing|posts?(?!-)|put|patch|deletions?|creation"
    r"|submi\w+|mutations?|checkout|payments?|contact|search\w*|downloads?|exports?|webhooks?|graphql|websockets?"
)
_OWN_LIMIT = re.compile(rf"\b(?:{_OWN})\b", re.IGNORECASE)


def own_limit(text: str) -> str:
    """What commonly has a limit of its own and `text` speaks of, in its words; empty where it speaks of none."""
    found = _OWN_LIMIT.search(text.replace("_", " "))
    return found[0].lower() if found else ""
