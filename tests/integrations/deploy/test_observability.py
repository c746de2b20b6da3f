"""Dashboards and alerts ask for metrics and labels that the code has, and for nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from opentelemetry.metrics import NoOpMeter

from bartizan.guard import semconv
from bartizan.guard.instruments import Instruments
from bartizan.integrations.sidecar import observing
from bartizan.integrations.sidecar.reload import METRIC_RELOADS
from bartizan.integrations.telemetry import Counted
from bartizan.integrations.telemetry.families import LEVELS, labels_of, name_of

WATCHING = Path(__file__).resolve().parents[3] / "integrations" / "deploy" / "observability"
ALERTS: dict[str, Any] = yaml.safe_load((WATCHING / "alerts.yml").read_text())
BOARD: dict[str, Any] = json.loads((WATCHING / "grafana" / "dashboards" / "bartizan.json").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((WATCHING.parent / "compose.yaml").read_text())


class Names(NoOpMeter):
    """Takes note of every instrument that is made with it."""

    def __init__(self) -> None:
        super().__init__("names")
        self.found: set[str] = {"bartizan_workers", "bartizan_build_info"}

    def _note(self, name: str, unit: str, kind: Any) -> None:
        full = name_of(name, unit, kind)
        self.found |= (
            {f"{full}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {full}
        )

    def create_counter(self, name: str, unit: str = "", description: str = "") -> Any:
        self._note(name, unit, "counter")
        return super().create_counter(name, unit, description)

    def create_histogram(self, name: str, unit: str = "", description: str = "", **advice: Any) -> Any:
        self._note(name, unit, "histogram")
        return super().create_histogram(name, unit, description, **advice)

    def create_observable_counter(
        self, name: str, callbacks: Any = None, unit: str = "", description: str = ""
    ) -> Any:
        self._note(name, unit, "counter")
        return super().create_observable_counter(name, callbacks, unit, description)

    def create_observable_gauge(
        self, name: str, callbacks: Any = None, unit: str = "", description: str = ""
    ) -> Any:
        self._note(name, unit, "gauge")
        return super().create_observable_gauge(name, callbacks, unit, description)


class Noting(observing.Observer):
    """The service's observer, with a meter that takes note."""

    def __init__(self, meter: Names) -> None:
        self._names = meter

    @property
    def meter(self) -> Names:
        return self._names


def known_metrics() -> set[str]:
    """Every metric of a service: what its guards, its requests and its levels are measured with."""
    names = Names()
    Instruments(names, {})

    async def app(*_: Any) -> None: ...

    Counted(app, observing.ROUTES, names)
    Noting(names).look_at({})
    names.create_counter(METRIC_RELOADS, "{change}")
    return names.found


def known_labels() -> set[str]:
    attributes = {
        value: "" for name, value in vars(semconv).items() if isinstance(value, str) and name.isupper()
    }
    ours = {name for name, _ in labels_of(attributes)}
    return ours | {"http_route", "http_response_status_code", "le", "instance", "job"}


def expressions() -> Iterator[tuple[str, str]]:
    """Every query, with where it stands."""
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in BOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in BOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["definition"]


def test_every_metric_exists() -> None:
    """Each name in a query is a metric of ours, or Prometheus's own ``up``; and every metric of ours is looked at."""
    known, asked = known_metrics(), set[str]()
    assert known >= {"bartizan_decisions_total", "bartizan_decision_duration_seconds_bucket"}
    for where, query in expressions():
        outside = re.sub(r'"[^"]*"|by \([^)]*\)|\{[^}]*\}|, bartizan_tenant\)', "", query)
        names = set(re.findall(r"\bbartizan_\w+", outside))
        assert names <= known, (where, names - known)
        assert names or re.search(r"\bup\b", outside), where
        asked |= names
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in asked}
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in known} - families == {"bartizan_build_info"}
    assert known >= LEVELS


def test_every_label_exists() -> None:
    """Each label that a query selects or groups by is one that the code puts on a metric."""
    known = known_labels()
    for where, query in expressions():
        inside = " ".join(re.findall(r"\{([^}]*)\}", query))
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside))
        for group in re.findall(r"by \(([^)]*)\)", query):
            labels |= {word.strip() for word in group.split(",")}
        assert labels <= known, (where, labels - known)


def test_queries_are_balanced() -> None:
    """Brackets and quotes close, and a rate is taken of counters alone."""
    for where, query in expressions():
        bare = re.sub(r'"[^"]*"', "", query)
        for opening, closing in ("()", "{}", "[]"):
            assert bare.count(opening) == bare.count(closing), where
        assert query.count('"') % 2 == 0, where
        for name in re.findall(r"(?:rate|increase)\((\w+)", query):
            assert name.endswith(("_total", "_bucket", "_sum", "_count")), (where, name)


def test_alerts_say_what_happened() -> None:
    """Every alert has a severity and a sentence, which names labels that its query keeps."""
    rules = [rule for group in ALERTS["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        summary = rule["annotations"]["summary"]
        kept = {
            word.strip() for group in re.findall(r"by \(([^)]*)\)", rule["expr"]) for word in group.split(",")
        }
        if not kept:
            kept = {"instance"}
        assert set(re.findall(r"\$labels\.(\w+)", summary)) <= kept, rule["alert"]
    reasons = {
        reason for rule in rules for reason in re.findall(r'bartizan_reason=~?"([^"]+)"', rule["expr"])
    }
    assert {one for text in reasons for one in text.split("|")} == {
        "store-unavailable", "audit-unavailable", "internal-error", "deadline",
    }  # fmt: skip


def test_the_dashboard_is_laid_out() -> None:
    """Panels have ids of their own, do not overlap, stay within the page, and ask the source that was chosen."""
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 20
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["targets"]


def test_prometheus_and_the_collector_find_the_guards() -> None:
    """Targets, endpoints and files are those of the Compose file; the collector's pipelines have their parts."""
    prometheus = yaml.safe_load((WATCHING / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in prometheus["scrape_configs"]}
    targets = jobs["bartizan"]["static_configs"][0]["targets"]
    assert targets == ["guard-a:8181", "guard-b:8181"]
    assert {target.partition(":")[0] for target in targets} <= COMPOSE["services"].keys()
    assert jobs["bartizan"]["metrics_path"] == "/metrics"
    for name in prometheus["rule_files"]:
        assert (WATCHING / name).exists()
    collector = yaml.safe_load((WATCHING / "otel-collector.yaml").read_text())
    for pipeline in collector["service"]["pipelines"].values():
        for part in ("receivers", "processors", "exporters"):
            assert set(pipeline[part]) <= collector[part].keys()
    assert set(collector["service"]["extensions"]) <= collector["extensions"].keys()
    endpoint = COMPOSE["services"]["guard-a"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
    port = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    assert endpoint == f"http://otel-collector:{port}"
    source = yaml.safe_load((WATCHING / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    boards = yaml.safe_load((WATCHING / "grafana/provisioning/dashboards/bartizan.yaml").read_text())
    where = boards["providers"][0]["options"]["path"]
    assert any(volume.split(":")[1] == where for volume in COMPOSE["services"]["grafana"]["volumes"])
