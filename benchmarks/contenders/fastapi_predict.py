"""FastAPI with `model.predict` in an async endpoint, as tutorials have it."""

from typing import Any

import uvicorn
from fastapi import FastAPI, UploadFile

from benchmarks.contenders import knobs, plain


def create_app() -> FastAPI:
    """Load the model and build the application."""
    app = FastAPI()
    model = plain.load()

    @app.post("/predict")
    async def predict(file: UploadFile) -> dict[str, Any]:
        image = plain.read(await file.read())
        return plain.answer(model.predict(image, verbose=0))

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(), host=knobs.HOST, port=knobs.port(), log_level="warning")
