"""The wire contract: what goes over HTTP as JSON, with an example on every model."""

from collections.abc import Sequence
from typing import Annotated, Any, Self, cast

from pydantic import BaseModel, ConfigDict, Field

from catdog_api.artifact import Manifest
from catdog_api.decoding import Decoded
from catdog_api.labels import by_label, decide
from catdog_api.tensors import Look, Probabilities


def _example(model: type[BaseModel]) -> dict[str, Any]:
    return cast("dict[str, dict[str, Any]]", model.model_config["json_schema_extra"])["example"]


Probability = Annotated[float, Field(ge=0, le=1)]


class PhotographInfo(BaseModel):
    """What the service saw of the file."""

    model_config = ConfigDict(json_schema_extra={"example": {"width": 500, "height": 375, "format": "JPEG"}})

    width: int = Field(description="Of the photograph as a person sees it, after EXIF orientation, pixels.")
    height: int = Field(description="Likewise.")
    format: str = Field(description="JPEG, PNG, WEBP, GIF, BMP, AVIF, TIFF or HEIF.")


class ModelName(BaseModel):
    """Which model answered."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "catdog", "version": "2.1.0"}})

    name: str
    version: str


class Prediction(BaseModel):
    """The answer to one photograph."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "label": "cat",
                "probabilities": {"cat": 0.97, "dog": 0.02, "neither": 0.01},
                "image": {"width": 500, "height": 375, "format": "JPEG"},
                "model": {"name": "catdog", "version": "2.1.0"},
            }
        }
    )

    label: str = Field(description="The label with the highest probability.")
    probabilities: dict[str, Probability] = Field(description="Calibrated, one for each label; they sum to 1.")
    image: PhotographInfo
    model: ModelName

    @classmethod
    def of(cls, manifest: Manifest, photograph: Decoded, probabilities: Probabilities) -> Self:
        """Pack an answer.

        Args:
            manifest: Of the model that answered.
            photograph: What was decoded.
            probabilities: float32 (labels,), calibrated, in the order of the manifest's labels.
        """
        return cls(
            label=decide(manifest.labels, probabilities),
            probabilities=by_label(manifest.labels, probabilities),
            image=PhotographInfo(width=photograph.width, height=photograph.height, format=photograph.format),
            model=ModelName(name=manifest.name, version=manifest.version),
        )


class ModelInfo(BaseModel):
    """What the served model is, and how good it was on photographs it had never seen."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "catdog",
                "version": "2.1.0",
                "labels": ["cat", "dog", "neither"],
                "input_size": 152,
                "sha256": "a6160e51b24ecbc5ef87b40892896483489c39cfe48de60488f1c6c0649bde44",
                "parameters": 1_714_419,
                "multiply_adds": 357_435_072,
                "temperature": 0.5219,
                "precision": "float32",
                "figures": {"accuracy": {"value": 0.9659, "n": 4453, "interval": [0.9601, 0.9708]}},
            }
        }
    )

    name: str
    version: str
    labels: list[str] = Field(description="In the order of the network's outputs.")
    input_size: int = Field(description="Height and width to which a photograph is brought, pixels.")
    sha256: str = Field(description="Of the model file.")
    parameters: int = Field(description="Numbers in the network.")
    multiply_adds: int = Field(description="For one photograph.")
    temperature: float = Field(description="By which logits are divided before the softmax.")
    precision: str = Field(description="In what its convolutions compute here: float32 or bfloat16.")
    figures: dict[str, Any] = Field(description="Measured on held-out photographs, with n and 95 % interval.")


class Health(BaseModel):
    """Whether the service lives, or is ready to answer."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "ok"}})

    status: str


class Problem(BaseModel):
    """What went wrong, as RFC 9457 (Problem Details for HTTP APIs) says it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "/problems/not-an-image",
                "title": "Not an image",
                "status": 415,
                "detail": "The 1024 bytes received are not an image.",
            }
        }
    )

    type: str = Field(description="Names the kind of problem; the same for every occurrence.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status, once more.")
    detail: str = Field(description="What was received, and what was expected.")


class OfFile(BaseModel):
    """Which photograph of many."""

    file: str = Field(description="Its name, as it was sent.")


class FilePrediction(Prediction, OfFile):  # in this order the field of the last stands first
    """The answer to one photograph of many."""

    model_config = ConfigDict(json_schema_extra={"example": {"file": "chelsea.jpg", **_example(Prediction)}})


class FileProblem(OfFile):
    """Why one photograph of many has no answer."""

    model_config = ConfigDict(json_schema_extra={"example": {"file": "notes.txt", "problem": _example(Problem)}})

    problem: Problem


class BatchPrediction(BaseModel):
    """The answers to many photographs."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"answers": [_example(FilePrediction), _example(FileProblem)]}}
    )

    answers: list[FilePrediction | FileProblem] = Field(description="In the order of the files.")


class Explanation(BaseModel):
    """Where the network saw a label, and how much."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "label": "cat",
                "grid": [[0.2, 0.1, -0.3, -0.4], [1.9, 6.8, 3.2, -0.2], [2.5, 7.7, 4.1, -0.1], [0.3, 1.2, 0.8, -0.6]],
                "bias": 0.07,
                "logit": 1.77,
                "prediction": _example(Prediction),
            }
        }
    )

    label: str = Field(description="Whose evidence it is.")
    grid: list[list[float]] = Field(
        description="Rows from top to bottom, over the whole photograph; above 0 speaks for the label, below against."
    )
    bias: float = Field(description="What the logit has besides.")
    logit: float = Field(description="The mean of the grid plus the bias: what goes into the softmax for this label.")
    prediction: Prediction

    @classmethod
    def of(cls, labels: Sequence[str], look: Look, label: str, prediction: Prediction) -> Self:
        """Pack an explanation.

        Args:
            labels: In the manifest's order.
            look: What the network said.
            label: Whose evidence to pack; one of the labels.
            prediction: Of the same photograph.
        """
        index = labels.index(label)
        grid, bias = look.maps[..., index], float(look.biases[index])
        return cls(label=label, grid=grid.tolist(), bias=bias, logit=float(grid.mean()) + bias, prediction=prediction)
