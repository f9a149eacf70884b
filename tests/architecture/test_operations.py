"""Every operation of every contract: it resolves, needs a right, is closed, answers problems, honours keys."""

import ast
import importlib
import inspect
import re
import textwrap
from collections import Counter
from typing import Any

import yaml

from chassis import contracts
from chassis.contracts import Operation
from tests.support.cells import over
from tests.support.world import ROOT, services, sources

OPERATIONS = [operation for service in contracts.services() for operation in contracts.operations(service)]
PACKAGES = {service.name: service for service in services()}
PERMISSION = re.compile(r"[a-z]+\.[a-z_]+\.[a-z_]+")
OPEN = {"public", "authenticated"}
LONGEST_FUNCTION = 8


def named(operation: Operation) -> str:
    return f"{operation.service}:{operation.operation_id}"


each_operation = over("operation", OPERATIONS, named)


def function(operation: Operation) -> Any:
    context, _, name = operation.operation_id.partition(".")
    module = importlib.import_module(f"{PACKAGES[operation.service].package}.{context}.http")
    return getattr(module, name)


def test_there_are_operations_of_every_service():
    assert {operation.service for operation in OPERATIONS} == set(PACKAGES)


@each_operation
def test_resolves_to_a_function_of_its_context(operation: Operation):
    assert operation.operation_id.partition(".")[0] in PACKAGES[operation.service].contexts
    if operation.path == "/api/v1/streams/me":
        return  # an endless answer: the gateway's own ASGI application gives it, see gateway/streams
    found = function(operation)
    parameters = set(inspect.signature(found).parameters)
    in_path = set(re.findall(r"\{(\w+)\}", operation.path))
    allowed = in_path | {"uow", "body", "query", "caller"}
    assert in_path <= parameters <= allowed, f"{named(operation)} takes {parameters}"


@each_operation
def test_needs_a_right(operation: Operation):
    assert operation.permission, f"{named(operation)} has no x-permission"
    if operation.permission not in OPEN:
        assert PERMISSION.fullmatch(operation.permission)
        assert operation.permission.startswith(f"{operation.service}."), "a right belongs to the service that asks for it"


def test_few_operations_are_open():
    """What needs no right is listed here, so that nothing becomes open by accident."""
    assert {operation.operation_id for operation in OPERATIONS if operation.permission == "public"} == {"identity.token", "partners.token"}
    assert {operation.operation_id for operation in OPERATIONS if operation.permission == "authenticated"} == {
        "identity.me", "identity.logout", "identity.change_password", "identity.lock_screen", "identity.unlock_screen", "streams.me",
        "notices.search", "notices.get", "notices.read", "notices.read_all",
    }


@each_operation
def test_answers_problems_and_declares_its_success(operation: Operation):
    responses = operation.spec["responses"]
    assert "application/problem+json" in responses["default"]["content"]
    success = [status for status in responses if str(status).startswith("2")]
    assert len(success) == 1 and responses[success[0]]["content"], named(operation)


@each_operation
def test_requests_are_closed(operation: Operation):
    body = operation.spec.get("requestBody")
    if body is not None:
        media = set(body["content"])
        form = {"application/x-www-form-urlencoded"} if operation.operation_id == "partners.token" else set()  # RFC 6749
        assert media in ({"application/json"} | form, {"multipart/form-data"}), named(operation)
        for content in body["content"].values():
            assert content["schema"]["type"] == "object"
            assert content["schema"].get("additionalProperties") is False, f"{named(operation)} takes unknown fields"


@each_operation
def test_unsafe_operations_honour_idempotency_keys(operation: Operation):
    if operation.method != "get" and operation.spec.get("x-idempotent") is not False:
        headers = {parameter["name"] for parameter in operation.spec["parameters"] if parameter["in"] == "header"}
        assert "Idempotency-Key" in headers, named(operation)
        if re.search(r"\{\w+\}", operation.path):
            assert "If-Match" in headers, f"{named(operation)} changes a document"


