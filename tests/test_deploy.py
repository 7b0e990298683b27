"""What lies in deploy/ against a running app: every series and every reason that it asks for exists."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from catdog_api.app import create_app
from catdog_api.metrics import OTHER
from catdog_api.problems import KINDS
from catdog_api.settings import Settings
from tests.conftest import Serve
from tests.images import RED, encode

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "catdog-api.json").read_text(encoding="utf-8"))
ALERTS = (DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
RULES = ALERTS.split("      - alert: ")[1:]

QUERIES = [
    *[target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]],
    *[variable["definition"] for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"],
]
SERIES = r"catdog_\w+|process_\w+" if sys.platform == "linux" else r"catdog_\w+"  # the process is read from /proc


@pytest.mark.parametrize("text", [pytest.param("\n".join(QUERIES), id="dashboard"), pytest.param(ALERTS, id="alerts")])
async def test_every_series_that_is_asked_for_exists(serve: Serve, text: str) -> None:
    client = await serve()
    await client.post("/predict", files={"file": encode(Image.new("RGB", (40, 30), RED), "JPEG")})
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    served = {sample.name for family in families for sample in family.samples}
    asked = set(re.findall(SERIES, text))
    assert len(asked) > 5
    assert asked - served == set()


def test_every_reason_that_is_asked_for_is_the_name_of_a_problem() -> None:
    asked = {reason for reasons in re.findall(r'reason=~?"([^"]+)"', ALERTS) for reason in reasons.split("|")}
    assert asked
    assert asked <= {kind.name for kind in KINDS.values()}


def test_every_route_that_is_asked_for_by_its_name_is_one_of_the_app() -> None:
    asked = set(re.findall(r'route="(/[^"]*)"', "\n".join([*QUERIES, ALERTS])))
    assert asked
    assert asked <= {route.path for route in iter_route_contexts(create_app(Settings()).routes)}


def test_every_setting_that_is_named_is_one_of_the_service() -> None:
    texts = [path.read_text(encoding="utf-8") for path in DEPLOY.rglob("*.*") if path.suffix in {".md", ".py", ".yaml"}]
    named = set(re.findall(r"CATDOG_[A-Z_]+", "".join(texts)))
    assert (
        {"CATDOG_CORE_LIMIT", "CATDOG_QUEUE_LIMIT"}
        <= named
        <= {f"CATDOG_{name.upper()}" for name in Settings.model_fields}
    )


def matches(selector: str, labels: dict[str, str]) -> bool:
    """Say whether a selector of Prometheus finds a series; what it asks of other labels than these is passed over."""
    for name, operator, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', selector):
        found = bool(re.fullmatch(value, labels.get(name, ""))) if operator == "=~" else labels.get(name) == value
        if name in labels and found == (operator == "!="):
            return False
    return True


def test_the_alerts_hear_of_every_route_that_answers_photographs_and_of_no_stranger() -> None:
    routes = [
        route.path
        for route in iter_route_contexts(create_app(Settings()).routes)
        if route.path and "POST" in (route.methods or ())
    ]
    selectors = re.findall(r"catdog_requests_total\{(.*?)\}", ALERTS)
    assert "/v2/models/{model}/infer" in routes
    assert len(selectors) > 3
    for selector in selectors:
        assert [route for route in routes if not matches(selector, {"route": route, "method": "POST"})] == []
        assert not matches(selector, {"route": OTHER, "method": "POST"})
        assert not matches(selector, {"route": "/health/ready", "method": "GET"})


def test_the_dashboard_names_no_data_source_of_its_author() -> None:
    sources = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]}
    sources |= {target["datasource"]["uid"] for panel in DASHBOARD["panels"] for target in panel["targets"]}
    assert sources == {"${datasource}"}


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    cells = [
        (column, row)
        for grid in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for column in range(grid["x"], grid["x"] + grid["w"])
        for row in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(cells) == len(set(cells))
    assert {column for column, _ in cells} == set(range(24))  # Grafana's grid


@pytest.mark.parametrize("rule", RULES, ids=[rule.split("\n")[0] for rule in RULES])
def test_every_alert_says_when_how_bad_and_what_to_do(rule: str) -> None:
    lines = [line for line in rule.split("\n")[1:] if line]
    fields = [line.split(":")[0].strip() for line in lines if re.match(r" {8,10}\w+:", line)]
    assert fields == ["expr", "for", "labels", "severity", "annotations", "summary", "description"]
    assert re.search(r"^ {8}for: \d+[mh]$", rule, re.MULTILINE)
    assert re.search(r"^ {10}severity: (page|ticket)$", rule, re.MULTILINE)
    for text in re.findall(r"^ {10}(?:summary|description): (.*)$", rule, re.MULTILINE):
        assert re.fullmatch(r'"[^"\\]+"', text)  # a brace at the start of bare YAML would be a mapping


def test_the_alerts_are_one_group_with_a_name_for_each() -> None:
    assert re.findall(r"^\S.*", re.sub(r"^#.*\n", "", ALERTS, flags=re.MULTILINE), re.MULTILINE) == ["groups:"]
    names = [rule.split("\n")[0] for rule in RULES]
    assert len(names) == len(set(names)) > 5
    assert "\t" not in ALERTS


def test_memory_must_grow_by_more_than_the_soak_test_can_tell_from_none() -> None:
    """By a line through hours, so that one large photograph is none; and soon enough to leave days to the limit."""
    ((hours, least),) = re.findall(r"deriv\(process_resident_memory_bytes\S+\[(\d+)h\]\) \* 3600 > (\S+)", ALERTS)
    soak = json.loads((DEPLOY.parent / "benchmarks" / "results" / "soak.json").read_text(encoding="utf-8"))["soak"]
    unsure = (soak["slope_megabytes_a_minute"] + soak["slope_margin_99_percent"]) * 60 * 10**6
    assert int(hours) >= 6
    assert unsure < float(least) <= 20e6  # half a gigabyte a day
