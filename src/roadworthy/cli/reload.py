"""`roadworthy reload`."""

from __future__ import annotations

from typing import Annotated

import typer
from dotenv import load_dotenv

from roadworthy.chassis.settings import load_settings
from roadworthy.ops.deploy.plan import ENVIRONMENT_FILE
from roadworthy.ops.instances.reload import SETTLE_SECONDS
from roadworthy.ops.instances.reload import reload as replace

EXAMPLES = {
    "roadworthy reload": "what `INSTANCES=2 roadworthy serve` keeps, or systemd's roadworthy-web@1, @2, ...",
    "roadworthy reload --alone": "also when there is one instance only, and nobody answers meanwhile",
}


def reload(
    *,
    alone: Annotated[
        bool, typer.Option("--alone", help="Go on although nobody else answers meanwhile: requests are lost.")
    ] = False,
    settle: Annotated[
        float, typer.Option(min=0, max=600, help="Seconds from one that is ready to the next, for a balancer's checks.")
    ] = SETTLE_SECONDS,
) -> None:
    """Replace the running instances one by one: a new release or new settings get in, and no request is lost.

    Each tells the proxy that it stops, finishes what it has, and is started anew; the next one's turn comes when it
    is ready. If one does not become ready, the rest stay as they are. Where `roadworthy deploy` put the host's
    settings, they are read from /etc/roadworthy/roadworthy.env.
    """
    load_dotenv(ENVIRONMENT_FILE)
    replace(load_settings(), typer.echo, alone=alone, settle_seconds=settle)
