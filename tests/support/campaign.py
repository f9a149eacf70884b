"""Cases by the dozen, for load, kill and bench: every tenth meets a shortage, every fifth pays in two parts."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

from tests.support.case import Case
from tests.support.company import Company


@dataclass
class Campaign:
    """``patience``: seconds a client goes on asking a suite whose processes are being killed."""

    company: Company
    cases: int
    patience: float = 30.0

    def run_beside(self, other: threading.Thread, clients: int = 8) -> list[Case]:
        """At least ``cases`` cases by several clients, and more of them for as long as ``other`` is at work."""
        numbers = itertools.takewhile(lambda index: index < self.cases or other.is_alive(), itertools.count())
        turn, done = threading.Lock(), list[Case]()

        def client() -> None:
            while True:
                with turn:
                    index = next(numbers, None)
                if index is None:
                    return
                done.append(self.run(index))

        with ThreadPoolExecutor(clients) as pool:
            for finished in [pool.submit(client) for _ in range(clients)]:
                finished.result()
        return done

    def run(self, index: int) -> Case:
        """Case number ``index``, from the counter to the audit, or AssertionError."""
        company, site = self.company, self.company.sites[index % len(self.company.sites)]
        short = index % 10 == 0
        quantities = [(company.part("12.34"), 2)] if short else None
        case = Case(company, site, quantities=quantities, patience=self.patience)
        case.to_quoted().approve()
        if short:
            case.wait_for("in_repair", "parts")
            rows = [{"part_id": part["id"], "quantity": quantity, "unit_cost": "5.00"} for part, quantity in case.quantities]
            case.send(site.as_("storekeeper"), "/stock-receipts", {"warehouse_id": site.good["id"], "lines": rows}, 201)
        case.complete().check()
        if index % 5 == 0:
            first = Decimal("100.00")
            case.pay(first, case.total - first)
        else:
            case.pay()
        return case.hand_over().revisit().audit()
