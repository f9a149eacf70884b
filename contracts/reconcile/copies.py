"""7. Read copies agree with their owner once nothing is in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from chassis.db.sealed import opened
from contracts.reconcile.parts_billed import NEEDED
from contracts.reconcile.sources import Offender, Row, Sources
from contracts.reconcile.supplies import DRAWN
from services.callcenter.customers.customer import Customer
from services.orders.masters import CustomerCopy

Reader = Callable[[str, Row], Row]


def _legible(key: str, row: Row) -> Row:
    return row


def _customer(cls: type[Customer | CustomerCopy]) -> Reader:
    def read(key: str, row: Row) -> Row:
        name, phones = (bytes(value) for value in row[1:3])
        return key, opened(cls.name, name, key), opened(cls.phones, phones, key), row[3]

    return read


@dataclass(frozen=True)
class Copy:
    """Two queries of the same shape: id, name for people, then what must agree. ``some``: the copy keeps only rows it
    needs, so a missing one is no offence."""

    noun: str
    owner: tuple[str, str]
    copy: tuple[str, str]
    some: bool = False
    both: bool = False
    """Only what stands on both sides is compared: whether it has to be there says another invariant."""
    opens: tuple[Reader, Reader] = (_legible, _legible)
    """How a row of either side is read, for values that stand there sealed."""
    secret: bool = False

    def detail(self, owned: Row, copied: Row) -> str:
        """What is wrong; of people's data only that it differs."""
        if self.secret:
            return "differs from its owner's"
        return f"{self.copy[0]} says {_shown(copied)}, {self.owner[0]} says {_shown(owned)}"


def _simple(noun: str, owner: str, table: str, holder: str, copy: str, columns: str, some: bool = False) -> Copy:
    """The same columns on both sides; the first one names the document."""
    statement = f"SELECT id::text, {columns} FROM {{}} ORDER BY id::text"
    return Copy(noun, (owner, statement.format(table)), (holder, statement.format(copy)), some)


MONEY = "trim_scale(customer_total), trim_scale(maker_total), trim_scale(open_amount)"
UNITS = """SELECT id::text, code, name, kind, org_path, deleted_at IS NOT NULL FROM org_units
    WHERE kind IN ('hq', 'branch', 'site') ORDER BY id::text"""  # departments and teams are the gateway's own
UNIT_COPIES = "SELECT id::text, code, name, kind, path, deleted FROM org_unit_copies ORDER BY id::text"
READABLE = "WHERE NOT starts_with(key, 'password.initial')"  # secret: services have at most what shipped once
PARAMETERS = f"SELECT id::text, key, held->'value' FROM parameters {READABLE} ORDER BY id::text"
PARAMETER_COPIES = f"SELECT id::text, key, value FROM parameter_copies {READABLE} ORDER BY id::text"
REQUISITIONS = """SELECT id::text, work_order_number, work_order_id, org_path, (announced->>'quote_version')::int,
    (announced->>'reserved_all')::boolean, (announced->>'issued_all')::boolean, (announced->>'issued_any')::boolean, (announced->>'cancelled')::boolean, announced->'lines', announced->'drafts'
    FROM supplies WHERE announced IS NOT NULL ORDER BY id::text"""
REQUISITION_COPIES = """SELECT c.id::text, o.number, c.work_order_id, c.org_path, c.quote_version, c.reserved_all,
    c.issued_all, c.issued_any, c.cancelled, c.lines, c.drafts FROM requisition_copies c LEFT JOIN work_orders o ON o.id = c.work_order_id
    ORDER BY c.id::text"""
REVISITS = """SELECT id::text, work_order_number, work_order_id, org_path, state = 'recorded', solved, score FROM revisits
    ORDER BY id::text"""
REVISIT_COPIES = """SELECT c.id::text, o.number, c.work_order_id, c.org_path, c.recorded, c.solved, c.score
    FROM revisit_copies c LEFT JOIN work_orders o ON o.id = c.work_order_id ORDER BY c.id::text"""
