"""9. A customer who was erased is erased everywhere (C-04): in customer service, in the copies, on documents, at the door."""

from __future__ import annotations

from collections.abc import Iterator

from chassis.db.sealed import opened
from chassis.domain.masking import ERASED
from contracts.reconcile.sources import Offender, Sources
from gateway.identity.party import Party
from services.callcenter.customers.customer import Customer
from services.orders.masters import CustomerCopy

DECIDED = """SELECT e.id::text, c.name, c.phones, cardinality(c.phone_marks) FROM erasures e
    LEFT JOIN customer_copies c ON c.id = e.id ORDER BY e.id::text"""
DONE = """SELECT c.id::text, c.name, c.phones, coalesce(m.marks, 0), c.erased_at IS NOT NULL FROM customers c
    LEFT JOIN (SELECT customer_id, count(*) AS marks FROM customer_marks WHERE customer_id IN (
        SELECT id FROM customers WHERE erased_at IS NOT NULL OR id = ANY (%s::uuid[])) GROUP BY 1) m ON m.customer_id = c.id
    WHERE c.erased_at IS NOT NULL OR c.id = ANY (%s::uuid[]) ORDER BY c.id::text"""
NAMING = """SELECT w.id::text, w.number FROM work_orders w JOIN erasures e ON e.id = w.customer_id
    WHERE EXISTS (SELECT FROM hand_overs h WHERE h.work_order_id = w.id AND h.received_by <> %(word)s)
    OR EXISTS (SELECT FROM quotes q WHERE q.work_order_id = w.id AND q.approved_by <> %(word)s)
    OR EXISTS (SELECT FROM journal j WHERE j.entity_id = w.id
               AND (j.data->>'approved_by' <> %(word)s OR j.data->>'received_by' <> %(word)s))
    UNION SELECT w.id::text, w.number FROM former_customers f JOIN erasures e ON e.id = f.customer_id JOIN work_orders w ON w.id = f.work_order_id
    WHERE EXISTS (SELECT FROM quotes q WHERE q.work_order_id = w.id AND q.version <= f.quote_version AND q.approved_by <> %(word)s)
    OR EXISTS (SELECT FROM journal j WHERE j.entity_id = w.id AND j.data->>'approved_by' <> %(word)s
               AND (j.data->>'version')::int <= f.quote_version) ORDER BY 1"""

PARTIES = """SELECT p.customer_id::text, p.id::text, p.name, p.erased_at IS NOT NULL,
    EXISTS (SELECT FROM users u WHERE u.party_id = p.id AND (u.active OR u.name <> %s)) FROM parties p
    WHERE p.customer_id = ANY (%s::uuid[]) ORDER BY 1"""


def check(sources: Sources) -> Iterator[Offender]:
    """``erasures`` of orders is what was decided; a customer who is erased without one, or not erased with one, offends."""
    decided = sources.table("orders", DECIDED)
    done = sources.table("callcenter", DONE, (list(decided),) * 2)
    for id_ in sorted(decided.keys() | done.keys()):
        if id_ not in decided:
            yield Offender(9, f"customer {id_}", "is erased in callcenter, and orders never decided so", (id_,))
            continue
        name, phones, marks = decided[id_]
        if name is None or not _gone(CustomerCopy, id_, name, phones, marks):
            yield Offender(9, f"customer {id_} in orders", "was erased and is still named", (id_,))
        if id_ in done and not (done[id_][3] and _gone(Customer, id_, *done[id_][:3])):
            yield Offender(9, f"customer {id_} in callcenter", "was erased and is still named", (id_,))
    for customer, id_, name, erased, people in sources.rows("gateway", PARTIES, (ERASED, list(decided))):
        if people or not erased or opened(Party.name, bytes(name), id_) != ERASED:
            yield Offender(9, f"party {id_}", "signs in for an erased customer, or is still named", (customer,))
    for id_, number in sources.rows("orders", NAMING, {"word": ERASED}):
        yield Offender(9, f"work order {number}", "names people of an erased customer", (id_,))


def _gone(cls: type[Customer | CustomerCopy], id_: str, name: bytes, phones: bytes, marks: int) -> bool:
    return (opened(cls.name, bytes(name), id_), opened(cls.phones, bytes(phones), id_), marks) == (ERASED, [], 0)
