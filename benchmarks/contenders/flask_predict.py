"""The earlier way, faithfully: Flask, one threaded process, full decode, `model.predict` on one image."""

from typing import Any

from flask import Flask, request

from benchmarks.contenders import knobs, plain


def create_app() -> Flask:
    """Load the model and build the application."""
    app = Flask(__name__)
    model = plain.load()

    @app.post("/predict")
    def predict() -> dict[str, Any]:
        image = plain.read(request.files["file"].read())
        return plain.answer(model.predict(image, verbose=0))

    return app


if __name__ == "__main__":
    create_app().run(knobs.HOST, knobs.port(), threaded=True)
