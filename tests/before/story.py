"""What is in the data of a version: a company with documents in every state. Told in the words of that version's own tests, so
only in words that it has too (tests/support)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support import files
from tests.support.case import Case
from tests.support.client import Client, eventually
from tests.support.company import PASSWORD, ROLES, Company, new_phone
from tests.support.receiver import Receiver
from tests.support.suites import RunningSuite

EVENTS = ["aftersales.orders.work_order.*", "aftersales.finance.bill.*", "aftersales.callcenter.revisit.*"]
ERASE = {"reason": "asked to be forgotten"}
DAY = "2027-03-01"


def tell(suite: RunningSuite, receiver: Receiver) -> dict[str, Any]:
    """Everything, and what whoever opens the data needs to know: users by role, passwords, documents to carry on with, secrets
    that are told only once."""
    admin = suite.client()
    company = Company(admin)
    for site in company.sites:
        company.receive(site, [(part["id"], 40.5) for part in company.parts])
        for role in ROLES:
            site.as_(role)
    settings(company)
    webhook = subscribed(company, receiver)
    cases = dict(told(company))
    people(company, cases)
    attached(company, cases)
    return {
        "admin": suite.password, "password": PASSWORD, "mark": company.mark,
        "rate": company.rate, "product": company.product, "parts": company.parts,
        "sites": [
            {"code": site.code, "path": site.path, "id": site.id, "technician": site.technician, "good": site.good, "bad": site.bad,
             "users": {role: client.username for role, client in site.clients.items()}}
            for site in company.sites
        ],
        "cases": {name: case.id for name, case in cases.items()},
        "webhook": webhook, "partner": partner(company), "device": devices(company), "outsiders": outsiders(company, cases),
    }


# -- cases ---------------------------------------------------------------------------------------------------------
def told(company: Company) -> Iterator[tuple[str, Case]]:
    """A case in every state of the work order, by what is to be known of it."""
    here, there, south = company.sites
    scarce = company.part("12.34")

    def case(**more: Any) -> Case:
        return Case(company, **{"site": here, "patience": 30.0, **more})

    yield "registered", case().register()
    yield "assigned", appointed(case(site=there).register(channel="phone", external_id="A-17"))
    yield "corrected", corrected(case().register())
    yield "moved", moved(case().register(), south)
    yield "started", case(site=south).register().assign().start()
    yield "diagnosed", case().register().assign().start().diagnose()
    yield "asked", case().to_quoted()
    yield "refused", refused(case().to_quoted())
    yield "quoted again", refused(case().to_quoted()).quote()
    yield "approved", reserved(case().to_quoted().approve())
    yield "short of parts", case(quantities=[(scarce, 2), (company.parts[0], 1)]).to_quoted().approve()
    yield "issued early", issued(case().to_quoted().approve())
    yield "void quote", corrected(reserved(case().to_quoted().approve()))
    yield "done", case().to_quoted().approve().complete()
    yield "parts back", parts_back(case().to_quoted().approve().complete())
    yield "failed check", case().to_quoted().approve().complete().check(False, reason="still sparks")
    yield "unpaid", unpaid(case().to_ready())
    yield "part paid", case(site=there).to_ready().pay("100.00")
    yield "maker's, ready", unpaid(case(in_warranty=True).to_ready())
    yield "free of charge", unpaid(case(hours=0, quantities=[]).to_ready())
    yield "handed over", heard(case().to_ready().pay().hand_over())
    yield "unsolved", case(site=south).to_ready().pay("14.81", "200.00").hand_over().revisit(score=1, solved=False)
    yield "followed up", followed_up(case().to_ready().pay().hand_over(), "solve", {})
    yield "given up", followed_up(case().to_ready().pay().hand_over(), "close", {"reason": "moved away"})
    yield "asked how it was", revisited(case().to_ready().pay().hand_over().revisit(score=4))
    yield "audited", case().walk("100.00", "114.81")
    yield "maker's, audited", case(in_warranty=True, site=south).walk()
    yield "opened again", reopened(case().walk())
    yield "maker pays after all", rebilled(case().walk(), "maker")
    yield "refunded in part", refunded(rebilled(case(site=there).walk(), "maker"), "100.00")
    yield "refunded", refunded(rebilled(case().walk(), "maker"), "214.81").audit()
    yield "difference open", rebilled(case().walk(), "customer", 2.5)
    yield "forgotten", case().walk()
    yield "cancelled", cancelled(case().register())
    yield "cancelled with parts", cancelled(reserved(case().to_quoted().approve()))
    yield "cancelled when done", cancelled(parts_back(case().to_quoted().approve().complete()))


def appointed(case: Case) -> Case:
    body = {"technician_id": case.site.technician["id"], "appointment_start": f"{DAY}T02:00:00Z", "appointment_end": f"{DAY}T03:30:00Z"}
    case.act("dispatcher", "assign", body)
    return case


def changed(case: Case, by: Client, body: dict[str, Any]) -> Case:
    answer = by.call("PATCH", f"/work-orders/{case.id}", body)
    assert answer.ok, answer.raw
    case.order = answer.json
    return case


def corrected(case: Case) -> Case:
    """Taken in for the wrong customer and the wrong device."""
    agent, customer = case.site.as_("agent"), case.company.customer()
    device = {"customer_id": customer["id"], "product_id": case.company.product["id"], "serial_number": f"S-{case.key[:12]}"}
    body = {"customer_id": customer["id"], "device_id": agent.created("/devices", device)["id"], "problem": "smells of burning"}
    return changed(case, agent, body)


def moved(case: Case, site: Any) -> Case:
    changed(case, case.company.admin, {"site_id": site.id})
    case.site = site
    return case


def refused(case: Case) -> Case:
    case.act("agent", "reject", {"reason": "too dear"})
    return case


def reserved(case: Case) -> Case:
    case.wait_for("in_repair", None)
    return case


def issued(case: Case) -> Case:
    reserved(case)
    keeper = case.site.as_("storekeeper")
    [sheet] = keeper.get("/requisitions", work_order_id=case.id)["items"]
    case.send(keeper, f"/requisitions/{sheet['id']}/issue", {})
    return case


def parts_back(case: Case) -> Case:
    """One good part and two bad ones, once inventory has told that they are out."""
    lines = [{"part_id": part["id"], "quantity": quantity, "quality": quality}
             for (part, quantity), quality in zip(case.quantities, ("good", "bad"), strict=True)]
    case.send(case.site.as_("storekeeper"), f"/work-orders/{case.id}/return-parts", {"lines": lines})
    return case


def unpaid(case: Case) -> Case:
    case.billed()
    return case


def heard(case: Case) -> Case:
    """Customer service has its task."""
    eventually(lambda: case.site.as_("agent").get("/revisits", work_order_id=case.id)["items"], "revisit")
    return case


def revisited(case: Case) -> Case:
    case.wait_for("revisited", None)
    return case


def followed_up(case: Case, verb: str, body: dict[str, Any]) -> Case:
    case.revisit(score=2, solved=False)
    manager = case.site.as_("manager")
    [task] = eventually(lambda: manager.get("/follow-ups", work_order_id=case.id)["items"], "follow-up")
    case.send(manager, f"/follow-ups/{task['id']}/{verb}", body)
    return revisited(case)


def reopened(case: Case) -> Case:
    """By an administrator who acts for the site."""
    tokens = case.company.admin.call("POST", "/auth/act-for", {"org_unit_code": case.site.code, "reason": "wrong payer"})
    acting = Client(case.company.admin.base, token=tokens.json["access_token"])
    case.order = case.send(acting, f"/work-orders/{case.id}/unaudit", {"reason": "wrong payer"})
    eventually(lambda: case.site.as_("manager").get("/reversals", work_order_id=case.id)["items"], "reversal")
    return case


def rebilled(case: Case, payer: str, hours: float | None = None) -> Case:
    labour = {"labour": [{"rate_code": case.company.rate["code"], "hours": hours}]} if hours else {}
    reopened(case).act("manager", "rebill", {"charged_to": payer, **labour})
    eventually(lambda: len(case.site.as_("cashier").get("/bills", work_order_id=case.id)["items"]) == 2, "second bill")
    return case if hours else revisited(case)


def refunded(case: Case, amount: str) -> Case:
    cashier = case.site.as_("cashier")
    [credit] = cashier.get("/credits", work_order_id=case.id)["items"]
    case.send(cashier, f"/credits/{credit['id']}/refunds", {"method": "bank", "amount": amount}, 201)
    return case


def cancelled(case: Case) -> Case:
    case.act("agent", "cancel", {"reason": "sold it"})
    return case


# -- what lies around the cases ---------------------------------------------------------------------------------------
def settings(company: Company) -> None:
    """A parameter changed twice, a price and a rate changed once, a role of the company's own, somebody who has left."""
    admin = company.admin
    for days in (2, 5):
        admin.put("/parameters/revisit.after_days", {"value": days})
    for path, body in ((f"/parts/{company.parts[1]['id']}", {"name": "轴承"}), (f"/labour-rates/{company.rate['id']}", {"name": "工时费"})):
        assert admin.call("PATCH", path, body).ok
    role: dict[str, Any] = {"code": "reader", "name_zh": "查看员", "name_en": "Reader", "permissions": ["orders.work_order.read"]}
    admin.created("/roles", role)
    left = company.user(f"left-{company.mark}".lower(), company.north.code, [role["code"]])
    assert admin.call("POST", f"/users/{left['id']}/delete", {}).ok


