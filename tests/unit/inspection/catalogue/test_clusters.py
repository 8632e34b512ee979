"""Manifests count as production applies them: neighbours, other environments and templates bring no tick."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.kubernetes import HPA, INGRESS, PDB, POLICY, RBAC, SPREAD, WEB
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
ONE = WEB.replace("replicas: 3", "replicas: 1")
ALL_RESOURCES = RBAC.replace("resources: [configmaps]", "resources: ['*']")
CHART = {"chart/Chart.yaml": "name: x", "chart/templates/d.yaml": WEB.replace("replicas: 3", "replicas: {{ 3 }}")}
REDIS = (
    WEB.replace("name: web", "name: redis")
    .replace("registry.example/web:1.4.2", "redis:7")
    .replace("replicas: 3", "replicas: 1")
)


async def status(check: str, files: dict[str, str], **params: str | int) -> Status:
    return (await verdict_of(f"k8s.{check}.declared", Stage(repo=files), **params)).status


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"k8s/web.yaml": WEB}, PASS),
        ({"k8s/web.yaml": ONE}, FAIL),
        ({"k8s/web.yaml": WEB.replace("  replicas: 3\n", "")}, FAIL),
        ({"k8s/web.yaml": f"{WEB}---\n{REDIS}"}, PASS),
        ({"k8s/redis.yaml": REDIS.replace("replicas: 1", "replicas: 3")}, UNKNOWN),
        ({"k8s/dev/web.yaml": WEB}, UNKNOWN),
        ({"tests/web.yaml": WEB}, UNKNOWN),
        ({"examples/web.yaml": WEB}, UNKNOWN),
        ({"k8s/web.yaml": "".join(f"# {line}\n" for line in WEB.splitlines())}, UNKNOWN),
        ({"k8s/web.yaml": ONE, "k8s/hpa.yaml": HPA}, PASS),
        ({"k8s/web.yaml": ONE, "k8s/hpa.yaml": HPA.replace("name: web}\n  min", "name: api}\n  min")}, FAIL),
        (CHART, UNKNOWN),
        ({"k8s/web.yaml": WEB, **CHART}, UNKNOWN),
        ({"k8s/web.yaml": "\t- :"}, UNKNOWN),
        ({"k8s/web.yaml": "kind: Deployment\napiVersion: apps/v1\nspec: [1, 2]\n"}, UNKNOWN),
        ({}, UNKNOWN),
    ],
)  # fmt: skip
async def test_replicas(files: dict[str, str], expected: Status) -> None:
    assert await status("replicas", files) is expected


PRODUCTION = "resources: [../../base]\nreplicas: [{name: web, count: 4}]\n"
PATCH = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 5}\n"
BASE = {"k8s/base/web.yaml": ONE, "k8s/base/kustomization.yaml": "resources: [web.yaml]\n"}


@pytest.mark.parametrize(
    ("overlays", "expected"),
    [
        ({}, FAIL),
        ({"production": PRODUCTION}, PASS),
        ({"production": PRODUCTION, "dev": PRODUCTION.replace("4", "1")}, PASS),
        ({"dev": PRODUCTION}, FAIL),
        ({"eu": PRODUCTION}, PASS),
        ({"eu": PRODUCTION, "us": PRODUCTION}, UNKNOWN),
        ({"prod-eu": PRODUCTION, "prod-us": PRODUCTION.replace("4", "1")}, UNKNOWN),
        ({"production": "resources: [../../base]\npatches: [{path: more.yaml}]\n"}, PASS),
        ({"production": "resources: [../../base]\npatchesStrategicMerge: [more.yaml]\n"}, PASS),
        ({"production": "resources: [../../base]\npatches:\n- patch: |\n    - op: replace\n      path: /x\n"}, UNKNOWN),
        (
            {"production": "resources: [../../base]\npatches:\n- target: {kind: Service}\n  patch: |\n    - op: x\n"},
            FAIL,
        ),
        ({"production": "resources: [../../base]\ncomponents: [../more]\n"}, UNKNOWN),
    ],
)
async def test_kustomizations(overlays: dict[str, str], expected: Status) -> None:
    laid = {f"k8s/overlays/{name}/kustomization.yaml": text for name, text in overlays.items()}
    more = {"k8s/overlays/production/more.yaml": PATCH} if "more.yaml" in str(overlays) else {}
    assert await status("replicas", {**BASE, **laid, **more}, workers=4) is expected


async def test_what_only_the_cluster_knows_is_unknown() -> None:
    assert await status("replicas", {"k8s/web.yaml": WEB}, subject="3 replicas are ready", workers=3) is UNKNOWN
    assert await status("replicas", {"k8s/web.yaml": WEB}, workers=5) is FAIL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{WEB}---\n{HPA}", PASS),
        (WEB, FAIL),
        (f"{WEB}---\n{HPA.replace('name: web, ', '').replace('name: web}', 'name: api}')}", FAIL),
        (f"{WEB}---\n{HPA[: HPA.index('  metrics')]}", FAIL),
        (f"{WEB.replace('requests: {cpu: 100m, memory: 128Mi}', 'requests: {}')}---\n{HPA}", FAIL),
        (f"{WEB}---\n{HPA.replace('maxReplicas: 10', 'maxReplicas: 2')}", FAIL),
        (f"{WEB}---\n{HPA.replace('maxReplicas: 10', 'maxReplicas: many')}", FAIL),
    ],
)
async def test_autoscalers(text: str, expected: Status) -> None:
    assert await status("hpa", {"k8s/web.yaml": text}) is expected


async def test_an_autoscaler_reaches_what_the_line_says() -> None:
    assert await status("hpa", {"k8s/web.yaml": f"{WEB}---\n{HPA}"}, workers=50) is FAIL


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (PDB, PASS),
        (PDB.replace("app: web", "app: other"), FAIL),
        (PDB.replace("{matchLabels: {app: web}}", "{}"), FAIL),
        (PDB.replace("maxUnavailable: 1", "maxUnavailable: 0"), FAIL),
        (PDB.replace("maxUnavailable: 1", "minAvailable: 3"), FAIL),
        (PDB.replace("maxUnavailable: 1", "minAvailable: 2"), PASS),
        (PDB.replace("maxUnavailable: 1", "minAvailable: 100%"), FAIL),
    ],
)
async def test_budgets(budget: str, expected: Status) -> None:
    assert await status("pdb", {"k8s/web.yaml": f"{WEB}---\n{budget}"}) is expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("runAsNonRoot: true", "runAsUser: 1000", PASS),
        ("runAsNonRoot: true", "runAsUser: 0", FAIL),
        ("runAsNonRoot: true", "runAsNonRoot: false", FAIL),
        ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", FAIL),
        (", capabilities: {drop: [ALL]}", "", FAIL),
        ("{drop: [ALL]}", "{drop: [ALL]}, privileged: true", FAIL),
        ("serviceAccountName: web", "hostNetwork: true", FAIL),
        ("serviceAccountName: web", "initContainers: [{name: i, image: x}]", FAIL),
        ("serviceAccountName: web", "securityContext: {runAsNonRoot: true}", PASS),
    ],
)
async def test_security_contexts(old: str, new: str, expected: Status) -> None:
    assert await status("secctx", {"k8s/web.yaml": WEB.replace(old, new)}) is expected


async def test_a_read_only_root_counts_where_the_line_names_it() -> None:
    assert await status("secctx", {"k8s/web.yaml": WEB}, subject="read-only root filesystem") is FAIL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{WEB}---\n{RBAC}", PASS),
        (f"{WEB}---\n{ALL_RESOURCES}", FAIL),
        (f"{WEB}---\n{RBAC.replace('roleRef: {kind: Role, name: web}', 'roleRef: {name: cluster-admin}')}", FAIL),
        (f"{WEB}---\n{RBAC.replace('kind: ServiceAccount, name: web', 'kind: User, name: web')}", UNKNOWN),
        (WEB, UNKNOWN),
        (WEB.replace("serviceAccountName: web", "automountServiceAccountToken: false"), PASS),
    ],
)
async def test_accounts(text: str, expected: Status) -> None:
    assert await status("rbac", {"k8s/web.yaml": text}) is expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true, readOnlyRootFilesystem: true", PASS),
        ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", FAIL),
    ],
)
async def test_the_root_alone_where_the_line_asks_for_it(old: str, new: str, expected: Status) -> None:
    stage = Stage(repo={"k8s/web.yaml": WEB.replace(old, new)})
    verdict = await verdict_of("k8s.secctx.declared", stage, subject="Read-only root filesystem")
    assert verdict.status is expected, verdict.summary
    assert "privileges" not in verdict.summary


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Users have roles and permissions (RBAC)", UNKNOWN),
        ("RBAC for admins and users", UNKNOWN),
        ("RBAC: the service account may do little", PASS),
        ("Kubernetes RBAC for the team's workloads", PASS),
        ("RBAC configured", PASS),
    ],
)
async def test_roles_of_people_are_no_matter_of_manifests(subject: str, expected: Status) -> None:
    assert await status("rbac", {"k8s/web.yaml": f"{WEB}---\n{RBAC}"}, subject=subject) is expected


@pytest.mark.parametrize(
    ("text", "subject", "expected"),
    [
        (WEB.replace("{drop: [ALL]}", "{drop: [ALL], add: [SYS_ADMIN, NET_RAW]}"), "", FAIL),
        (WEB.replace("{drop: [ALL]}", "{drop: [ALL], add: [NET_BIND_SERVICE]}"), "", PASS),
        (WEB + "      volumes: [{name: s, hostPath: {path: /var/run/docker.sock}}]\n", "", FAIL),
        (WEB, "Pod Security Standards enforced (restricted)", FAIL),
        (WEB.replace("{runAsNonRoot: true,", "{seccompProfile: {type: Unconfined}, runAsNonRoot: true,"), "", FAIL),
        (
            WEB.replace("{runAsNonRoot: true,", "{seccompProfile: {type: RuntimeDefault}, runAsNonRoot: true,"),
            "Pod Security Standards enforced (restricted)",
            PASS,
        ),
    ],
)
async def test_what_is_given_back_counts(text: str, subject: str, expected: Status) -> None:
    assert await status("secctx", {"k8s/web.yaml": text}, subject=subject) is expected


IN_SHOP = WEB.replace("metadata: {name: web}", "metadata: {name: web, namespace: shop}", 1)


@pytest.mark.parametrize(("place", "expected"), [("shop", PASS), ("legacy", FAIL)])
async def test_guards_of_another_namespace_guard_nothing_here(place: str, expected: Status) -> None:
    for check, text in (("pdb", PDB), ("hpa", HPA)):
        other = text.replace("metadata: {name: web}", f"metadata: {{name: web, namespace: {place}}}")
        assert await status(check, {"k8s/web.yaml": IN_SHOP, "k8s/other.yaml": other}) is expected


TO_ALL = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: wide}
roleRef: {kind: ClusterRole, name: cluster-admin}
subjects: [{kind: Group, name: "system:serviceaccounts:shop"}]
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{RBAC}---\n{TO_ALL}", FAIL),
        (f"{RBAC}---\n{TO_ALL.replace('serviceaccounts:shop', 'serviceaccounts:other')}", PASS),
        (f"{RBAC}---\n{TO_ALL.replace('serviceaccounts:shop', 'authenticated')}", FAIL),
        (RBAC.replace("resources: [configmaps], verbs: [get]", "resources: [secrets], verbs: [get, list]"), FAIL),
        (
            RBAC.replace("resources: [configmaps]", "resources: [secrets], resourceNames: [web]"),
            PASS,
        ),
        (RBAC.replace("resources: [configmaps], verbs: [get]", "resources: [pods], verbs: [create]"), FAIL),
        (RBAC.replace("verbs: [get]", "verbs: [impersonate]"), FAIL),
    ],
)
async def test_rights_by_whatever_way(text: str, expected: Status) -> None:
    assert await status("rbac", {"k8s/web.yaml": IN_SHOP, "k8s/rights.yaml": text}) is expected


PROBES, POLICIES, SEALED, APART = (
    "Liveness and readiness probes configured", "Network policies in place", "Ingress TLS", "Pod anti-affinity"
)  # fmt: skip
OPEN_POLICY = POLICY.replace("[{from: [{podSelector: {matchLabels: {app: proxy}}}]}]", "[{}]")


@pytest.mark.parametrize(
    ("check", "text", "subject", "expected"),
    [
        ("health.endpoint.probes", WEB, PROBES, PASS),
        ("health.endpoint.probes", WEB, "Startup probe configured", FAIL),
        ("health.endpoint.probes", WEB, "Health endpoint answers", UNKNOWN),
        ("health.endpoint.probes", WEB.replace("readinessProbe:", "# readinessProbe:"), "Liveness probes", PASS),
        ("health.endpoint.probes", WEB.replace("/health/live", "/health/ready"), PROBES, FAIL),
        (
            "health.endpoint.probes",
            WEB.replace("livenessProbe: {httpGet: {path: /health/live, port: 8000}}", "livenessProbe: {}"),
            PROBES,
            FAIL,
        ),
        (
            "health.endpoint.probes",
            WEB.replace("{httpGet: {path: /health/live, port: 8000}}", "{exec: {command: [/bin/true]}}"),
            "Liveness probe",
            PASS,
        ),
        (
            "health.endpoint.probes",
            WEB.replace("{httpGet: {path: /health/live, port: 8000}}", "{exec: {command: [sh, -c, exit 0]}}"),
            "Liveness probe",
            FAIL,
        ),
        ("sec.trusted_net.policies", f"{WEB}---\n{POLICY}", POLICIES, PASS),
        ("sec.trusted_net.policies", f"{WEB}---\n{OPEN_POLICY}", POLICIES, FAIL),
        ("sec.trusted_net.policies", f"{WEB}---\n{POLICY.replace('app: web', 'app: other')}", POLICIES, FAIL),
        ("sec.trusted_net.policies", f"{WEB}---\n{POLICY.replace('[Ingress]', '[Egress]')}", POLICIES, FAIL),
        ("sec.trusted_net.policies", f"{WEB}---\n{POLICY}", "Database is not public", UNKNOWN),
        ("sec.trusted_net.policies", POLICY, POLICIES, UNKNOWN),
        ("tls.https.ingress", f"{WEB}---\n{INGRESS}", SEALED, PASS),
        ("tls.https.ingress", f"{WEB}---\n{INGRESS.replace(', secretName: shop-tls', '')}", SEALED, FAIL),
        ("tls.https.ingress", f"{WEB}---\n{INGRESS.replace('[shop.example]', '[*.example]')}", SEALED, UNKNOWN),
        ("tls.https.ingress", WEB, SEALED, UNKNOWN),
        ("k8s.replicas.spread", WEB + SPREAD, APART, PASS),
        ("k8s.replicas.spread", WEB + SPREAD.replace("app: web", "app: other"), APART, FAIL),
        ("k8s.replicas.spread", WEB + SPREAD, "Three replicas", UNKNOWN),
        ("k8s.replicas.spread", WEB + SPREAD, "Topology spread over zones", FAIL),
        (
            "k8s.replicas.spread",
            WEB + SPREAD.replace("kubernetes.io/hostname", "topology.kubernetes.io/zone"),
            "Topology spread over zones",
            PASS,
        ),
        ("k8s.replicas.declared", WEB, "Replicas spread across zones", UNKNOWN),
        ("k8s.hpa.declared", f"{WEB}---\n{HPA}", "Cluster autoscaler configured", UNKNOWN),
    ],
)
async def test_what_stands_around_the_pods(check: str, text: str, subject: str, expected: Status) -> None:
    verdict = await verdict_of(check, Stage(repo={"k8s/web.yaml": text}), subject=subject)
    assert verdict.status is expected, verdict.summary


async def test_what_a_chart_renders_is_not_guessed() -> None:
    files = {"k8s/web.yaml": f"{WEB}---\n{POLICY}", **CHART}
    assert (await verdict_of("sec.trusted_net.policies", Stage(repo=files), subject=POLICIES)).status is UNKNOWN