NEEDED_BY_ORDER = f"SELECT * FROM ({NEEDED}) needed (id, name, number, quantity) WHERE quantity > 0 ORDER BY 1"
NEEDED_IN_STORE = f"""SELECT r.work_order_id::text || '/' || l.part_id::text, min(r.work_order_number), min(r.work_order_number), sum(l.needed)
    FROM requisition_lines l JOIN requisitions r ON r.id = l.requisition_id WHERE {DRAWN} GROUP BY 1 HAVING sum(l.needed) > 0 ORDER BY 1"""
ORDERS = "SELECT id::text, number, customer_id, site_id FROM work_orders WHERE {} ORDER BY id::text"
OF_ORDERS = "SELECT DISTINCT ON (work_order_id::text) work_order_id::text, work_order_number, customer_id, site_id FROM {} ORDER BY {}"
SITES = """SELECT id::text, number, site_id, org_path, held_site_id, held_path, bound_site_id, bound_path FROM work_orders WHERE quote_version > 0
    ORDER BY id::text"""
SITES_IN_STORE = """SELECT work_order_id::text, work_order_number, site_id, org_path, held_site_id, held_path, bound_site_id, bound_path FROM supplies
    ORDER BY work_order_id::text"""

COPIES = (
    Copy("org unit", ("gateway", UNITS), ("orders", UNIT_COPIES)),
    _simple("user", "gateway", "users", "orders", "user_copies", "username, name, active"),
    _simple("party", "gateway", "parties", "orders", "party_copies", "kind, org_path"),
    *(
        _simple("site", "orders", "sites", holder, "site_copies", "code, name, org_path, time_zone")
        for holder in ("inventory", "finance", "callcenter")
    ),
    *(
        Copy("parameter", ("gateway", PARAMETERS), (holder, PARAMETER_COPIES), some=True)
        for holder in ("orders", "callcenter", "inventory")
    ),
    _simple("part", "inventory", "parts", "orders", "part_copies", "number, name, unit, trim_scale(price), tax_rate"),
    _simple("technician", "orders", "technicians", "inventory", "technician_copies", "name, site_id, active, org_path"),
    _simple("labour rate", "finance", "labour_rates", "orders", "labour_rate_copies", "code, name, trim_scale(hourly_rate), tax_rate"),
    replace(
        _simple("customer", "callcenter", "customers", "orders", "customer_copies", "id::text, name, phones, erased_at"),
        opens=(_customer(Customer), _customer(CustomerCopy)),
        secret=True,
    ),
    _simple("bill", "finance", "bills", "orders", "bill_copies", f"number, work_order_id, org_path, round, state, {MONEY}"),
    Copy("requisition of work order", ("inventory", REQUISITIONS), ("orders", REQUISITION_COPIES)),
    Copy("revisit of work order", ("callcenter", REVISITS), ("orders", REVISIT_COPIES)),
    # An order is corrected until it is billed: what hangs on it must have gone along.
    Copy("bill of work order", ("orders", ORDERS.format("billing IS NOT NULL")), ("finance", OF_ORDERS.format("bills", "1, round DESC")), both=True),
    Copy("revisit by customer of work order", ("orders", ORDERS.format("completed_at IS NOT NULL")), ("callcenter", OF_ORDERS.format("revisits", "1")), both=True),
    Copy("requisition by site of work order", ("orders", SITES), ("inventory", SITES_IN_STORE), both=True),
    Copy("parts needed by work order", ("orders", NEEDED_BY_ORDER), ("inventory", NEEDED_IN_STORE)),
)


def check(sources: Sources) -> Iterator[Offender]:
    for each in COPIES:
        holder = each.copy[0]
        for key, owned, copied in sources.merged(each.owner, each.copy):
            ids = (key.partition("/")[0],)
            if each.both and (owned is None or copied is None):
                continue
            if owned is None:
                assert copied is not None
                yield Offender(7, f"{each.noun} {copied[0]} in {holder}", f"{each.owner[0]} has no such row ({key})", ids)
            elif copied is None:
                if not each.some:
                    yield Offender(7, f"{each.noun} {owned[0]} in {holder}", f"is missing ({key})", ids)
            elif each.opens[0](key, owned) != each.opens[1](key, copied):
                yield Offender(7, f"{each.noun} {owned[0]} in {holder}", each.detail(owned, copied), ids)


def _shown(row: tuple[object, ...]) -> str:
    return ", ".join(str(value) for value in row[1:])