def people(company: Company, cases: dict[str, Case]) -> None:
    """Consents, disclosures, a number that was looked at, a device of nobody; and a customer who is gone."""
    admin, customer = company.admin, cases["audited"].customer["id"]
    for given in (True, False):
        admin.created("/consents", {"customer_id": customer, "kind": "marketing", "given": given, "stated_on": "2026-01-01", "channel": "paper"})
    admin.created("/disclosures", {"customer_id": customer, "basis": "contract", "recipient": "carrier", "purpose": "delivery", "data": ["contact", "bills"]})
    assert admin.call("POST", f"/customers/{customer}/export", {"purpose": "his request"}).ok
    seen = cases["started"]
    assert seen.site.as_("technician").call("POST", f"/work-orders/{seen.id}/reveal-phone", {}).ok
    assert admin.call("PATCH", f"/customers/{customer}", {"name": "王小红", "phones": [new_phone(), "+862161234567"]}).ok
    company.device(None, None)
    gone = cases["forgotten"].customer["id"]
    eventually(lambda: admin.call("POST", f"/customers/{gone}/erase", ERASE).ok, "nothing of his is open")
    eventually(lambda: admin.get(f"/customers/{gone}")["erased_at"], "customer service has heard of it")


def attached(company: Company, cases: dict[str, Case]) -> None:
    """Files of every kind at an order, one deleted, one put back; a photo at a device."""
    order = f"/work-orders/{cases['unpaid'].id}/attachments"
    ids = [sent(company.admin, order, name, content)["id"] for name, content in files.every_kind().items()]
    for one, verbs in zip(ids, (["delete"], ["delete", "restore"]), strict=False):
        for verb in verbs:
            assert company.admin.call("POST", f"{order}/{one}/{verb}", {}).ok
    device = f"/devices/{cases['unpaid'].device['id']}/attachments"
    sent(company.sites[0].as_("technician"), device, "铭牌.png", files.png(40, 30, padding=3000))


