"""What kustomizations of a tree change: counts, images, and patches that name what they change."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadworthy.inspection.probes import yaml_files
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.yaml_files import NotYaml, at, rows, table

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
PRODUCTION = re.compile(r"(?:^|[/._-])prod(?:uction)?(?:$|[/._-])|(?:^|/)live(?:$|/)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Overlay:
    """What one kustomization changes. `hidden`: kinds ("*" for all) that it changes in a way that is not read."""

    path: str
    patches: tuple[Mapping[str, Any], ...] = ()
    replicas: tuple[tuple[str, int], ...] = ()
    images: tuple[tuple[str, str], ...] = ()
    hidden: frozenset[str] = frozenset()


def overlays(repo: RepoProbe, elsewhere: re.Pattern[str]) -> tuple[Sequence[Overlay], frozenset[str]]:
    """The changes that hold in production, and every file that is a patch, of whichever environment.

    Where several environments are laid over a base and not just one is called production, what they change is hidden.
    """
    everything = [(path, _read(repo, path)) for path in repo.find(*NAMES) if repo.read(path)]
    patches = frozenset(name for path, told in everything for name in _patch_files(path, told))
    changing = [(path, told) for path, told in everything if not elsewhere.search(path)]
    production = [one for one in changing if PRODUCTION.search(posixpath.dirname(one[0]))]
    others = [one for one in changing if _refers(one[1])]
    several = production if len(production) > 1 else others if not production and len(others) > 1 else []
    if several:
        return [Overlay(path, hidden=frozenset({"*"})) for path, told in several if _changes(told)], patches
    chosen = [one for one in changing if one in production or not _refers(one[1])] if production else changing
    return [_overlay(repo, path, told) for path, told in chosen], patches


def apply(overlay: Overlay, kind: str, name: str, declared: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """`declared` as the overlay leaves it, and whether the overlay changes more than that."""
    for patch in overlay.patches:
        if at(patch, "kind") == kind and at(patch, "metadata", "name") == name:
            declared = merged(declared, patch)
    counts = dict(overlay.replicas)
    if name in counts and kind in {"Deployment", "StatefulSet", "ReplicaSet", "Rollout"}:
        declared = merged(declared, {"spec": {"replicas": counts[name]}})
    if overlay.images:
        declared = table(_imaged(declared, dict(overlay.images)))
    return declared, bool(overlay.hidden & {"*", kind})


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `patch` laid over it, lists of named things by their names."""
    whole = dict(base)
    for key, value in patch.items():
        old = whole.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            whole[key] = merged(old, value)
        elif isinstance(old, list) and isinstance(value, list) and _named(old) and _named(value):
            by_name = {one["name"]: one for one in old}
            new = {one["name"]: merged(by_name.get(one["name"], {}), one) for one in value}
            whole[key] = list({**by_name, **new}.values())
        else:
            whole[key] = value
    return whole


def _named(values: Sequence[Any]) -> bool:
    return all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in values)


def _read(repo: RepoProbe, path: str) -> Mapping[str, Any]:
    try:
        return yaml_files.document(repo.read(path))
    except NotYaml:
        return {"patchesJson6902": [{}]}  # changes something, nobody knows what


def _refers(told: Mapping[str, Any]) -> bool:
    """Whether it stands on a folder of another: it is an environment, not a base."""
    named = [*rows(told.get("resources")), *rows(told.get("bases"))]
    return any(isinstance(one, str) and not one.endswith((".yaml", ".yml")) for one in named)


def _changes(told: Mapping[str, Any]) -> bool:
    return bool({"patches", "patchesStrategicMerge", "patchesJson6902", "replicas", "images", "components"} & set(told))


def _patch_files(path: str, told: Mapping[str, Any]) -> Iterator[str]:
    folder = posixpath.dirname(path)
    listed = [*rows(told.get("patchesStrategicMerge")), *(at(one, "path") for one in rows(told.get("patches")))]
    listed += [at(one, "path") for one in rows(told.get("patchesJson6902"))]
    for name in listed:
        if isinstance(name, str) and "\n" not in name:
            yield posixpath.normpath(posixpath.join(folder, name))


def _overlay(repo: RepoProbe, path: str, told: Mapping[str, Any]) -> Overlay:
    patches: list[Mapping[str, Any]] = []
    hidden: set[str] = {"*"} if told.get("components") or told.get("transformers") or told.get("generators") else set()
    hidden |= {str(at(one, "target", "kind") or "*") for one in rows(told.get("patchesJson6902"))}
    for target, text in _patches(repo, path, told):
        try:
            documents = yaml_files.documents(text)
        except NotYaml:
            documents = [None]
        for document in documents:
            if at(document, "kind") and at(document, "metadata", "name"):
                patches.append(table(document))
            else:
                hidden.add(target)
    return Overlay(
        path, tuple(patches),
        tuple((str(at(one, "name")), count) for one in rows(told.get("replicas"))
              if isinstance(count := at(one, "count"), int)),
        tuple(_image(one) for one in rows(told.get("images"))),
        frozenset(hidden),
    )  # fmt: skip


def _patches(repo: RepoProbe, path: str, told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    folder = posixpath.dirname(path)
    entries = [("*", one) for one in rows(told.get("patchesStrategicMerge"))]
    entries += [
        (str(at(one, "target", "kind") or "*"), at(one, "path") or at(one, "patch"))
        for one in rows(told.get("patches"))
    ]
    for target, value in entries:
        if isinstance(value, str):
            inline = "\n" in value or ":" in value
            yield target, value if inline else repo.read(posixpath.normpath(posixpath.join(folder, value)))


def _image(told: Any) -> tuple[str, str]:
    name = str(at(told, "newName") or at(told, "name") or "")
    tag, digest = at(told, "newTag"), at(told, "digest")
    return str(at(told, "name") or ""), f"{name}@{digest}" if digest else f"{name}:{tag}" if tag is not None else name


def _imaged(value: Any, images: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _replaced(inner, images) if key == "image" else _imaged(inner, images) for key, inner in value.items()
        }
    return [_imaged(one, images) for one in value] if isinstance(value, list) else value


def _replaced(image: Any, images: Mapping[str, str]) -> Any:
    if not isinstance(image, str):
        return image
    name = re.sub(r"(?::[\w.-]+)?(?:@sha256:\w+)?$", "", image)
    if name not in images:
        return image
    new = images[name]
    return new if re.search(r":[\w.-]+$|@", new.rpartition("/")[2]) else new + image[len(name) :]
