"""The model artifact on disk: one `.keras` file and, beside it, the manifest that says what it is."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from catdog_api.errors import ArtifactError


@dataclass(frozen=True)
class Manifest:
    """What a model file is. Immutable; written by training, read at the start of the service.

    Attributes:
        name: Of the model, as answers carry it.
        version: Of the model, as answers carry it.
        labels: In the order of the network's outputs.
        input_size: Height and width that the network takes, pixels.
        sha256: Of the model file, 64 hexadecimal digits.
        temperature: By which logits are divided before the softmax.
        parameters: Trained numbers in the network.
        multiply_adds: For one image.
        figures: What evaluation measured on held-out photographs, each with its n and 95 % interval.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    input_size: int
    sha256: str
    temperature: float = 1.0
    parameters: int = 0
    multiply_adds: int = 0
    figures: dict[str, Any] = field(default_factory=dict)


def manifest_path(model: Path) -> Path:
    """Return where the manifest of a model file lies: beside it, with `.json` for `.keras`."""
    return model.with_suffix(".json")


def read_manifest(model: Path) -> Manifest:
    """Read the manifest of a model file.

    Raises:
        ArtifactError: It is missing, no JSON, or does not describe a model.
    """
    path = manifest_path(model)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(fields["labels"], list):
            raise TypeError("labels")  # noqa: TRY301  # a string would pass for a tuple of letters
        manifest = Manifest(**{**fields, "labels": tuple(fields["labels"])})
    except FileNotFoundError as error:
        raise ArtifactError(f"The manifest {path} is missing.") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"The manifest {path} does not describe a model: {error!r}.") from error
    _check(manifest, path)
    return manifest


def write_manifest(manifest: Manifest, model: Path) -> None:
    """Write the manifest beside its model file."""
    text = json.dumps(asdict(manifest), indent=2, ensure_ascii=False)
    manifest_path(model).write_text(text + "\n", encoding="utf-8")


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify(model: Path, manifest: Manifest) -> None:
    """Check that a model file is the one that its manifest describes.

    Raises:
        ArtifactError: It is missing, or its SHA-256 is another.
    """
    try:
        found = file_sha256(model)
    except OSError as error:
        raise ArtifactError(f"The model {model} cannot be read: {error.strerror}.") from error
    if found != manifest.sha256:
        raise ArtifactError(
            f"The model {model} has the SHA-256 {found}, but its manifest says {manifest.sha256}: "
            "it is truncated, or not the one that the manifest describes."
        )


def _check(manifest: Manifest, path: Path) -> None:
    """Refuse what would fail later, in an answer: a field of another type, or a value that makes no sense."""
    labels = manifest.labels
    requirements = {
        "name": isinstance(manifest.name, str),
        "version": isinstance(manifest.version, str),
        "labels": all(isinstance(label, str) and label for label in labels) and 1 < len(set(labels)) == len(labels),
        "input_size": isinstance(manifest.input_size, int) and manifest.input_size > 0,
        "sha256": isinstance(manifest.sha256, str),
        "temperature": isinstance(manifest.temperature, int | float) and 0 < manifest.temperature < math.inf,
        "parameters": isinstance(manifest.parameters, int),
        "multiply_adds": isinstance(manifest.multiply_adds, int),
        "figures": isinstance(manifest.figures, dict),
    }
    if wrong := [f"{name} {getattr(manifest, name)!r}" for name, holds in requirements.items() if not holds]:
        raise ArtifactError(f"The manifest {path} makes no sense: {', '.join(wrong)}.")
