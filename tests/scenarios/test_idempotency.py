"""The same key again is the same answer, with another body it is refused, and only what was done is remembered."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.support.case import Case
from tests.support.company import Company, new_phone


def customer_body() -> dict[str, str]:
    return {"name": f"Customer {uuid.uuid4().hex[:8]}", "phone": new_phone()}


def test_same_key_same_answer(company: Company):
    agent, key, body = company.sites[0].as_("agent"), uuid.uuid4().hex, customer_body()
    first, second = (agent.call("POST", "/customers", body, key=key) for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert first.json == second.json
    assert len(agent.get("/customers", phone=body["phone"])["items"]) == 1


def test_same_key_another_body(company: Company):
    agent, key, body = company.sites[0].as_("agent"), uuid.uuid4().hex, customer_body()
    agent.created("/customers", body, key=key)
    agent.refused("POST", "/customers", {**body, "name": "other"}, key=key, status=422, code="idempotency_mismatch")


def test_a_key_belongs_to_principal_method_and_path(company: Company):
    key, body = uuid.uuid4().hex, customer_body()
    first = company.sites[0].as_("agent").created("/customers", body, key=key)
    second = company.sites[1].as_("agent").created("/customers", body, key=key)
    assert first["id"] != second["id"]
    company.sites[0].as_("agent").created("/devices", {"product_id": company.product["id"]}, key=key)


def test_a_refusal_is_not_remembered(company: Company):
    case, key = Case(company).register().assign().start().diagnose(), uuid.uuid4().hex
    path, technician = f"/work-orders/{case.id}/complete", case.site.as_("technician")
    technician.refused("POST", path, {"work_done": "done"}, key=key, status=409, code="quote_missing")
    case.quote().approve()
    answer = technician.call("POST", path, {"work_done": "done"}, key=key)
    assert answer.status == 200, answer.raw


def test_the_same_key_at_once_is_done_once(company: Company):
    agent, key, body = company.sites[0].as_("agent"), uuid.uuid4().hex, customer_body()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: agent.call("POST", "/customers", body, key=key), range(6)))
    assert {answer.status for answer in answers} <= {201, 409}, [answer.raw for answer in answers]
    made = {answer.json["id"] for answer in answers if answer.status == 201}
    assert len(made) == 1
    assert len(agent.get("/customers", phone=body["phone"])["items"]) == 1


def test_a_payment_repeated_is_paid_once(company: Company):
    case = Case(company).to_ready()
    bill, cashier, key = case.billed(), case.site.as_("cashier"), uuid.uuid4().hex
    for _ in range(3):
        paid = cashier.call("POST", f"/bills/{bill['id']}/payments", {"method": "cash", "amount": "100.00"}, key=key)
        assert paid.json["bill"]["open_amount"] == "114.81"
    assert cashier.get(f"/bills/{bill['id']}")["open_amount"] == "114.81"


def test_parallel_payments_never_pass_the_open_amount(company: Company):
    case = Case(company).to_ready()
    bill, cashier = case.billed(), case.site.as_("cashier")
    body = {"method": "cash", "amount": "150.00"}
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: cashier.call("POST", f"/bills/{bill['id']}/payments", body), range(3)))
    assert sorted(answer.status for answer in answers) == [201, 422, 422]
    assert {answer.code for answer in answers if answer.status == 422} == {"over_allocated"}


def test_numbers_have_no_holes_in_parallel(company: Company):
    """Section 9, Number: ten parallel creates give ten different numbers without a hole."""
    agent, site = company.sites[0].as_("agent"), company.sites[0]
    body = {"kind": "repair", "channel": "phone", "site_id": site.id, "problem": "x"}
    agent.get("/me")
    with ThreadPoolExecutor(10) as pool:
        orders = list(pool.map(lambda _: agent.created("/work-orders", body), range(10)))
    numbers = sorted(int(order["number"][6:]) for order in orders)
    assert numbers == list(range(numbers[0], numbers[0] + 10))
