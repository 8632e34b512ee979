"""`roadworthy deploy`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from roadworthy.chassis.settings import load_settings
from roadworthy.main import assets
from roadworthy.ops.deploy.plan import FIRST_PORT, make_plan
from roadworthy.ops.deploy.run import write_all
from roadworthy.ops.up.plan import available_cores

EXAMPLES = {
    "roadworthy deploy out": "from the settings in .env, which must be those of production",
    "roadworthy deploy out --certificate /etc/ssl/site.pem --certificate-key /etc/ssl/site.key": "not certbot's",
}


def deploy(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if need be.")],
    *,
    instances: Annotated[int, typer.Option(min=1, max=64, help="Web servers behind nginx.")] = 2,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the first; the others follow.")] = FIRST_PORT,
    certificate: Annotated[str, typer.Option(help="Path on the host. Default: certbot's for the site.")] = "",
    certificate_key: Annotated[str, typer.Option(help="Path on the host.")] = "",
    program: Annotated[str, typer.Option(help="The command on the host. Default: this one.")] = "",
) -> None:
    """Write what a production host needs, for the settings of this process.

    nginx with TLS in front of two instances, systemd units, log rotation, Prometheus with the alert rules, a Grafana
    dashboard, the static files, and the settings themselves (roadworthy.env: it holds secrets). DIR/README.md says
    where each goes. Nothing on this machine changes.
    """
    settings = load_settings()
    plan = make_plan(
        settings,
        program=program or shutil.which("roadworthy") or str(Path(sys.executable).with_name("roadworthy")),
        cores=available_cores(),
        certificate=certificate,
        certificate_key=certificate_key,
        instances=instances,
        port=port,
    )
    written = write_all(plan, assets(settings), folder)
    typer.echo(f"{len(written)} files in {folder}. Next: {folder / 'README.md'} says where each goes.")
