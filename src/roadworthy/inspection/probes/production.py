"""Whether a file of the tree is production's: one answer for settings, images, manifests and code.

By names, as teams give them. What is left out of evidence here can bring no tick, and is never counted as absent.
"""

from __future__ import annotations

import re

from roadworthy.inspection.probes.repo import ASIDE

ELSEWHERE = re.compile(
    r"(?:^|[/._-])(?:dev|devel\w*|local|docker[-_]dev|devcontainer|override|debug|tests?|testing|ci|e2e|qa|staging|stage"
    r"|preview|sandbox|playground|kind|minikube|k3d|examples?|samples?|tutorials?)(?:$|[/._-])",
    re.IGNORECASE,
)
"""Settings, images and manifests of another environment."""
PRODUCTION = re.compile(r"(?:^|[/._-])(?:prod|production|live)(?:$|[/._-])", re.IGNORECASE)
"""What is called production's own; it goes over what holds for all."""
SETTINGS = re.compile(r"(?:^|[/._-])(?:prod|production|live|heroku|deploy\w*)(?:$|[/._-])", re.IGNORECASE)
"""Production's settings of a framework, which teams call by the place they go to as well."""
NOT_SERVING = re.compile(
    r"(?:^|/)(?:migrations?|alembic|seeds?|scripts?|tools?|mocks?|__mocks__|stories|e2e|cypress|locust\w*|load[-_]?tests?"
    r"|static|public|dist|build|generated|third_party|conftest\.py|setup\.py|noxfile\.py|gulpfile\.\w+|[\w.-]+\.config\.\w+"
    r"|[\w.-]+\.(?:min|bundle)\.js|[\w.-]+\.d\.ts|[\w.-]+_test\.(?:go|py)|[\w.-]+_spec\.rb|[\w.-]+\.(?:spec|stories)\.\w+)(?:/|$)",
    re.IGNORECASE,
)
"""Code that serves no requests: generated, vendored by hand, tools, and tests that stand beside the code."""
AT_A_TERMINAL = re.compile(
    r"(?:^|/)(?:scripts?|tools?|bin|cli|commands?|management|tasks|seeds?|migrations?|alembic|manage\.py"
    r"|setup\.py|noxfile\.py"
    r"|conftest\.py|[\w.-]+\.config\.\w+|[\w.-]+\.(?:stories|test|spec)\.\w+|gulpfile\.\w+|__main__\.py|cli\.\w+"
    r"|main\.go)(?:/|$)"
)
"""Programs for people at a terminal, where printing is the purpose."""
RUN_BY_HAND = re.compile(
    r"(?:^|/)(?:scripts?|tools?|bin|dev|ci|e2e|cypress|playwright|migrations?|seeds?|storybook|\.\w+)/"
    r"|(?:^|/)conftest\.py$"
    r"|(?:^|/)[\w.-]+\.config\.[cm]?[jt]s$|\.(?:test|spec)\.\w+$|_test\.go$|_spec\.rb$"
)
"""Code beside the service: what it reads, whoever runs it knows."""


def is_elsewhere(path: str) -> bool:
    """Whether it declares another environment, a test or an example."""
    folders = {folder.lower() for folder in path.split("/")[:-1]}
    return bool(ASIDE & folders) or bool(ELSEWHERE.search(path))
