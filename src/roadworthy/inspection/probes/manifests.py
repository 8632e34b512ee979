"""What Kubernetes manifests declare: workloads with their containers, and the objects that guard them.

Plain files, and kustomizations of the tree as far as they name, count and patch. Helm templates are not rendered:
they are listed as unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from roadworthy.inspection.probes import yaml_files
from roadworthy.inspection.probes.kustomize import Overlay, apply, overlays
from roadworthy.inspection.probes.production import ELSEWHERE, is_elsewhere
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.yaml_files import NotYaml, at, rows, table

OBJECTS_LIMIT = 2_000
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Rollout", "ReplicaSet"})
STORES = re.compile(
    r"(?:^|[/-])(?:postgres(?:ql)?|postgis|pgvector|mysql|mariadb|mongo(?:db)?|redis|valkey|memcached|rabbitmq|kafka"
    r"|zookeeper|elasticsearch|opensearch|minio|clickhouse|prometheus|grafana|loki|jaeger|alertmanager|pgbouncer|nats"
    r"|influxdb|etcd|mailhog|mailpit|pgadmin4?|adminer|kibana|logstash|fluentd?(?:-bit)?|\w+[-_]exporter)\b",
    re.IGNORECASE,
)
"""Images of others, whose number and rights are not the service's own."""
_KUBERNETES = re.compile(r"^[ \t]*apiVersion\s*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod: what it is declared with."""

    name: str
    image: str
    declared: Mapping[str, Any] = field(default_factory=dict)

    def security(self, key: str) -> Any:
        """A value of its own securityContext; None where it says nothing."""
        return at(self.declared, "securityContext", key)


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    """A declared object. `patched`: something changes it that is not read here."""

    kind: str
    name: str
    path: str
    declared: Mapping[str, Any]
    patched: bool = False

    @property
    def where(self) -> str:
        """As reports name it."""
        return f"{self.kind} {self.name} ({self.path})"

    @property
    def namespace(self) -> str:
        """The namespace that it names; empty where whoever applies it decides."""
        return str(at(self.declared, "metadata", "namespace") or "")

    def beside(self, other: Object) -> bool:
        """Whether both may stand in one namespace."""
        return not self.namespace or not other.namespace or self.namespace == other.namespace

    @property
    def pod(self) -> Mapping[str, Any]:
        """The pod's spec of a workload."""
        return table(at(self.declared, "spec", "template", "spec"))

    @property
    def labels(self) -> Mapping[str, Any]:
        """Labels of a workload's pods."""
        return table(at(self.declared, "spec", "template", "metadata", "labels"))

    @property
    def replicas(self) -> int | None:
        """How many pods it asks for; None where it leaves that to others."""
        found = at(self.declared, "spec", "replicas")
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    @property
    def containers(self) -> Sequence[Container]:
        """Its containers, those that prepare included."""
        told = [*rows(self.pod.get("containers")), *rows(self.pod.get("initContainers"))]
        return [Container(str(at(one, "name") or "?"), str(at(one, "image") or ""), table(one)) for one in told]

    @property
    def serving(self) -> Sequence[Container]:
        """Its containers without those that prepare and end."""
        told = rows(self.pod.get("containers"))
        return [Container(str(at(one, "name") or "?"), str(at(one, "image") or ""), table(one)) for one in told]

    @property
    def own(self) -> bool:
        """Whether it runs something that is no well-known store or tool of others."""
        return any(not STORES.search(one.image.partition("@")[0]) for one in self.serving)


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the tree declares for production. `unread`: files that may declare more."""

    objects: tuple[Object, ...] = ()
    unread: tuple[str, ...] = ()

    def of(self, *kinds: str) -> Sequence[Object]:
        """Objects of these kinds."""
        return [one for one in self.objects if one.kind in kinds]

    @property
    def workloads(self) -> Sequence[Object]:
        """The service's own workloads."""
        return [one for one in self.of(*sorted(WORKLOADS)) if one.own]


def read(repo: RepoProbe) -> Cluster:
    """Everything that `repo` declares for Kubernetes outside of tests, examples and other environments."""
    found: list[Object] = []
    unread: list[str] = []
    laid_over, patches = overlays(repo, ELSEWHERE)
    for path in repo.find("*.yaml", "*.yml"):
        if is_elsewhere(path) or path in patches or PurePosixPath(path).name.startswith("kustomization."):
            continue
        text = repo.read(path)
        if not _KUBERNETES.search(text):
            continue
        if "{{" in text and _in_chart(repo, path):
            unread.append(f"{path} (Helm template)")
            continue
        try:
            found += _objects(path, yaml_files.documents(text))
        except NotYaml as problem:
            unread.append(f"{path} ({problem})")
    return Cluster(tuple(_overlaid(found[:OBJECTS_LIMIT], laid_over)), tuple(unread))


def _in_chart(repo: RepoProbe, path: str) -> bool:
    above = [str(folder) for folder in PurePosixPath(path).parents]
    return any(f"{folder}/Chart.yaml".removeprefix("./") in repo.files for folder in above)


def _objects(path: str, documents: Sequence[Any]) -> Iterator[Object]:
    for document in documents:
        kind, name = at(document, "kind"), at(document, "metadata", "name")
        if kind == "List" or (isinstance(kind, str) and kind.endswith("List") and "items" in table(document)):
            yield from _objects(path, rows(at(document, "items")))
        elif isinstance(kind, str) and at(document, "apiVersion"):
            yield Object(kind, str(name or "?"), path, table(document))


def _overlaid(objects: Sequence[Object], laid_over: Sequence[Overlay]) -> Iterator[Object]:
    for one in objects:
        declared, hidden = one.declared, False
        for overlay in laid_over:
            declared, more = apply(overlay, one.kind, one.name, declared)
            hidden = hidden or more
        yield Object(one.kind, one.name, one.path, declared, hidden)
