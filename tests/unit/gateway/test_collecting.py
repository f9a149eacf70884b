"""One file from several services' lists (C-04): whole or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chassis.domain.errors import Forbidden
from chassis.domain.principal import Principal
from chassis.ops.settings import settings
from gateway import collecting
from gateway.proxy import Gone, Whole
from gateway.routing import Table

CUSTOMER = "0199e3a0-2222-7c3e-9a51-2f3b8d0c4e02"
PATH = f"/api/v1/customers/{CUSTOMER}/export"


class Services:
    """In place of the hop: pages by path, a status that one of them answers."""

    def __init__(self, pages: dict[str, list[list[Any]]], fails: str = "") -> None:
        self.pages, self.fails = pages, fails
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    async def fetch(self, upstream: str, method: str, target: str, headers: Any, body: bytes) -> Whole:
        self.asked.append((method, target, dict(headers)))
        path, _, query = target.partition("?")
        if path == self.fails:
            return Whole(500, [], b"{}")
        pages = self.pages.get(path, [[]])
        at = int(query.partition("cursor=")[2] or 0)
        cursor = str(at + 1) if at + 1 < len(pages) else None
        return Whole(200, [], json.dumps({"items": pages[at], "next_cursor": cursor}).encode())


def lists(*rights: str) -> list[collecting.Part]:
    table = Table.of_contracts()
    return collecting.parts(table, table.match("POST", PATH), PATH, Principal.of("ann", "/HQ/", rights))


def made(services: Services, own: bytes = b'{"customer": {"id": 1}}') -> bytes:
    async def run() -> bytes:
        headers = [("authorization", "Bearer x")]
        return b"".join([chunk async for chunk in collecting._file(own, lists("*"), services, headers)])  # type: ignore[arg-type]

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def upstreams(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("ORDERS", "FINANCE", "CALLCENTER"):
        monkeypatch.setenv(f"AFTERSALES_URL_{name}", "http://nowhere")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def test_all_pages_of_all_lists_follow_the_own_answer():
    services = Services({"/api/v1/devices": [[{"id": 1}, {"id": 2}], [{"id": 3}]], "/api/v1/bills": [[{"total": "1.00"}]]})
    file = json.loads(made(services))
    assert file["customer"] == {"id": 1} and file["devices"] == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert file["bills"] == [{"total": "1.00"}] and file["work_orders"] == []
    assert all(method == "GET" and f"customer_id={CUSTOMER}&limit=200" in target for method, target, _ in services.asked)
    assert all(headers == {"authorization": "Bearer x"} for _, _, headers in services.asked)


def test_half_a_file_is_no_file():
    with pytest.raises(Gone):
        made(Services({}, fails="/api/v1/payments"))


def test_who_may_not_read_one_list_gets_none():
    every = {listed.permission for _, _, listed in lists("*")}
    assert len(lists(*every)) == 10
    for missing in every:
        with pytest.raises(Forbidden) as refused:
            lists(*(every - {missing}))
        assert refused.value.members["permission"] == missing
