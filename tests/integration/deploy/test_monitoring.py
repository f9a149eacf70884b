"""Alert rules and dashboard, held against a real Prometheus: the rules fire when they must and else are silent, and whatever
they or the dashboard ask for is told by a running suite."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from prometheus_client import REGISTRY

from chassis.ops import metrics
from tests.support.client import eventually
from tests.support.company import Company
from tests.support.suites import RunningSuite, free_port

ROOT = Path(__file__).resolve().parents[3]
MONITORING = ROOT / "deploy" / "monitoring"
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
RULES = [rule for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))["panels"]
SELECTOR = re.compile(r"\b((?:aftersales_\w+|up)(?:\{[^}]*\})?)")
# What only a suite on servers has: there is no broker in an embedded one.
OF_BROKER = "aftersales_queue_messages"
needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool on this machine")


def promtool(*words: str) -> None:
    done = subprocess.run(["promtool", *words], cwd=MONITORING, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_rules_and_configuration_are_prometheus() -> None:
    promtool("check", "rules", "alerts.yaml")
    promtool("check", "config", "prometheus.yaml")


@needs_promtool
def test_every_alert_fires_and_stays_silent() -> None:
    told = yaml.safe_load((MONITORING / "alerts.test.yaml").read_text())["tests"]
    for rule in RULES:
        expected = [case["exp_alerts"] for test in told for case in test["alert_rule_test"] if case["alertname"] == rule["alert"]]
        assert [] in expected, f"{rule['alert']}: no test in which it is silent"
        assert any(expected), f"{rule['alert']}: no test in which it fires"
    promtool("test", "rules", "alerts.test.yaml")


def test_every_alert_has_its_page() -> None:
    headings = {line.lstrip("# ").lower() for line in OPERATING.splitlines() if line.startswith("#")}
    for rule in RULES:
        page, anchor = rule["annotations"]["runbook"].split("#")
        assert (ROOT / page).is_file()
        assert anchor == rule["alert"].lower()
        assert anchor in headings, f"docs/operating.md does not say what {rule['alert']} means"


def test_the_list_of_metrics_is_whole() -> None:
    ours = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in REGISTRY.collect() if metric.name.startswith("aftersales_")
    }
    assert metrics.REQUESTS, "the metrics are imported"
    assert set(re.findall(r"^\| `(aftersales_\w+)`", OPERATING, re.MULTILINE)) == ours


@contextmanager
def prometheus(target: str, folder: Path) -> Iterator[str]:
    """The base URL of one that looks at ``target`` every second, with our rules."""
    shutil.copy(MONITORING / "alerts.yaml", folder)
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": ["alerts.yaml"],
        "scrape_configs": [{"job_name": "aftersales", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    port = free_port()
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(20)


@pytest.mark.modes("servers")  # which tell what an embedded suite tells, and of the broker
@pytest.mark.skipif(not shutil.which("prometheus"), reason="no prometheus on this machine")
def test_what_dashboard_and_rules_ask_for_is_told(suite: RunningSuite, company: Company, tmp_path: Path) -> None:
    boards = [target["expr"].replace("$__rate_interval", "1m") for panel in PANELS for target in panel["targets"]]
    # An alert that is silent answers nothing, so of its expression the series are asked for.
    selectors = {found for rule in RULES for found in SELECTOR.findall(rule["expr"])}
    wanted = [text for text in (*boards, *sorted(selectors)) if suite.mode == "servers" or OF_BROKER not in text]
    assert company.sites, "events have been sent and handled"
    with prometheus(f"127.0.0.1:{suite.port}", tmp_path) as url, closing(requests.Session()) as session:

        def ask(path: str, **query: str) -> Any:
            answer = session.get(f"{url}/api/v1/{path}", params=query, timeout=10)
            assert answer.status_code == 200, f"{query}: {answer.text}"
            return answer.json()["data"]

        def silent() -> list[str]:
            try:
                return [text for text in wanted if not ask("query", query=text)["result"]]
            except requests.ConnectionError:  # it is only starting
                return wanted

        deadline = time.monotonic() + 100  # the books are looked at once a minute
        while (missing := silent()) and time.monotonic() < deadline:
            time.sleep(1)
        assert missing == [], "nothing answers these"
        eventually(lambda: len(ask("rules")["groups"]) == 1, "the rules are loaded")
        rules = ask("rules")["groups"][0]["rules"]
        assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
        firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
        assert firing == [], "a suite that is well wakes nobody"
