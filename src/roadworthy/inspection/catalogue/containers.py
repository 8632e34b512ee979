"""How images are built and named, and how containers are watched and kept within limits, as files say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue.declaring import of_tree
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.kubernetes import WEB
from roadworthy.inspection.model import Documentation, Probes, Requirement
from roadworthy.inspection.probes import images, manifests, yaml_files
from roadworthy.inspection.probes.images import BuildStage, ComposeService, Dockerfile
from roadworthy.inspection.probes.manifests import STORES, Cluster, Container, Object
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.yaml_files import at, table

MOVING = frozenset(
    {"latest", "main", "master", "stable", "edge", "nightly", "dev", "develop", "current", "lts", "mainline"}
)
SMALL = re.compile(
    r"alpine|slim|distroless|chainguard|wolfi|ubi\d*-(?:micro|minimal)|-micro|-minimal|busybox|^scratch$", re.IGNORECASE
)
BUILDERS = re.compile(
    r"\b(?:gcc|build-essential|make\b.*install|mvn|gradle|go build|cargo build|npm run build|yarn build"
    r"|pnpm build|webpack|tsc)\b"
)
ACCOUNTS = re.compile(r"\b(?:aws|gcp|azure|account|service limits?|quotas?|billing)\b", re.IGNORECASE)
TAGGED = re.compile(r"\btagg(?:ed|ing)\b", re.IGNORECASE)
PINNED = re.compile(r"\bpinn?|latest|digest|specific|exact|fixed|version", re.IGNORECASE)
NEVER_FAILS = re.compile(r"^(?:true|:|exit 0|echo\b[^|&;]*|sleep \S+)$|(?:\|\||;)\s*(?:true|:|exit 0)\s*$")


OF_DOCKERFILE = re.compile(r"\bHEALTHCHECK\b|(?i:\bdocker ?files?\b|\bhealth ?checks?\b.{0,30}\bimages?\b)")
"""A line about the instruction, not about containers that something else watches."""


async def _declared(probes: Probes) -> tuple[RepoProbe, Sequence[Dockerfile], Sequence[ComposeService], Cluster]:
    repo = offered(probes.repo, "repo")
    found = (await repo.facts(images.dockerfiles), await repo.facts(images.compose), await repo.facts(manifests.read))
    if not found[0] and not found[1] and not found[2].workloads:
        raise Unobservable(
            "no Dockerfile, compose file or Kubernetes workload of production is in the source tree",
            "[repository] path names the tree that holds them",
        )
    return repo, *found


async def _tags(probes: Probes, requirement: Requirement) -> Verdict:
    subject = requirement.text("subject")
    if TAGGED.search(subject) and not PINNED.search(subject):
        raise Unobservable("the line is about the tag of the image that is released", "attest to it")
    repo, built, composed, cluster = await _declared(probes)
    everything = {**dict(_references(built, composed, cluster)), **dict(_by_kamal(repo))}
    by_digest = "digest" in requirement.text("subject").lower()
    exact = bool(re.search(r"\b(?:specific|exact|pinned?)\b", requirement.text("subject"), re.IGNORECASE))
    loose = {where: image for where, image in everything.items() if _unpinned(image, by_digest=by_digest, exact=exact)}
    unclear = {where: image for where, image in everything.items() if re.search(r"[${]", image)}
    shown = [f"{where}: {image}" for where, image in (loose or everything).items()]
    evidence = observe("images that production runs or builds on", listed(shown, 10), repo.vantage)
    if not everything:
        raise Unobservable("no file names an image that production runs or builds on", "name the tree that does")
    if loose:
        where, image = next(iter(loose.items()))
        return failed(
            f"{len(loose)} of {len(everything)} images are not pinned: {image} in {where}", evidence,
            mend="name a version (or a digest) that does not move",
        )  # fmt: skip
    if unclear or cluster.unread:
        return unknown(f"images that are computed: {listed([*unclear, *cluster.unread], 3)}", evidence)
    return passed(f"all {len(everything)} images are pinned", evidence)


def _references(
    built: Sequence[Dockerfile], composed: Sequence[ComposeService], cluster: Cluster
) -> Iterator[tuple[str, str]]:
    for file in built:
        names = {stage.name for stage in file.stages if stage.name}
        for stage in file.stages:
            if stage.base.lower() not in names and stage.base != "scratch":
                yield f"{file.path} FROM {stage.base}", stage.base
            for image in _copied(stage):
                if image.lower() not in names and not image.isdigit():
                    yield f"{file.path} --from={image}", image
    for service in composed:
        if service.image and not service.built:
            yield f"{service.path} {service.name}", re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", service.image)
    for workload in cluster.of(*sorted(manifests.WORKLOADS)):
        for container in workload.containers:
            yield f"{workload.where} {container.name}", container.image


def _by_kamal(repo: RepoProbe) -> Iterator[tuple[str, str]]:
    """Images of what Kamal runs beside the service."""
    for path in repo.find("config/deploy.yml", "config/deploy.production.yml"):
        try:
            beside = table(yaml_files.document(repo.read(path)).get("accessories"))
        except yaml_files.NotYaml:
            continue
        yield from ((f"{path} {name}", str(at(told, "image"))) for name, told in beside.items() if at(told, "image"))


def _copied(stage: BuildStage) -> Iterator[str]:
    """Images that a stage takes files from."""
    for word, rest in stage.instructions:
        if word in {"COPY", "RUN", "ADD"}:
            yield from re.findall(r"--(?:from=|mount=\S*?\bfrom=)([^\s,]+)", rest)


def _unpinned(image: str, *, by_digest: bool, exact: bool = False) -> bool:
    if re.search(r"[${]", image):
        return False
    if "@sha256:" in image:
        return False
    tag = image.rpartition("/")[2].partition(":")[2]
    if exact and re.fullmatch(r"v?\d+", tag.partition("-")[0]):
        return True  # python:3 is another one next month
    return by_digest or not re.search(r"\d", tag) or tag.lower().partition("-")[0] in MOVING


async def _small(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    found = await repo.facts(images.dockerfiles)
    if not found:
        raise Unobservable("no Dockerfile of production is in the source tree", "[repository] path names its tree")
    if requirement.number("bytes") is not None:
        raise Unobservable(
            "how large the image is shows only when it is built", "docker image inspect, and attest to it"
        )
    problems = {file.path: problem for file in found if (problem := _heavy(file, requirement.text("subject").lower()))}
    ignored = any(path.endswith(".dockerignore") for path in repo.files)
    shown = [f"{file.path}: {counted(len(file.stages), 'stage')}, runs on {file.lineage()[-1].base}" for file in found]
    evidence = observe(
        "Dockerfiles", listed(shown, 6) + f"; .dockerignore {'there' if ignored else 'missing'}", repo.vantage
    )
    if problems:
        path, problem = next(iter(problems.items()))
        return failed(
            f"{path} {problem}", evidence, mend="build in one stage, run what it made on a slim base in another"
        )
    copies_all = any(
        rest.split()[0] == "." for f in found for word, rest in f.final.instructions if word in {"COPY", "ADD"} and rest
    )
    if copies_all and not ignored:
        return failed(
            "the whole folder is copied and no .dockerignore keeps anything out", evidence,
            mend="write a .dockerignore", patch=".git\nnode_modules\n.venv\n.env\n",
        )  # fmt: skip
    return passed(f"{found[0].path} runs on {found[0].lineage()[-1].base} without its builders", evidence)


def _heavy(file: Dockerfile, asked: str) -> str:
    base = file.lineage()[-1].base
    if "multi" in asked and len(file.stages) < 2:  # noqa: PLR2004 - one to build, one to run
        return "has one stage, the line asks for several"
    if not SMALL.search(base) and "$" not in base:
        return f"runs on {base}, which is no slim image"
    inside = " ".join(rest for stage in file.lineage() for word, rest in stage.instructions if word == "RUN")
    return "leaves what builds it in what runs" if BUILDERS.search(inside) and "static" not in inside else ""


async def _watched(probes: Probes, requirement: Requirement) -> Verdict:
    repo, built, composed, cluster = await _declared(probes)
    in_files = OF_DOCKERFILE.search(requirement.text("subject"))
    watched = _instructed(built) if in_files else _watches(built, composed, cluster)
    evidence = observe(
        "how each container's health is watched",
        listed([f"{k}: {v or 'not at all'}" for k, v in watched.items()], 12),
        repo.vantage,
    )
    if not watched:
        what = "Dockerfile" if in_files else "container"
        raise Unobservable(f"no {what} of the service is declared", "[repository] path names the tree that does")
    without = [where for where, how in watched.items() if not how]
    hidden = [] if in_files else [one.where for one in cluster.workloads if one.patched] + list(cluster.unread)
    if hidden:
        return unknown(f"containers' health: not read: {listed(hidden, 3)}", evidence, mend="render the manifests")
    if without:
        return failed(
            f"nobody watches the health of {without[0]}", evidence,
            mend="a readiness and a liveness probe (Kubernetes), healthcheck: (compose), HEALTHCHECK (Dockerfile)",
            patch=PROBES,
        )  # fmt: skip
    if in_files:
        return passed(f"{listed(watched, 3)} holds a HEALTHCHECK", evidence)
    return passed(f"the health of all {len(watched)} containers is watched", evidence)


def _instructed(built: Sequence[Dockerfile]) -> Mapping[str, str]:
    """What each Dockerfile itself says of health, whatever compose or Kubernetes add."""
    return {file.path: "HEALTHCHECK" if _asks(file.final.last("HEALTHCHECK") or "NONE") else "" for file in built}


def _watches(built: Sequence[Dockerfile], composed: Sequence[ComposeService], cluster: Cluster) -> Mapping[str, str]:
    if cluster.workloads:
        return {
            f"{one.where} {c.name}": " and ".join(p for p in ("readinessProbe", "livenessProbe") if at(c.declared, p))
            if at(c.declared, "readinessProbe") and at(c.declared, "livenessProbe") else ""
            for one in cluster.workloads for c in one.serving if not STORES.search(c.image)
        }  # fmt: skip
    images_own = _instructed(built)
    in_image = any(images_own.values())
    alone = {} if any(one.built for one in composed) else images_own  # nothing of compose runs what is built here
    return {**{f"{one.path} {one.name}": _compose_health(one, in_image=in_image) for one in composed}, **alone}


def _compose_health(one: ComposeService, *, in_image: bool) -> str:
    told = table(one.declared.get("healthcheck"))
    test = yaml_files.texts(told.get("test"))
    if told.get("disable") is True or test[:1] == ["NONE"]:
        return ""
    if test:
        return "healthcheck" if _asks(" ".join(test)) else ""
    return "HEALTHCHECK of its image" if one.built and in_image else ""


def _asks(command: str) -> bool:
    """Whether a health check may ever say that something is wrong."""
    words = re.sub(r"[\"'\[\],]", " ", command).strip()
    plain = re.sub(r"^(?:--\S+\s+)*(?:(?:CMD-SHELL|CMD|NONE|/bin/sh|sh|-c)\s*)*", "", words).strip()
    return bool(plain) and not NEVER_FAILS.search(plain)


def _amounts(subject: str) -> Sequence[tuple[str, str]]:
    """Which amounts a line asks for: limits of memory, unless it says more."""
    kinds = [kind for kind in ("memory", "cpu") if re.search(rf"\b{kind}s?\b", subject, re.IGNORECASE)] or ["memory"]
    places = ["requests"] if re.search(r"\brequests?\b", subject, re.IGNORECASE) else []
    if not places or re.search(r"\blimit", subject, re.IGNORECASE):
        places.append("limits")
    return [(place, kind) for place in places for kind in kinds]


def _all_of(amounts: Sequence[object]) -> str:
    return ", ".join(map(str, amounts)) if all(amounts) else ""


async def _limited(probes: Probes, requirement: Requirement) -> Verdict:
    if ACCOUNTS.search(requirement.text("subject")):
        raise Unobservable("the line is about limits of an account, which its provider knows", "attest to it")
    if requirement.params.keys() & {"bytes", "cores"}:
        raise Unobservable("the line gives an amount, which only the running side shows", "inspect where it runs")
    repo, _, composed, cluster = await _declared(probes)
    wanted = _amounts(requirement.text("subject"))
    if cluster.workloads:
        limits = {
            f"{one.where} {c.name}": _all_of([at(c.declared, "resources", *place) for place in wanted])
            for one in cluster.workloads for c in one.containers
        }  # fmt: skip
    else:
        kinds = [{"memory": "memory", "cpu": "cpus"}[kind] for where, kind in wanted if where == "limits"]
        limits = {f"{one.path} {one.name}": _all_of([images.limits(one)[kind] for kind in kinds]) for one in composed}
    if not limits:
        raise Unobservable(
            "nothing that is deployed is declared here: an image has no limits", "name the tree that does"
        )
    evidence = observe(
        f"{_said(wanted)} of containers", listed([f"{k}: {v or 'none'}" for k, v in limits.items()], 12), repo.vantage
    )
    without = [where for where, value in limits.items() if not value]
    if hidden := [one.where for one in cluster.workloads if one.patched] + list(cluster.unread):
        return unknown(f"limits: not read: {listed(hidden, 3)}", evidence, mend="render the manifests")
    if without:
        return failed(
            f"{without[0]} lacks {_said(wanted)}", evidence,
            mend="resources.limits.memory (Kubernetes), deploy.resources.limits or mem_limit (compose)",
        )  # fmt: skip
    return passed(f"all {len(limits)} containers have {_said(wanted)}", evidence)


def _said(wanted: Sequence[tuple[str, str]]) -> str:
    return listed(f"a {place.removesuffix('s')} of {kind}" for place, kind in wanted)


async def _user(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    repo = offered(probes.repo, "repo")
    found = await repo.facts(images.dockerfiles)
    if not found:
        raise Unobservable("no Dockerfile of production is in the source tree", "inspect on the machine that serves")
    users = {file.path: _runs_as(file) for file in found}
    for one in await repo.facts(images.compose):
        if one.built and one.declared.get("user") is not None:
            users[f"{one.path} {one.name}"] = str(one.declared["user"])
    for workload in (await repo.facts(manifests.read)).workloads:
        users |= {f"{workload.where} {one.name}": user for one in workload.serving if (user := _set_by(workload, one))}
    evidence = observe("USER of each image", listed([f"{k}: {v or 'none'}" for k, v in users.items()], 8), repo.vantage)
    root = [path for path, user in users.items() if not user or user.partition(":")[0] in {"root", "0"}]
    computed = [path for path, user in users.items() if "$" in user]
    if root:
        return failed(
            f"{root[0]} says no other user: its process runs as root", evidence,
            mend="add a user and switch to it", patch="RUN useradd --system app\nUSER app",
        )  # fmt: skip
    if computed:
        return unknown(f"the user of {computed[0]} is computed", evidence)
    return passed(f"all {len(users)} images run as another user than root", evidence)


def _set_by(workload: Object, container: Container) -> str:
    """The user that a workload runs a container as, where it says so; the image's is overruled then."""
    own = container.security("runAsUser")
    user = own if own is not None else at(workload.pod, "securityContext", "runAsUser")
    return "" if user is None else str(user)


