from __future__ import annotations

from pathlib import Path

import pytest

from roadworthy.inspection.discovery import tree


def planted(root: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("texts", "name", "port"),
    [
        ({"requirements.txt": "Django==5.1\ngunicorn\n", "manage.py": ""}, "Django", 8000),
        ({"backend/requirements/base.txt": "flask>=3\n"}, "Flask", 5000),
        ({"pyproject.toml": '[project]\ndependencies = ["fastapi>=0.1"]\n'}, "FastAPI", 8000),
        ({"package.json": '{"dependencies": {"express": "4"}}'}, "Express", 3000),
        ({"package.json": '{"dependencies": {"@nestjs/core": "10", "express": "4"}}'}, "NestJS", 3000),
        ({"package.json": "{}"}, "Node", 3000),
        ({"Gemfile": "source 'https://rubygems.org'\ngem 'rails', '~> 7'\n"}, "Rails", 3000),
        ({"go.mod": "module shop\nrequire github.com/gin-gonic/gin v1.9.0\n"}, "Gin", 8080),
        ({"go.mod": "module shop\n"}, "Go", 8080),
        ({"services/api/Dockerfile": "FROM scratch\n"}, "a Dockerfile", 8080),
    ],
)
def test_a_stack_is_known_by_what_its_manifests_name(
    tmp_path: Path, texts: dict[str, str], name: str, port: int
) -> None:
    stack = tree.read(planted(tmp_path, texts)).stack
    assert stack is not None
    assert (stack.name, stack.port) == (name, port)
    assert stack.because


def test_a_folder_of_documents_is_no_service(tmp_path: Path) -> None:
    planted(tmp_path, {"README.md": "", "notes/CHECKLIST.md": ""})
    assert tree.read(tmp_path).stack is None
    assert not tree.is_service(tmp_path)


def test_the_env_file_in_use_is_the_nearest_and_an_example_is_none(tmp_path: Path) -> None:
    planted(tmp_path, {".env.example": "A=1\n", "backend/.env": "B=2\n", "backend/.env.production": "C=3\n"})
    found = tree.read(tmp_path)
    assert (found.env_file, dict(found.variables), found.examples) == ("backend/.env", {"B": "2"}, [".env.example"])


def test_compose_services_and_their_ports(tmp_path: Path) -> None:
    text = """
services:
  db: {image: postgres:16, ports: ["127.0.0.1:5433:5432"]}
  web:
    build: .
    ports: ["${PORT:-8080}:8000", 9000, {published: 8443, target: 443}]
  worker: {build: .}
"""
    planted(tmp_path, {"docker-compose.yml": text, "compose.broken.yaml": "services: [\n"})
    found = {one.name: one.ports for one in tree.read(tmp_path).compose}
    assert found == {"db": ((5433, 5432),), "web": ((8080, 8000), (8443, 443)), "worker": ()}


def test_files_that_belong_to_the_service(tmp_path: Path) -> None:
    planted(
        tmp_path,
        {
            "deploy/nginx/site.conf": "server { listen 80; }",
            "deploy/nginx/mime.types": "types {}",
            "k8s/api.yaml": "apiVersion: apps/v1\nkind: Deployment\n",
            "k8s/map.yaml": "kind: ConfigMap\n",
            "docs/LAUNCH.md": "",
            "PRODUCTION_CHECKLIST.md": "",
            "log/production.log": "",
        },
    )
    found = tree.read(tmp_path)
    assert (found.nginx, found.kubernetes) == (["deploy/nginx/site.conf"], ["k8s/api.yaml"])
    assert (found.checklists, found.logs) == (["PRODUCTION_CHECKLIST.md", "docs/LAUNCH.md"], "log")
