"""What a browser may do with what it is shown, and what pages elsewhere may do with the service."""

import pytest

from tests.conftest import Serve

KILOBYTE = 1024


@pytest.mark.parametrize("path", ["/", "/app.js", "/style.css", "/docs", "/docs/swagger-ui-bundle.js"])
async def test_what_a_browser_is_shown_may_run_nothing_but_itself(serve: Serve, path: str) -> None:
    client = await serve()
    response = await client.get(path)
    assert response.headers["content-security-policy"] == (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert response.headers["x-content-type-options"] == "nosniff"
    again = await client.get(path, headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304


async def test_pages_elsewhere_may_call_only_when_their_origin_is_named(serve: Serve) -> None:
    origin = {"Origin": "https://shelter.example"}
    closed = await (await serve()).get("/model", headers=origin)
    opened = await (await serve(cors_origins="https://shelter.example")).get("/model", headers=origin)
    assert "access-control-allow-origin" not in closed.headers
    assert opened.headers["access-control-allow-origin"] == "https://shelter.example"


@pytest.mark.parametrize("size", [10, 64 * KILOBYTE], ids=["not-an-image", "too-many-bytes"])
async def test_a_page_elsewhere_can_read_why_it_was_refused(serve: Serve, size: int) -> None:
    client = await serve(cors_origins="https://shelter.example", max_upload_bytes=32 * KILOBYTE)
    origin = {"Origin": "https://shelter.example"}
    response = await client.post("/predict", files={"file": bytes(size)}, headers=origin)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["access-control-allow-origin"] == "https://shelter.example"


async def test_a_preflight_that_is_refused_is_told_so_as_a_problem(serve: Serve) -> None:
    client = await serve(cors_origins="https://elsewhere.test")
    headers = {"Origin": "https://nowhere.test", "Access-Control-Request-Method": "POST"}
    refused = await client.options("/predict", headers=headers)
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
    assert refused.json()["detail"] == "A page of that origin may not ask for this."
    assert "access-control-allow-origin" not in refused.headers