@each_operation
def test_lists_page_sort_and_export(operation: Operation):
    if operation.method != "get":
        return
    schema = operation.spec["responses"]["200"]["content"].get("application/json", {}).get("schema", {})
    if "items" not in schema.get("properties", {}):
        return
    if "next_cursor" not in schema["properties"]:
        assert "{" in operation.path, f"{named(operation)}: only the few rows of one document may come unpaged"
        return
    names = {parameter["name"] for parameter in operation.spec["parameters"] if parameter["in"] == "query"}
    assert {"limit", "cursor", "sort", "total", "format"} <= names, named(operation)
    assert operation.spec["x-sorts"], named(operation)
    assert "next_cursor" in schema["required"]


def test_what_is_created_can_be_got_and_listed():
    by_path = {(operation.method, operation.path) for operation in OPERATIONS}
    for operation in OPERATIONS:
        if operation.method == "post" and operation.success == 201 and "{" not in operation.path:
            assert ("get", operation.path) in by_path, f"{operation.path} has no list"
            assert any(method == "get" and re.fullmatch(re.escape(operation.path) + r"/\{\w+\}", path)
                       for method, path in by_path), f"{operation.path} has no GET by id"


def test_operation_ids_and_paths_are_unique():
    ids = Counter(named(operation) for operation in OPERATIONS)
    paths = Counter((operation.method, re.sub(r"\{\w+\}", "{}", operation.path)) for operation in OPERATIONS)
    assert [name for name, count in (ids + paths).items() if count > 1] == []
    assert all(operation.path.startswith("/api/v1/") for operation in OPERATIONS)


def test_roles_grant_only_rights_that_exist():
    known = {right for operation in OPERATIONS for right in operation.rights}
    roles = yaml.safe_load((ROOT / "gateway/identity/roles.yaml").read_text(encoding="utf-8"))["roles"]
    assert set(roles) == {"agent", "dispatcher", "technician", "storekeeper", "cashier", "manager", "admin",
                          "customer", "dealer", "supplier"}
    for name, role in roles.items():
        for right in (*role.get("base", ()), *role.get("grants", ())):
            matching = {there for there in known if there == right or (right.endswith("*") and there.startswith(right[:-1]))}
            assert matching, f"{name} is granted {right}, which no operation asks for"


HTTP_FILES = [path for path in sources("services", "gateway") if path.name == "http.py" and path.parent.name not in PACKAGES
              and path.parent.name != "gateway"]


@over("path", HTTP_FILES, lambda path: path.relative_to(ROOT))
def test_http_functions_are_short_and_know_no_framework(path: Any):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = [part for part in node.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert lines <= LONGEST_FUNCTION, f"{path}: {node.name} has {lines} lines"
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.names[0].name if isinstance(node, ast.Import) else node.module or ""
            assert module.split(".")[0] not in {"connexion", "flask", "starlette", "sqlalchemy", "psycopg2", "nameko", "pika"}


def test_this_file_would_notice():
    """The length rule, on a function that breaks it."""
    text = textwrap.dedent("def f():\n" + "    x = 1\n" * 9)
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef) and (node.body[-1].end_lineno or 0) - node.body[0].lineno + 1 > LONGEST_FUNCTION


UNREAD = {
    "orders:erasures.erase": "a receipt with an id, which is no document of its own",
    "orders:repairs.import_history": "external ids and ids of a batch",
}
"""Writes whose kept answers tell of no document that can be read, and why they may be given again all the same."""


@each_operation
def test_kept_answers_tell_of_a_document_that_can_be_read_again(operation: Operation):
    """So that what its caller may not see any more is not told again (chassis/http/idempotency.py)."""
    if operation.method == "get" or operation.spec.get("x-idempotent") is False:
        return
    reader = contracts.reader_of(operation)
    assert reader or named(operation) in UNREAD, f"{named(operation)}: nothing reads what it answers"
    if reader:
        given = set(re.findall(r"\{(\w+)\}", operation.path)) | {"uow", "caller"}
        missing = set(inspect.signature(function(reader)).parameters) - given
        assert len(missing) <= 1, f"{named(reader)} cannot be asked with what {named(operation)} was given"
        assert not missing or "id" in operation.spec["responses"][str(operation.success)]["content"]["application/json"]["schema"]["properties"]