def sent(client: Client, path: str, name: str, content: bytes) -> dict[str, Any]:
    raw, headers = files.form(name, content)
    answer = client.call("POST", path, raw=raw, headers=headers)
    assert answer.status == 201, answer.raw
    document: dict[str, Any] = answer.json
    return document


def outsiders(company: Company, cases: dict[str, Case]) -> dict[str, str]:
    """Names of the accounts of a customer, a dealer with an order of his own, and a supplier."""
    site, own = company.sites[0], cases["part paid"]
    parties = {"customer": company.party("customer", customer_id=own.customer["id"]), "dealer": company.party("dealer"),
               "supplier": company.party("supplier")}
    accounts = {kind: company.outsider(party) for kind, party in parties.items()}
    order = {"kind": "repair", "channel": "partner", "site_id": site.id, "problem": "for a dealer", "dealer_id": parties["dealer"]["id"]}

    def known() -> bool:
        return company.admin.call("POST", "/work-orders", order).ok

    eventually(known, "orders has heard of the dealer")
    return {kind: str(account.username) for kind, account in accounts.items()}


def partner(company: Company) -> dict[str, str]:
    body = {"name": f"shop of {company.mark}", "org_unit_code": company.sites[0].code, "scopes": ["orders.work_order.read"],
            "expires_at": "2099-01-01T00:00:00Z"}
    made = company.admin.created("/partners", body)
    disabled = company.admin.created("/partners", {**body, "name": f"former shop of {company.mark}"})
    assert company.admin.call("POST", f"/partners/{disabled['id']}/disable", {}).ok
    return {"client_id": made["client_id"], "client_secret": made["client_secret"]}


def devices(company: Company) -> dict[str, str]:
    """A branch that lets in known devices only: one is approved, one revoked, one waits. How to sign in on the first."""
    admin, branch, username = company.admin, company.north.code, f"devices-{company.north.code}".lower()
    company.user(username, branch, ["manager"])
    [unit] = admin.get("/org-units", code=branch)["items"]
    assert admin.call("PATCH", f"/org-units/{unit['id']}", {"devices_checked": True}).ok
    sign_in = {"grant_type": "password", "username": username, "password": PASSWORD}
    for label in ("approve", "revoke", "wait"):
        body = {**sign_in, "device_key": f"{label}-{company.mark}-of-a-story", "device_label": label}
        assert Client(admin.base).call("POST", "/auth/token", body).code == "device_not_allowed"
    for device in admin.get("/sign-in-devices")["items"]:
        if device["label"] != "wait":
            assert admin.call("POST", f"/sign-in-devices/{device['id']}/{device['label']}", {}).ok
    return {**sign_in, "device_key": f"approve-{company.mark}-of-a-story"}


def subscribed(company: Company, receiver: Receiver) -> dict[str, str]:
    """A webhook that is told of one site's documents."""
    body = {"name": "经销商", "url": receiver.url, "events": EVENTS, "org_unit_code": company.sites[2].code}
    made = company.admin.created("/webhooks", body)
    disabled = company.admin.created("/webhooks", {**body, "name": "former"})
    assert company.admin.call("POST", f"/webhooks/{disabled['id']}/disable", {}).ok
    return {"id": made["id"], "secret": made["secret"]}
