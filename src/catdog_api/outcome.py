"""What came of one photograph."""

from dataclasses import dataclass

from catdog_api.decoding import Decoded
from catdog_api.tensors import Look


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one photograph and where its time went.

    Attributes:
        photograph: Its own width, height and format.
        look: What the network says of it, and where in the square it saw it; in the order of the manifest's labels.
        decode_seconds: On a thread.
        queue_seconds: Waiting to be decoded, and then for the model.
        predict_seconds: In the model, with whatever else was in the batch.
        known: When the model had answered, by `time.monotonic`.
    """

    photograph: Decoded
    look: Look
    decode_seconds: float
    queue_seconds: float
    predict_seconds: float
    known: float

    @property
    def look_at_photograph(self) -> Look:
        """The look with maps of the photograph alone, without what the square has beside it."""
        rows, columns, _ = self.photograph.shown.shape
        size = len(self.photograph.image)
        return self.look.within(columns / size, rows / size)

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Its own stages, as the metrics name them."""
        return {"decode": self.decode_seconds, "queue": self.queue_seconds, "predict": self.predict_seconds}
