"""The sums and counts of a suite's documents, from its answers: what an accountant would compare."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tests.before.answers import LIST, Answers

ZERO = Decimal(0)


def figures(answers: Answers) -> dict[str, Any]:
    """Of all documents that an administrator of headquarters sees; money and quantities are decimal text."""

    def items(path: str) -> list[dict[str, Any]]:
        return list(answers[path + LIST]["items"])

    orders, bills, stock, entries = items("/work-orders"), items("/bills"), items("/stock"), items("/ledger-entries")
    files = {name: answer["sha256"] for name, answer in answers.items() if "/attachments/" in name}
    return {
        "work_orders": {
            "by_state": _count(_words(order, "origin", "state", "waiting_for") for order in orders),
            "digest": _digest(orders, "number", "state", "waiting_for", "coverage", "registered_at", "ready_at", "completed_at", "external_id"),
        },
        "bills": {
            "by_state": _count(bill["state"] for bill in bills),
            "sums": _sums(bills, "net_total", "tax_total", "total", "customer_total", "maker_total", "open_amount"),
            "digest": _digest(bills, "number", "state", "round", "total", "customer_total", "maker_total", "open_amount"),
        },
        "payments": _money(items("/payments"), "amount", "number"),
        "refunds": _money(items("/refunds"), "amount", "number"),
        "reversals": _money(items("/reversals"), "credited", "number", "reason"),
        "credits": _money(items("/credits"), "balance", "work_order_number"),
        "ledger": {
            "accounts": {code: _sums(of, "debit", "credit", "amount") for code, of in _by(entries, "account").items()},
            "balances": {account["code"]: account["balance"] for account in items("/accounts")},
            "digest": _digest(entries, "account", "amount", "reference", "source_id"),
        },
        "stock": {
            "warehouses": {code: _sums(of, "on_hand", "reserved", "available") for code, of in _by(stock, "warehouse_code").items()},
            "moved": {code: _sums(of, "quantity", "value") for code, of in _by(items("/stock-movements"), "warehouse_code").items()},
            "digest": _digest(stock, "warehouse_code", "part_number", "on_hand", "reserved", "available"),
        },
        "requisitions": {"by_state": _count(sheet["state"] for sheet in items("/requisitions"))},
        "revisits": {"by_state": _count(_words(task, "state", "solved", "score") for task in items("/revisits"))},
        "follow_ups": {"by_state": _count(_words(task, "state", "solved") for task in items("/follow-ups"))},
        "attachments": {"count": len(files), "digest": _of([f"{name} {files[name]}" for name in sorted(files)])},
        # Sealed in the database: a ring or a place that does not fit any more would show here.
        "customers": {"count": len(items("/customers")), "digest": _digest(items("/customers"), "id", "name", "phones", "erased_at")},
        "received_by": {"digest": _digest(orders, "number", "customer_name", "received_by", "problem")},
    }


def _words(document: dict[str, Any], *names: str) -> str:
    return " ".join(str(document[name]) for name in names)


def _count(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def _sums(documents: list[dict[str, Any]], *names: str) -> dict[str, str]:
    return {name: str(sum((Decimal(str(one[name])) for one in documents), ZERO)) for name in names}


def _money(documents: list[dict[str, Any]], amount: str, *names: str) -> dict[str, Any]:
    return {"count": len(documents), "sums": _sums(documents, amount), "digest": _digest(documents, amount, *names)}


def _by(documents: list[dict[str, Any]], name: str) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in documents:
        groups[str(one[name])].append(one)
    return dict(sorted(groups.items()))


def _digest(documents: list[dict[str, Any]], *names: str) -> str:
    return _of(sorted(_words(one, *names) for one in documents))


def _of(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
