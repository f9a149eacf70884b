"""What Kustomize makes of deploy/kubernetes: it fits the published schemas, every process of the suite is in it, each is given
what it needs and no more."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.ops.settings import Settings
from deploy import process
from tests.unit.deploy.test_compose import ours

FOLDER = Path(process.__file__).parent / "kubernetes"
VERSIONS = ("1.31", "1.34", "1.37")
# What the suite reads of the environment beyond the settings of one process (chassis/ops/settings.py).
OTHERS = {
    "AFTERSALES_TRUSTED_PROXIES", "AFTERSALES_FAILED_SIGN_INS", "AFTERSALES_REQUESTS_PER_CALLER", "AFTERSALES_CONSOLE_SECRET",
    "AFTERSALES_WEBHOOK_NETWORKS", "AFTERSALES_CONNECTIONS_PER_ADDRESS",
    "AFTERSALES_DATABASE_URL", "AFTERSALES_OWNER_PASSWORD", "AFTERSALES_APP_PASSWORD", "AFTERSALES_DATABASE_PREFIX",
    "AFTERSALES_PROCESS", "WEB_CONCURRENCY", "PORT", "POSTGRES_HOST",
}


def tool() -> list[str] | None:
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"] if shutil.which("kubectl") else None


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    command = tool()
    if command is None:
        pytest.skip("neither kustomize nor kubectl on this machine")
    folder = tmp_path_factory.mktemp("kubernetes") / "made"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("secrets.env", "signing-key.pem", "keyring.json"))
    sample = (folder / "secrets.env.sample").read_text()
    (folder / "secrets.env").write_text(re.sub(r"(?m)^([A-Z_]+)=$", r"\1=secret-value", sample))
    (folder / "signing-key.pem").write_text("a key")
    (folder / "keyring.json").write_text("a ring")
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [made for made in yaml.safe_load_all(done.stdout) if made]


def of(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {made["metadata"]["name"]: made for made in objects if made["kind"] == kind}


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Pod templates by the name of what makes them."""
    return {name: made["spec"]["template"] for kind in ("Deployment", "Job") for name, made in of(objects, kind).items()}


def main_of(pod: dict[str, Any]) -> dict[str, Any]:
    [container] = pod["spec"]["containers"]
    return dict(container)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_fits_the_schemas(objects: list[dict[str, Any]], version: str) -> None:
    try:
        validator = importlib.import_module("kubernetes_validate")
    except ModuleNotFoundError:
        pytest.skip("kubernetes-validate is not installed (tests/validators.txt)")
    for made in objects:
        if "keda" not in made["apiVersion"]:
            validator.validate(made, version, strict=True)


def test_every_process_of_the_suite_is_there_once(objects: list[dict[str, Any]]) -> None:
    commands = sorted(tuple(main_of(pod)["args"]) for pod in pods(objects).values())
    wanted = [("http", name) for name in process.HTTP] + [("migrate",), ("sender", "gateway")]
    wanted += [(kind, name) for kind in ("relay", "worker") for name in process.WITH_DATABASE]
    assert commands == sorted(wanted)
    assert commands == sorted(tuple(service["command"]) for service in ours().values()), "as in the compose file"


def test_every_variable_is_one_that_somebody_reads(objects: list[dict[str, Any]]) -> None:
    known = {f"AFTERSALES_{one.name.upper()}" for one in fields(Settings)} | OTHERS
    groups = ("AFTERSALES_DATABASE_URL_", "AFTERSALES_URL_")
    given = set(of(objects, "ConfigMap")["aftersales"]["data"])
    given |= {variable["name"] for pod in pods(objects).values() for variable in main_of(pod)["env"]}
    given |= {name for service in ours().values() for name in service["environment"]}
    assert {name for name in given if name not in known and not name.startswith(groups)} == set()


def test_a_process_has_its_own_database_and_the_secrets_it_needs(objects: list[dict[str, Any]]) -> None:
    secrets = set(of(objects, "Secret")["aftersales"]["data"])
    used = set()
    for name, pod in pods(objects).items():
        env = {variable["name"]: variable for variable in main_of(pod)["env"]}
        databases = [key for key in env if key.startswith("AFTERSALES_DATABASE_URL_")]
        service = main_of(pod)["args"][-1].upper()
        assert databases == ([f"AFTERSALES_DATABASE_URL_{service}"] if service.lower() in process.WITH_DATABASE else []), name
        keys = {v["valueFrom"]["secretKeyRef"]["key"] for v in env.values() if "valueFrom" in v}
        assert keys <= secrets, name
        assert ("AFTERSALES_OWNER_PASSWORD" in keys) == (name == "migrate")
        used |= keys
        order = list(env)
        for variable in env.values():  # Kubernetes fills in what stands before
            for inner in re.findall(r"\$\((\w+)\)", variable.get("value", "")):
                assert inner == "POSTGRES_HOST" or order.index(inner) < order.index(variable["name"]), name
    assert used == secrets
    assert [name for name, pod in pods(objects).items() if "aftersales-keys" in str(pod["spec"])] == ["gateway-http"]


