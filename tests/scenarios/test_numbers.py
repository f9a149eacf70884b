"""R-01 through the gateway: a rule set by an administrator holds in every service within seconds, and no number comes twice."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.client import eventually
from tests.support.company import Company

RULE = {"digits": 4, "reset": "monthly"}
RESOURCES = {"work_order": "order-numbers", "stock_receipt": "stock-numbers", "payment": "finance-numbers"}


def test_rules_of_numbers(company: Company):
    admin, agent = company.admin, company.sites[0].as_("agent")
    before = {kind: admin.get(f"/parameters/number.{kind}")["value"] for kind in RESOURCES}
    body = {"kind": "repair", "channel": "phone", "site_id": company.sites[0].id, "problem": "does not start"}

    def rule(kind: str, **value: Any) -> dict[str, Any]:
        admin.put(f"/parameters/number.{kind}", {"value": {**before[kind], **value}})
        shown = f"/{RESOURCES[kind]}/{kind}"

        def there() -> dict[str, Any] | None:
            found = admin.get(shown)
            return found if all(found[name] == wanted for name, wanted in value.items()) else None

        return eventually(there, f"the rule of {kind} in its service")

    try:
        first = agent.created("/work-orders", body)["number"]
        for kind in RESOURCES:
            assert rule(kind, digits=1, reset="never")["next_number"] == before[kind]["prefix"] + "1"
        with ThreadPoolExecutor(4) as pool:
            made = [order["number"] for order in pool.map(lambda _: agent.created("/work-orders", body), range(8))]
        assert sorted(made) == [f"{before['work_order']['prefix']}{n}" for n in range(1, 9)]
        admin.refused("POST", "/order-numbers/work_order/reset", {}, status=409, code="number_conflict")
        rule("work_order", digits=2, reset="never")
        assert admin.post("/order-numbers/work_order/reset")["next_number"].endswith("01")
        company.sites[0].as_("manager").refused("POST", "/order-numbers/work_order/reset", {}, status=403, code="forbidden")
        admin.refused(
            "PUT", "/parameters/number.payment", {"value": {**RULE, "prefix": before["work_order"]["prefix"]}},
            status=409, code="number_conflict",
        )  # fmt: skip
        rule("work_order", **RULE)
        assert agent.created("/work-orders", body)["number"] > first, "the month goes on where it was"
    finally:
        for kind in RESOURCES:
            rule(kind, **before[kind])
