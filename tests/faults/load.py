"""Cases by several clients at once, for as long as it takes to break everything once more."""

from __future__ import annotations

import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from tests.faults.book import Book, BookedClient, BookedCompany
from tests.support.campaign import Campaign
from tests.support.case import Case
from tests.support.company import ROLES

PATIENCE = 150.0
STOCK = 100_000


class Stories(Campaign):
    """Beside the cases of every campaign (each tenth meets a shortage, each fifth pays in two parts) one in ten whose parts
    arrive at the very moment at which they are reserved (``races``: all of them), one that ends without its repair or is a
    quick job, one whose parts are fetched by hand, and one whose device goes to another site and comes back."""

    races = False

    def run(self, index: int) -> Case:
        if self.races or index % 10 == 5:
            return self.race(index)
        match index % 10:
            case 7:
                return self.exit(index)
            case 3:
                return self.by_hand(index)
            case 1:
                return self.elsewhere(index)
        return super().run(index)

    def exit(self, index: int) -> Case:
        company = self.company
        case = Case(company, company.sites[index % len(company.sites)], patience=self.patience)
        match index // 10 % 3:
            case 0:
                return self.cancel(case)
            case 1:
                return case.to_quoted().unrepaired(hours=index // 30 % 2 * 0.5).pay().hand_over().revisit().audit()
        return case.quick_job().pay().hand_over().revisit().audit()

    def cancel(self, case: Case) -> Case:
        """While the storekeeper hands its parts out."""
        storekeeper = case.site.as_("storekeeper")
        case.to_quoted().approve().wait_for("in_repair", None)
        [requisition] = storekeeper.get("/requisitions", work_order_id=case.id)["items"]
        with ThreadPoolExecutor(1) as pool:
            issued = pool.submit(storekeeper.call, "POST", f"/requisitions/{requisition['id']}/issue", {})
            case.cancel()
            issued.result()
        return case

    def by_hand(self, index: int) -> Case:
        """The technician fetches what the quote leaves open; the workshop keeps a part, takes it, and brings it back."""
        site = self.company.sites[index % len(self.company.sites)]
        case, storekeeper = Case(self.company, site, patience=self.patience), site.as_("storekeeper")
        case.to_quoted().approve().wait_for("in_repair", None)
        lines = [{"part_id": case.quantities[0][0]["id"], "quantity": 1}]
        inside = storekeeper.created("/requisitions", {"site_id": site.id, "lines": lines, "draft": True})
        fetched = storekeeper.created("/requisitions", {"work_order_id": case.id})
        until = (datetime.now(UTC) + timedelta(seconds=index % 3 * 3600 + 2)).isoformat()
        storekeeper.call("POST", f"/requisitions/{inside['id']}/reserve", {"lines": lines, "until": until})  # over soon, or when clocks jump
        back = {"lines": [{**lines[0], "quality": "good"}]}
        for requisition, action, body in ((inside, "apply", {}), (inside, "issue", {}), (fetched, "issue", {}), (inside, "return", back)):
            answer = storekeeper.call("POST", f"/requisitions/{requisition['id']}/{action}", body)
            assert answer.ok, f"{action}: {answer.status} {answer.raw.decode()[:500]}"
        return case.complete().check().pay().hand_over().revisit().audit()

    def elsewhere(self, index: int) -> Case:
        """Sent, repaired there with parts of that store, returned; now and then refused first, or sent with its parts reserved at home."""
        sites = self.company.sites
        home, centre = sites[index % len(sites)], sites[(index + 1) % len(sites)]
        case = Case(self.company, home, patience=self.patience).register()
        if index // 10 % 3 == 1:
            case.assign().start().diagnose().quote().approve().wait_for("in_repair", None)
        if index // 10 % 3 == 2:
            case.ship(centre)
            refused = centre.as_("agent").call("POST", f"/hand-over-slips/{case.slip['id']}/refuse", {"reason": "closed"})
            assert refused.ok, refused.raw
        case.ship(centre).receive(centre)
        if case.reload()["state"] == "registered":
            case.assign().start().diagnose().quote().approve()
        case.wait_for("in_repair", None)
        return case.complete().check().ship_back().receive(home).pay().hand_over().revisit().audit()

    def race(self, index: int) -> Case:
        company, site = self.company, self.company.sites[index % len(self.company.sites)]
        case = Case(company, site, quantities=[(company.part("12.34"), 2)], patience=self.patience)
        rows = [{"part_id": part["id"], "quantity": quantity, "unit_cost": "5.00"} for part, quantity in case.quantities]
        case.to_quoted()
        with ThreadPoolExecutor(1) as pool:
            arrived = pool.submit(site.as_("storekeeper").created, "/stock-receipts", {"warehouse_id": site.good["id"], "lines": rows})
            case.approve()
            arrived.result()
        return case.complete().check().pay().hand_over().revisit().audit()


class Load:
    """``failures``: cases that did not get through, told by what their client saw."""

    def __init__(self, base: str, password: str, clients: int, patience: float = PATIENCE, races: bool = False) -> None:
        self.clients, self.patience = clients, patience
        self.book = Book()
        admin = BookedClient(base, "admin", password, book=self.book, patience=patience)
        self.company = BookedCompany(admin)
        for site in self.company.sites:
            self.company.receive(site, [(part["id"], STOCK) for part in self.company.parts])
            for role in ROLES:  # signed in before anything breaks: making users is not what is tested
                site.as_(role).get("/me")
        self.campaign = Stories(self.company, 0, patience=patience)
        self.campaign.races = races
        self.done: list[Case] = []
        self.failures: list[str] = []
        self._over = threading.Event()
        self._next, self._lock = 0, threading.Lock()
        self._gate = Gate()
        for site in self.company.sites:
            for client in site.clients.values():
                _through(client, self._gate)
        self._threads = [threading.Thread(target=self._client, daemon=True, name=f"client {n}") for n in range(clients)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self, within: float) -> bool:
        """No new cases; False when some did not end in time."""
        self._over.set()
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def wait_for(self, cases: int, within: float = 120.0) -> None:
        """Until so many are done: the suite is warm."""
        deadline = time.monotonic() + within
        while len(self.done) < cases and time.monotonic() < deadline:
            time.sleep(0.1)

    def pause_one(self, within: float) -> bool:
        """Holds the next client that is about to take a step; False when none came."""
        return self._gate.close(within)

    def resume(self) -> None:
        self._gate.open()

    def _client(self) -> None:
        while not self._over.is_set():
            with self._lock:
                index, self._next = self._next, self._next + 1
            try:
                self.done.append(self.campaign.run(index))
            except Exception:
                self.failures.append(traceback.format_exc(limit=-4))


class Gate:
    """Lets calls through; closed, it holds them."""

    def __init__(self) -> None:
        self._free, self._held, self._wanted = threading.Event(), threading.Event(), False
        self._free.set()

    def pass_(self) -> None:
        if self._wanted:
            self._held.set()
            self._free.wait(30.0)

    def close(self, within: float) -> bool:
        self._free.clear()
        self._held.clear()
        self._wanted = True
        held = self._held.wait(within)
        if not held:
            self.open()
        return held

    def open(self) -> None:
        self._wanted = False
        self._free.set()


def _through(client: object, gate: Gate) -> None:
    """Every call of this client passes the gate first."""
    plain = client.call  # type: ignore[attr-defined]

    def call(*arguments: object, **options: object) -> object:
        gate.pass_()
        return plain(*arguments, **options)

    client.call = call  # type: ignore[attr-defined]
