"""The compose file: its references hold, every process of the suite is in it, every variable is in the sample."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import process

DEPLOY = Path(process.__file__).parent
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SAMPLE = dict(re.findall(r"^([A-Z_]+)=(.*)$", (DEPLOY / "env.sample").read_text(encoding="utf-8"), re.MULTILINE))
SERVICES: dict[str, Any] = COMPOSE["services"]
# What the Compose specification knows of what we use; a misspelt key would be ignored by nobody but a reader.
KEYS = {
    "image", "build", "restart", "init", "read_only", "tmpfs", "cap_drop", "security_opt", "stop_grace_period", "networks",
    "command", "environment", "volumes", "ports", "depends_on", "healthcheck", "hostname",
}
CHECK_KEYS = {"test", "interval", "timeout", "start_period"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


def ours() -> dict[str, Any]:
    return {name: service for name, service in SERVICES.items() if "build" in service}


def test_every_process_of_the_suite_is_there_once() -> None:
    commands = sorted(tuple(service["command"]) for service in ours().values())
    wanted = [("http", name) for name in process.HTTP] + [("migrate",), ("sender", "gateway")]
    wanted += [(kind, name) for kind in ("relay", "worker") for name in process.WITH_DATABASE]
    assert commands == sorted(wanted)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_uses_what_exists(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= KEYS
    assert set(service.get("networks", ())) <= set(COMPOSE["networks"])
    assert {volume.split(":")[0] for volume in service.get("volumes", ())} <= set(COMPOSE["volumes"])
    for other, how in service.get("depends_on", {}).items():
        assert how["condition"] in CONDITIONS
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        if how["condition"] == "service_completed_successfully":
            assert not str(SERVICES[other]["restart"]).startswith(("always", "unless"))
    assert set(service.get("healthcheck", ())) <= CHECK_KEYS
    assert "healthcheck" in service or name == "migrate"


def test_only_the_gateway_is_published_and_only_on_this_machine_by_default() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["gateway"]
    assert SAMPLE["AFTERSALES_PUBLISH"].startswith("127.0.0.1:")


def test_only_migrations_know_the_administrator_and_only_the_gateway_signs() -> None:
    def holders(part: str) -> list[str]:
        return sorted(name for name, service in SERVICES.items() if part in str(service))

    assert holders("POSTGRES_PASSWORD") == holders("AFTERSALES_OWNER_PASSWORD") + ["postgres"] == ["migrate", "postgres"]
    assert holders("/keys") == ["gateway", "migrate"]


def test_the_key_ring_is_turned_by_migrations_only_and_never_near_the_console() -> None:
    mounts = {name: volume for name, service in ours().items() for volume in service.get("volumes", ()) if "/ring" in volume}
    assert set(mounts) == set(ours()) - {"console"}
    assert {name for name, volume in mounts.items() if not volume.endswith(":ro")} == {"migrate"}
    assert {name for name, service in ours().items() if "AFTERSALES_KEYRING" in service["environment"]} == set(mounts)


def test_a_service_gets_its_own_database_and_no_other() -> None:
    for name, service in ours().items():
        given = {key for key in service["environment"] if key.startswith("AFTERSALES_DATABASE_URL_")}
        owner = service["environment"].get("AFTERSALES_SERVICE", "").upper()
        assert given == ({f"AFTERSALES_DATABASE_URL_{owner}"} if owner else set()), name


def test_every_variable_is_in_the_sample_and_no_secret_has_a_value() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    assert used == set(SAMPLE)
    assert [name for name in SAMPLE if name.endswith("PASSWORD") and SAMPLE[name]] == []


def test_docker_compose_reads_it() -> None:
    compose = ["docker", "compose"]
    if not shutil.which("docker") or subprocess.run([*compose, "version"], capture_output=True).returncode:
        pytest.skip("no docker compose on this machine")
    done = subprocess.run(
        [*compose, "-f", str(DEPLOY / "compose.yaml"), "config", "--quiet"], capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", **{name: value or "x" for name, value in SAMPLE.items()}},
    )
    assert done.returncode == 0, done.stderr


def test_it_is_what_the_compose_specification_knows() -> None:
    try:
        checker = importlib.import_module("compose_spec")
    except ModuleNotFoundError:
        pytest.skip("compose-spec is not installed (tests/validators.txt)")
    filled = re.sub(r"\$\{([A-Z_]+)(?::[-?]([^}]*))?\}", lambda found: SAMPLE.get(found[1]) or "x",
                    (DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    document = yaml.safe_load(filled)
    document["services"]["migrate"]["restart"] = "on-failure"  # the checker does not know how often, the specification does
    parsed = checker.PyCompose.from_json(json.dumps(document))
    parsed.validate()
    assert sorted(parsed.service_names()) == sorted(SERVICES)
    document["services"]["orders"]["comand"] = ["http"]
    with pytest.raises(ValueError, match="comand"):
        checker.PyCompose.from_json(json.dumps(document))