def test_nothing_runs_as_root_or_writes_into_its_image(objects: list[dict[str, Any]]) -> None:
    for name, pod in pods(objects).items():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, name
        assert pod["spec"]["automountServiceAccountToken"] is False
        context = main_of(pod)["securityContext"]
        assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert main_of(pod)["resources"]["requests"] and main_of(pod)["resources"]["limits"]["memory"]


def test_every_process_is_watched_and_ends_in_time(objects: list[dict[str, Any]]) -> None:
    for name, deployment in of(objects, "Deployment").items():
        pod = deployment["spec"]["template"]
        container, kind = main_of(pod), main_of(pod)["args"][0]
        [port] = container["ports"]
        told = pod["metadata"]["annotations"]["prometheus.io/port"]
        assert str(port["containerPort"]) == told == ("8000" if kind == "http" else "9100"), name
        paths = {"http": ("/healthz", "/readyz")}.get(kind, ("/live", "/ready"))
        paths = ("/live", "/ready") if name == "console-http" else paths
        assert (container["livenessProbe"]["httpGet"]["path"], container["readinessProbe"]["httpGet"]["path"]) == paths
        grace = pod["spec"]["terminationGracePeriodSeconds"]
        if kind == "http":
            [_, seconds] = container["lifecycle"]["preStop"]["exec"]["command"]
            assert int(seconds) + process.GRACE + 3 < grace
        assert grace > 20, "a worker finishes what it has in hand (chassis.messaging.worker.GRACE)"


def test_scaling_and_disruption_name_what_is_there(objects: list[dict[str, Any]]) -> None:
    deployments = of(objects, "Deployment")
    scaled = {made["spec"]["scaleTargetRef"]["name"] for made in of(objects, "HorizontalPodAutoscaler").values()}
    assert scaled == {f"{name}-http" for name in process.HTTP}
    watched = {made["spec"]["scaleTargetRef"]["name"]: made["spec"] for made in of(objects, "ScaledObject").values()}
    assert set(watched) == {f"{name}-worker" for name in process.WITH_DATABASE}
    for name, spec in watched.items():
        [trigger] = spec["triggers"]
        assert trigger["metadata"]["queueName"] == f"aftersales.{name.removesuffix('-worker')}"
        assert trigger["authenticationRef"]["name"] in of(objects, "TriggerAuthentication")
        assert spec["minReplicaCount"] >= 1
    for name in scaled | set(watched):
        assert "replicas" not in deployments[name]["spec"], "applying again would undo the scaling"
    for name, made in deployments.items():
        [budget] = [b for b in of(objects, "PodDisruptionBudget").values() if selects(b["spec"]["selector"], made)]
        assert budget["metadata"]["name"] == name


def test_addresses_lead_to_services_and_these_to_pods(objects: list[dict[str, Any]]) -> None:
    services = of(objects, "Service")
    for name, service in services.items():
        found = [d for d, made in of(objects, "Deployment").items() if selects({"matchLabels": service["spec"]["selector"]}, made)]
        assert found == [name]
    named = set(re.findall(r"http://([\w-]+):8000", yaml.safe_dump_all(objects)))
    assert named == {f"{name}-http" for name in process.HTTP} <= set(services)


def test_only_who_must_talk_may(objects: list[dict[str, Any]]) -> None:
    policies = of(objects, "NetworkPolicy")
    assert policies["nobody"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    open_ = [name for name, made in policies.items() for rule in made["spec"].get("ingress", ())
             for peer in rule["from"] if peer == {"namespaceSelector": {}}]
    assert open_ == ["to-gateway"], "from outside only the gateway is reached"
    to_servers = policies["to-servers"]["spec"]["podSelector"]
    reached = {name for name, made in of(objects, "Deployment").items() if selects(to_servers, made)}
    assert "console-http" not in reached and len(reached) == 16


def selects(selector: dict[str, Any], made: dict[str, Any]) -> bool:
    labels = made["spec"]["template"]["metadata"]["labels"]
    said = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return said and all(
        (labels.get(term["key"]) in term["values"]) == (term["operator"] == "In") for term in selector.get("matchExpressions", ())
    )
