"""What `kubectl kustomize` would print, for the few features of it that the manifests use.

Covered: `resources` (files of one or more objects, and folders), `components`, `namespace`, and `images` with `newName`
and `newTag`, for containers wherever they stand in an object. Anything else in a kustomization is refused, so that this
cannot silently know less than the manifests say. Where there is a kubectl, a test holds this to what it prints.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1] / "deploy" / "kubernetes"
KUSTOMIZATIONS = sorted(path.parent for path in ROOT.rglob("kustomization.yaml"))
BUILDS = {folder.name: folder for folder in KUSTOMIZATIONS if folder.parent.name != "components"}
"""What can be applied, by the names of the folders; a component cannot be by itself."""

COVERED = {"apiVersion", "kind", "resources", "components", "namespace", "images"}
CLUSTER_WIDE = {"Namespace"}


def build(folder: Path) -> list[Object]:
    """Return the objects of a kustomization, in the order in which it names them.

    Raises:
        ValueError: It asks for what is not covered here.
    """
    kustomization = load(folder / "kustomization.yaml")[0]
    if unknown := kustomization.keys() - COVERED:
        raise ValueError(f"{folder.name}: {sorted(unknown)} is not covered")
    objects = [
        found
        for name in [*kustomization.get("resources", []), *kustomization.get("components", [])]
        for found in (build(folder / name) if (folder / name).is_dir() else load(folder / name))
    ]
    for found in objects:
        if "namespace" in kustomization and found["kind"] not in CLUSTER_WIDE:
            found["metadata"]["namespace"] = kustomization["namespace"]
        for image in kustomization.get("images", []):
            if image.keys() != {"name", "newName", "newTag"}:
                raise ValueError(f"{folder.name}: {sorted(image)} of an image is not covered")
            for container in containers(found):
                if container["image"] == image["name"]:
                    container["image"] = f"{image['newName']}:{image['newTag']}"
    return objects


def load(path: Path) -> list[Object]:
    """Return the objects of a file."""
    return [found for found in yaml.safe_load_all(path.read_text(encoding="utf-8")) if found]


def of_kind(objects: list[Object], kind: str) -> Object:
    """Return the one object of a kind."""
    (found,) = [found for found in objects if found["kind"] == kind]
    return found


def containers(tree: object) -> Iterator[Object]:
    """Yield the containers wherever they stand in an object."""
    if isinstance(tree, dict):
        yield from tree.get("containers", [])
        for branch in tree.values():
            yield from containers(branch)
    elif isinstance(tree, list):
        for branch in tree:
            yield from containers(branch)
