"""The network in other runtimes, from Keras's own export, as the limit takes a classifier.

    python -m benchmarks.contenders.runtimes NAME FOLDER SECONDS

prints one line of JSON. The photographs in FOLDER are decoded and predicted by two callers with a core each, in
batches, and then by one caller alone, one at a time; each call of the network has one thread.
"""

import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.contenders import knobs, ours
from benchmarks.figures import CORES
from benchmarks.handover import hand_over
from benchmarks.limit import latency, throughput
from catdog_api.artifact import Manifest, read_manifest
from catdog_api.classifier import load
from catdog_api.labels import softmax
from catdog_api.tensors import Images, Logits, Probabilities

BATCH = 8  # the service's largest

Network = Callable[[Images], Logits]


class Runtime:
    """A network in some runtime, as the limit takes a classifier. `predict` may be called by several threads.

    Attributes:
        manifest: What the network is.
    """

    def __init__(self, manifest: Manifest, network: Network) -> None:
        self.manifest = manifest
        self._network = network

    def predict(self, images: Images) -> Probabilities:
        """Predict a batch.

        Args:
            images: uint8 (N, size, size, 3), RGB in [0, 255].

        Returns:
            float32 (N, labels), calibrated.
        """
        return softmax(self._network(images), self.manifest.temperature)


def _keras(_: Path, precision: str) -> Network:
    return load(knobs.model(), precision).logits


def _onnx_runtime(folder: Path, _: str) -> Network:
    import onnxruntime  # noqa: PLC0415  # each runtime is alone in its process, with Keras that exports

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(_exported("onnx", folder / "model.onnx"), options)
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})[0]


def _openvino(folder: Path, precision: str) -> Network:
    import openvino  # noqa: PLC0415

    settings = {
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": CORES,
        "NUM_STREAMS": CORES,
    }
    compiled = openvino.Core().compile_model(_exported("openvino", folder / "model.xml"), "CPU", settings)
    own = threading.local()

    def network(images: Images) -> Logits:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        return own.request.infer([images])[0].copy()  # type: ignore[no-any-return]

    return network


def _litert(folder: Path, _: str) -> Network:
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415

    path = _exported("litert", folder / "model.tflite")
    own = threading.local()

    def network(images: Images) -> Logits:
        if not hasattr(own, "interpreter"):
            own.interpreter = Interpreter(path, num_threads=1)
            own.source = own.interpreter.get_input_details()[0]["index"]
            own.interpreter.allocate_tensors()
        if own.interpreter.get_input_details()[0]["shape"][0] != len(images):
            own.interpreter.resize_tensor_input(own.source, images.shape)
            own.interpreter.allocate_tensors()
        own.interpreter.set_tensor(own.source, images)
        own.interpreter.invoke()
        return own.interpreter.get_tensor(own.interpreter.get_output_details()[0]["index"])  # type: ignore[no-any-return]

    return network


BUILDERS: dict[str, Callable[[Path, str], Network]] = {
    "Keras": _keras,
    "ONNX Runtime": _onnx_runtime,
    "OpenVINO": _openvino,
    "LiteRT": _litert,
}


def _exported(form: str, path: Path) -> str:
    network = keras.models.load_model(knobs.model(), compile=False)
    network(np.zeros((1, *network.input_shape[1:]), np.uint8))  # tf2onnx wants one that was called
    network.export(str(path), format=form, verbose=False)  # OpenVINO's takes no `Path`
    return str(path)


def measure(name: str, photographs: Sequence[Path], seconds: float) -> dict[str, Any]:
    """Measure one runtime, in this process.

    Args:
        name: As `registry.RUNTIMES` has it.
        photographs: JPEGs.
        seconds: For how long with two callers; half of that with one, of whose times a median is enough.

    Returns:
        Images, seconds and CPU seconds of two callers as for the limit; `alone_ms`, the median of one caller's decode
        and predict, one photograph at a time; the largest `difference` of a probability from Keras's in
        float32 over the photographs, and for how many of them the label is another.
    """
    manifest = read_manifest(knobs.model())
    files = [path.read_bytes() for path in photographs]
    runtime_name, _, precision = name.partition(", ")
    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(manifest, BUILDERS[runtime_name](Path(folder), precision))
        found: dict[str, Any] = throughput(files, seconds, CORES, BATCH, runtime)
        found["alone_ms"] = latency(files, seconds / 2, runtime)
        images = np.stack([ours.read(data, manifest) for data in files])
        answers = runtime.predict(images)
    exact = Runtime(manifest, _keras(Path(), "float32")).predict(images)
    others = int(np.sum(answers.argmax(axis=1) != exact.argmax(axis=1)))
    return {**found, "difference": float(np.abs(answers - exact).max()), "other_labels": others}


if __name__ == "__main__":
    _, given, source, duration = sys.argv
    hand_over(measure(given, sorted(Path(source).glob("*.jpg")), float(duration)))
