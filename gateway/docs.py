"""Merged documentation of all contracts: OpenAPI and AsyncAPI as JSON, and one page that needs nothing else."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import Any

import orjson

from chassis import contracts
from chassis.contracts import Operation
from chassis.http.exports import MEDIA

PAGE, OPENAPI, ASYNCAPI = "/api/docs", "/api/docs/openapi.json", "/api/docs/asyncapi.json"
SECURITY = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
_STYLE = """
:root{color-scheme:light dark;--line:#8884;--quiet:#777;--accent:#0f6e6e}
body{font:14px/1.5 system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem}
h1{font-size:20px}h2{font-size:16px;margin-top:2rem;border-bottom:1px solid var(--line)}
details{border-bottom:1px solid var(--line)}summary{padding:6px 0;cursor:pointer}
code,pre{font:13px/1.4 ui-monospace,monospace}pre{overflow:auto;padding:8px;border:1px solid var(--line);max-height:28rem}
.method{display:inline-block;width:4.5rem;font-weight:600;color:var(--accent)}.quiet{color:var(--quiet)}
"""


def answer(path: str, accept: str) -> tuple[str, bytes] | None:
    """Media type and body of a documentation address; None for any other."""
    if path == OPENAPI or (path == PAGE and "application/json" in accept):
        return "application/json", openapi()
    if path == ASYNCAPI:
        return "application/json", asyncapi()
    if path == PAGE:
        return "text/html; charset=utf-8", page()
    return None


def _operations() -> list[Operation]:
    return [o for service in contracts.services() for o in contracts.operations(service)]


@cache
def openapi() -> bytes:
    """One OpenAPI document of everything under /api/v1."""
    paths: dict[str, dict[str, Any]] = {}
    tags: dict[str, dict[str, Any]] = {}
    for operation in _operations():
        spec = {**operation.spec, "operationId": f"{operation.service}.{operation.operation_id}"}
        if operation.permission == "public":
            spec["security"] = []
        if any(p["name"] == "format" for p in spec["parameters"]):
            spec["responses"] = _with_files(spec["responses"])
        paths.setdefault(operation.path.removeprefix("/api/v1"), {})[operation.method] = spec
        document = contracts.load(operation.service, operation.context)
        tags.update({tag["name"]: tag for tag in document.get("tags", ())})
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "After-sales platform (售后服务管理平台)", "version": "1"},
        "servers": [{"url": "/api/v1"}],
        "security": [{"bearer": []}],
        "tags": sorted(tags.values(), key=lambda tag: str(tag["name"])),
        "paths": dict(sorted(paths.items())),
        "components": {"securitySchemes": SECURITY},
    }
    return orjson.dumps(whole)


def _with_files(responses: dict[str, Any]) -> dict[str, Any]:
    """What ``format=csv|xlsx`` makes of every list: said here once and not in each contract."""
    files = {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA.values()}
    page = responses["200"]
    return {**responses, "200": {**page, "content": {**page["content"], **files}}}


@cache
def asyncapi() -> bytes:
    """AsyncAPI document of every event."""
    from chassis.messaging.asyncapi import document

    return orjson.dumps(document())


@cache
def page() -> bytes:
    """Everything on one page, readable without script or network."""
    groups: dict[str, list[Operation]] = {}
    for operation in _operations():
        groups.setdefault((operation.spec.get("tags") or [operation.context])[0], []).append(operation)
    parts = [
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>API</title><style>{_STYLE}</style></head><body><h1>售后服务管理平台 API · After-sales platform API</h1>",
        f'<p><a href="{OPENAPI}">OpenAPI 3.1</a> · <a href="{ASYNCAPI}">AsyncAPI 3.0</a></p>',
    ]
    for tag, operations in sorted(groups.items()):
        parts.append(f"<h2>{escape(tag)}</h2>")
        parts.extend(_section(o) for o in sorted(operations, key=lambda o: (o.path, o.method)))
    parts.append("</body></html>")
    return "".join(parts).encode()


def _section(operation: Operation) -> str:
    spec = operation.spec
    body = next((media.get("schema") for media in spec.get("requestBody", {}).get("content", {}).values()), None)
    shown = {
        "parameters": [{key: p[key] for key in ("name", "in", "schema") if key in p} for p in spec["parameters"]],
        "request": body,
        "answer": _answer_schema(operation),
    }
    json = orjson.dumps({key: value for key, value in shown.items() if value}, option=orjson.OPT_INDENT_2).decode()
    return (
        f'<details><summary><span class="method">{operation.method.upper()}</span><code>{escape(operation.path)}</code> '
        f"{escape(spec.get('summary', ''))} <span class='quiet'>{escape(operation.permission or '')}</span></summary>"
        f"<p>{escape(spec.get('description', ''))}</p><pre>{escape(json)}</pre></details>"
    )


def _answer_schema(operation: Operation) -> Any:
    content: dict[str, Any] = operation.spec["responses"][str(operation.success)].get("content", {})
    return next((media.get("schema") for media in content.values()), None)
