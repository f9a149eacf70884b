"""Where things may stand and who may import whom."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.orm import class_mapper

from chassis.db.base import Base
from chassis.domain.aggregate import Aggregate
from tests.support.cells import over
from tests.support.world import ROOT, module_of, services, sources

LONGEST_FILE = 400
NAMES = [service.package for service in services()]
FRAMEWORKS = {"connexion", "flask", "starlette", "uvicorn", "gunicorn", "nameko", "kombu", "eventlet", "pika", "alembic", "psycopg2",
              "aiohttp", "jinja2"}
ENTRIES = {"http", "worker", "relay", "app"}  # three lines each at the root of a service


def imports(path: Path) -> Iterator[str]:
    """Absolute names of what a file imports, wherever in it."""
    module = module_of(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")[: None if path.name == "__init__.py" else -1]
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            yield base
            yield from (f"{base}.{name.name}" for name in node.names)


def owner(module: str) -> str | None:
    """The service a module belongs to."""
    return next((name for name in NAMES if module == name or module.startswith(f"{name}.")), None)


@over("path", [*sources(), *sources("tests")], lambda path: path.relative_to(ROOT))
def test_files_are_short(path: Path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{lines} lines: what are its two halves?"


@over("path", sources("services", "gateway"), lambda path: path.relative_to(ROOT))
def test_services_never_import_each_other(path: Path):
    module = module_of(path)
    for name in imports(path):
        assert owner(name) in (None, owner(module)), f"{module} imports {name}"
        assert name.split(".")[0] not in ("console", "deploy", "tests"), f"{module} imports {name}"


def test_the_chassis_knows_no_business():
    for path in sources("chassis"):
        for name in imports(path):
            assert name.split(".")[0] not in ("services", "gateway", "console", "deploy", "tests"), f"{path} imports {name}"


def test_the_console_talks_to_the_gateway_only():
    for path in sources("console"):
        for name in imports(path):
            assert name.split(".")[0] not in ("services", "gateway", "deploy", "tests"), f"{path} imports {name}"
            assert not name.startswith(("chassis.db", "chassis.messaging")), f"{path} imports {name}"


@over("service", services(), lambda service: service.name)
def test_contexts_meet_only_through_their_face(service):
    contexts = {path.parent.name for path in (ROOT / service.package.replace(".", "/")).glob("*/__init__.py")} - {"migrations"}
    for context in contexts:
        for path in (service.folder / context).rglob("*.py"):
            for name in imports(path):
                for other in contexts - {context}:
                    inner = f"{service.package}.{other}."
                    if name.startswith(inner):
                        rest = name.removeprefix(inner)
                        module = ROOT.joinpath(*f"{inner}{rest}".split("."))
                        assert not (module.with_suffix(".py").exists() or module.is_dir()), (
                            f"{path.relative_to(ROOT)} imports {name}: {other} is entered through its __init__"
                        )


def test_frameworks_live_in_the_chassis():
    for path in sources("services"):
        if path.stem in ENTRIES and path.parent.name in {service.name for service in services()}:
            continue
        if "migrations" in path.parts:
            continue
        for name in imports(path):
            top = name.split(".")[0]
            assert top not in FRAMEWORKS or (top == "psycopg2" and name.startswith("psycopg2.extras")), f"{path} imports {name}"


def test_nameko_lives_in_one_file():
    users = {module_of(path) for path in sources() for name in imports(path) if name.split(".")[0] in ("nameko", "kombu")}
    assert len(users) == 1 and next(iter(users)).startswith("chassis.messaging."), users


def aggregates() -> list[type]:
    return sorted({mapper.class_ for mapper in Base.registry.mappers
                   if issubclass(mapper.class_, Aggregate) and not mapper.class_.__module__.startswith("tests.")},
                  key=lambda cls: cls.__qualname__)


@over("cls", aggregates(), lambda cls: cls.__qualname__)
def test_aggregates_import_no_framework_but_the_mapping(cls: type):
    path = ROOT / (cls.__module__.replace(".", "/") + ".py")
    for name in imports(path):
        top = name.split(".")[0]
        allowed = top in sys.stdlib_module_names or top in ("sqlalchemy", "chassis", "services", "gateway", "phonenumbers")
        assert allowed, f"{cls.__qualname__} imports {name}"
        assert not name.startswith(("chassis.http", "chassis.messaging", "chassis.ops", "chassis.db.uow")), (
            f"{cls.__qualname__} imports {name}"
        )
    assert not class_mapper(cls).relationships, "columns are plain"


def test_the_http_process_never_imports_nameko():
    """Asked of a fresh interpreter: what the HTTP applications drag in. One for all of them: whatever any of them imported stays."""
    code = f"""
import sys
from deploy import process
for service in {[service.name for service in services()]!r}:
    process.application(service)
    print(service, sorted(name for name in sys.modules if name.split('.')[0] in ('nameko', 'eventlet', 'kombu')))
"""
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=_plain_environment())
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines() == [f"{service.name} []" for service in services()]


def _plain_environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT), "AFTERSALES_GATEWAY_URL": "http://127.0.0.1:1"}


# Where a checkout lies says nothing to its readers: neither this one's folders nor anybody's home.
PLACES = [re.escape(f"{place}/") for place in (ROOT, ROOT.parent) if len(place.parts) > 1 and place != Path("/tmp")]
FOREIGN = re.compile("|".join([*PLACES, r"(?<![\w.:@-])/(?:root|home/\w+|Users/\w+)/"]))
TEXT = {".py", ".md", ".yaml", ".yml", ".json", ".toml", ".ini", ".html", ".css", ".js", ".sh", ".cfg", ".txt", ""}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        return [*sources(), *sources("tests")]
    return [ROOT / name for name in listed.stdout.splitlines()]


def test_no_place_of_its_making_is_named():
    for path in tracked():
        if path.suffix in TEXT and path.is_file() and path != Path(__file__):
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                assert not FOREIGN.search(line), f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"


def test_the_pattern_would_notice():
    assert FOREIGN.search(f"see {ROOT}/x") and FOREIGN.search("'/home/somebody/.config'")
    assert not FOREIGN.search("/api/v1/work-orders/{id}") and not FOREIGN.search("GET /work-orders/1")


def test_no_unfinished_business():
    """Stubs and swallowed errors: each needs a reason on its line."""
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError|except:\s*$")
    for path in sources():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not marks.search(line), f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