def _runs_as(file: Dockerfile) -> str:
    own = next((user for stage in file.lineage() if (user := stage.last("USER"))), "")
    return own or ("nonroot" if "nonroot" in file.lineage()[-1].base else "")


PROBES = """\
readinessProbe: {httpGet: {path: /health/ready, port: 8000}}
livenessProbe: {httpGet: {path: /health/live, port: 8000}}
"""
SLIM = """\
FROM node:22.11 AS build
WORKDIR /src
COPY . .
RUN npm ci && npm run build
FROM node:22.11-slim
COPY --from=build /src/dist /app
USER node
CMD ["node", "/app/main.js"]
"""
HEAVY = 'FROM node:22.11\nCOPY . .\nRUN npm ci && npm run build\nCMD ["node", "dist/main.js"]\n'
NOT_DEPLOYED = "Never; without such files the line is unknown."

DOCKER = ("docker", "dockerfile")
"""What every image is built by, or said to be."""
CHECKS = (
    of_tree(
        "img.tag.named", "Images are pinned to a version", _tags, Severity.MEDIUM,
        Documentation(
            what="No image that production runs or builds on is without a version or called latest, main or stable.",
            why="What moves under you breaks on the day you restart.",
            how_verified="FROM lines, compose services and containers of workloads; not those of development and "
                "tests. A "
            "line that asks for digests wants @sha256.",
            how_to_mend="Name a version, better a digest, and let a bot raise it.",
            not_applicable_when=NOT_DEPLOYED,
        ),
        {"Dockerfile": "FROM python:latest\n"}, {"Dockerfile": "FROM python:3.13.1-slim\n"}, covers=DOCKER,
    ),
    of_tree(
        "img.small.stages", "Images are small: a slim base, without what builds them", _small, Severity.LOW,
        Documentation(
            what="What runs stands on a slim base, holds no compilers or bundlers, and a .dockerignore keeps the "
                "rest out.",
            why="A large image starts late on a new node, and everything in it is something to exploit.",
            how_verified="Stages of each Dockerfile and what the last one stands on. Sizes in bytes are not seen "
                "in files.",
            how_to_mend="Two stages, a -slim or distroless base, a .dockerignore.",
            not_applicable_when=NOT_DEPLOYED,
        ),
        {"Dockerfile": HEAVY}, {"Dockerfile": SLIM}, covers=(*DOCKER, "optimized", "optimised"),
    ),
    of_tree(
        "mon.health.declared", "Each container's health is watched", _watched, Severity.HIGH,
        Documentation(
            what="Containers of the service have readiness and liveness probes, or a health check of compose or "
                "their image.",
            why="A process that hangs is alive to everybody but its users.",
            how_verified="Workloads of Kubernetes where there are such; else compose services; else Dockerfiles.",
            how_to_mend="Point probes at the health endpoints.",
            not_applicable_when=NOT_DEPLOYED,
        ),
        {"k8s/web.yaml": WEB.replace("livenessProbe", "startupProbe")}, {"k8s/web.yaml": WEB},
    ),
    of_tree(
        "host.limits.declared", "Each container has a memory limit", _limited, Severity.MEDIUM,
        Documentation(
            what="Every container of the service's workloads, or every compose service, has a memory limit.",
            why="One leak takes the whole node with it.",
            how_verified="resources.limits.memory; deploy.resources.limits and mem_limit.",
            how_to_mend="Set a limit a little over what load tests showed.",
            not_applicable_when=NOT_DEPLOYED,
        ),
        {"k8s/web.yaml": WEB.replace("limits: {memory: 256Mi}", "limits: {}")}, {"k8s/web.yaml": WEB},
    ),
    of_tree(
        "sec.nonroot.image", "Images switch to a user that is not root", _user, Severity.HIGH,
        Documentation(
            what="The last stage of every Dockerfile, or the one it stands on, names a USER other than root.",
            why="Root in a container is one hole of the kernel away from root of the machine.",
            how_verified="USER of the final stage; bases called nonroot count.",
            how_to_mend="Add a user and USER.",
            not_applicable_when=NOT_DEPLOYED,
        ),
        {"Dockerfile": SLIM.replace("USER node\n", "")}, {"Dockerfile": SLIM}, covers=DOCKER,
    ),
)  # fmt: skip
