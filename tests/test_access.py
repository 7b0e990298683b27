"""Who may ask, and how often: `CATDOG_API_KEYS` and `CATDOG_RATE_LIMIT`, seen from outside."""

from typing import Any

import httpx
import pytest
from PIL import Image

from catdog_api.access import MAX_CALLERS, RateLimit
from catdog_api.errors import SettingsError
from catdog_api.settings import read_settings
from tests.conftest import Serve
from tests.images import RED, encode
from tests.serving import ServeAndAsk

OLD, NEW = "0123456789abcdef", "fedcba9876543210"
PHOTOGRAPH = {"file": encode(Image.new("RGB", (40, 30), RED), "PNG")}


async def ask(client: httpx.AsyncClient, path: str, key: str | None = None) -> httpx.Response:
    """Send what the path wants, with a key or without."""
    headers = {} if key is None else {"X-API-Key": key}
    if path == "/predict":
        return await client.post(path, files=PHOTOGRAPH, headers=headers)
    return await client.get(path, headers=headers)


@pytest.mark.parametrize("path", ["/predict", "/model"])
async def test_any_of_the_keys_opens_what_is_guarded(path: str, serve: Serve) -> None:
    client = await serve(api_keys=f"{OLD}, {NEW}")
    assert [(await ask(client, path, key)).status_code for key in (OLD, NEW)] == [200, 200]


@pytest.mark.parametrize("path", ["/predict", "/model"])
@pytest.mark.parametrize("key", [None, "", OLD[:-1], OLD + "0", NEW + OLD, f"{OLD}, {NEW}", "clé-clé-clé-clé-clé"])
async def test_no_key_or_a_wrong_one_is_a_401_that_says_what_is_asked_for(
    path: str, key: str | None, serve: Serve
) -> None:
    client = await serve(api_keys=OLD)
    headers: Any = [] if key is None else [(b"x-api-key", key.encode())]
    response = await client.request("POST" if path == "/predict" else "GET", path, headers=headers)
    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"] == "ApiKey"
    assert response.json()["type"] == "/problems/unauthorized"
    assert "X-API-Key" in response.json()["detail"]
    assert OLD not in response.text


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/health/live", "/health/ready", "/metrics", "/app.js"]
)
async def test_page_explorer_health_and_metrics_stay_open(path: str, serve: Serve) -> None:
    client = await serve(api_keys=OLD, rate_limit=1)
    assert [(await ask(client, path)).status_code for _ in range(3)] == [200, 200, 200]


async def test_the_document_asks_for_a_key_where_the_service_does(serve: Serve) -> None:
    guarded = (await (await serve(api_keys=OLD, rate_limit=9)).get("/openapi.json")).json()
    scheme = guarded["components"]["securitySchemes"]["APIKeyHeader"]
    assert (scheme["in"], scheme["name"]) == ("header", "X-API-Key")
    assert guarded["paths"]["/predict"]["post"]["security"] == [{"APIKeyHeader": []}]
    assert {"401", "429"} <= set(guarded["paths"]["/model"]["get"]["responses"])
    assert "security" not in guarded["paths"]["/health/live"]["get"]
    text = (await (await serve()).get("/openapi.json")).text
    assert "APIKeyHeader" not in text
    assert "too-many-requests" not in text


async def test_one_request_too_many_is_a_429_that_says_when_to_come_again(serve: Serve) -> None:
    client = await serve(rate_limit=3)
    assert [(await ask(client, "/predict")).status_code for _ in range(3)] == [200, 200, 200]
    refused = await ask(client, "/predict")
    assert refused.status_code == 429
    assert refused.json()["type"] == "/problems/too-many-requests"
    assert refused.json()["detail"] == "At most 3 requests a minute are taken from one caller."
    assert 18 <= int(refused.headers["Retry-After"]) <= 20


async def test_each_key_has_its_own_rate_and_a_wrong_one_costs_none(serve: Serve) -> None:
    client = await serve(api_keys=f"{OLD},{NEW}", rate_limit=1)
    keys = ("0" * 16, OLD, OLD, NEW, NEW)
    assert [(await ask(client, "/model", key)).status_code for key in keys] == [401, 200, 429, 200, 429]


@pytest.mark.parametrize("keys", ["short", f"{OLD},short", "sixteen\tand more characters", "schlüssel-schlüssel"])
def test_a_key_that_can_be_guessed_or_not_be_sent_stops_the_start_and_is_not_repeated(keys: str) -> None:
    with pytest.raises(SettingsError, match="CATDOG_API_KEYS: a key has at least 16 characters") as refusal:
        read_settings({"api_keys": keys})
    assert keys not in str(refusal.value)


def test_keys_are_not_shown_where_settings_are() -> None:
    assert OLD not in repr(read_settings({"api_keys": OLD}))


def test_an_address_is_that_of_the_connection_and_not_one_that_a_header_names(serve_and_ask: ServeAndAsk) -> None:
    asked: list[int] = []

    def ask(url: str) -> None:
        for number in range(3):
            headers = {"X-Forwarded-For": f"192.0.2.{number}"}
            asked.append(httpx.get(f"{url}/model", headers=headers, trust_env=False).status_code)

    serve_and_ask(ask, "--rate-limit", "2")
    assert asked == [200, 200, 429]


def test_a_minute_gives_back_a_minutes_requests_evenly() -> None:
    limit = RateLimit(4)
    assert [limit.take("a", 100.0) for _ in range(5)] == [0, 0, 0, 0, pytest.approx(15)]
    assert limit.take("b", 100.0) == 0
    assert limit.take("a", 114.0) == pytest.approx(1)
    assert limit.take("a", 115.0) == 0
    assert limit.take("a", 115.0) == pytest.approx(15)
    assert [limit.take("a", 1000.0) for _ in range(5)] == [0, 0, 0, 0, pytest.approx(15)]


def test_callers_are_forgotten_before_they_fill_the_memory_the_quietest_first() -> None:
    limit = RateLimit(1)
    limit.take("quiet", 0.0)
    limit.take("loud", 0.0)
    for number in range(MAX_CALLERS - 1):
        limit.take(f"caller {number}", 0.0)
    assert limit.take("loud", 0.0) > 0
    assert limit.take("quiet", 0.0) == 0
