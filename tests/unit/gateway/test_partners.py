"""Partners' keys, addresses and requests for tokens, without a server."""

from __future__ import annotations

import uuid
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.domain.errors import Forbidden, RateLimited, ScopeMissing, ValidationFailed
from chassis.domain.principal import Principal
from chassis.http import dry_run
from chassis.http.validation import FORM, Body
from gateway.audit.summary import summary
from gateway.limits import Buckets
from gateway.partners.credentials import allowed, claimed, networks, presented
from gateway.partners.errors import InvalidRequest, TwoKeysValid, WrongSecret
from gateway.partners.key import PartnerKey, digest, rotate
from gateway.partners.partner import Partner

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def partner(**members: Any) -> Partner:
    given = {"name": "x", "scopes": ["b.b.b", "a.a.a"], "networks": [], "expires_at": NOW + HOUR, "requests_per_second": None}
    return Partner.create("admin", uuid.uuid4(), "/HQ/", now=NOW, **{**given, **members})


def keys(count: int) -> list[PartnerKey]:
    owner = uuid.uuid4()
    return [PartnerKey.make(owner, "/HQ/", "admin", NOW)[0] for _ in range(count)]


# ---------------------------------------------------------------- keys
def test_a_secret_fits_its_own_key_only() -> None:
    owner = uuid.uuid4()
    key, secret = PartnerKey.make(owner, "/HQ/", "admin", NOW)
    assert key.fits(secret) and not key.fits(secret + "x") and secret not in key.digest
    assert len(secret) >= 43 and digest(owner, secret) != digest(uuid.uuid4(), secret), "a copied digest fits nobody else"


def test_rotation_ends_the_former_key() -> None:
    (only,) = keys(1)
    assert rotate([only], NOW, HOUR) is only
    assert only.ends_at == NOW + HOUR and only.valid(NOW) and not only.valid(NOW + HOUR)


def test_no_third_key_while_two_are_valid() -> None:
    new, old = keys(2)
    old.end(NOW + HOUR)
    with pytest.raises(TwoKeysValid) as refused:
        rotate([new, old], NOW, HOUR)
    assert refused.value.members == {"ends_at": NOW + HOUR}
    assert rotate([new, old], NOW + HOUR, HOUR) is new, "when the older one has run out"


def test_a_later_rotation_does_not_lengthen_a_key() -> None:
    new, old = keys(2)
    old.end(NOW + HOUR)
    new.revoked_at = NOW
    rotate([new, old], NOW, 5 * HOUR)
    assert old.ends_at == NOW + HOUR
    assert rotate([], NOW, HOUR) is None


# ---------------------------------------------------------------- the partner
def test_what_changes_void_tokens() -> None:
    one = partner()
    assert one.scopes == ["a.a.a", "b.b.b"] and one.username == f"partner:{one.client_id}"
    assert not one.change("admin", NOW, name="y") and one.epoch == 1
    assert not one.change("admin", NOW, scopes=["b.b.b", "a.a.a"]) and one.epoch == 1, "the same in another order"
    for number, change in enumerate(({"scopes": ["a.a.a"]}, {"networks": ["10.0.0.0/8"]}, {"expires_at": NOW}, {"requests_per_second": 5}), 2):
        assert one.change("admin", NOW, **change) and one.epoch == number
    assert one.expired(NOW)


def test_disabling_voids_and_enabling_does_not_bring_back() -> None:
    one = partner()
    one.disable("admin", NOW)
    one.enable("admin")
    assert one.epoch == 2


# ---------------------------------------------------------------- addresses
@pytest.mark.parametrize(
    ("address", "within", "good"),
    [
        ("10.1.2.3", [], True), ("10.1.2.3", ["10.0.0.0/8"], True), ("11.1.2.3", ["10.0.0.0/8"], False),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"], True), ("2001:db8::1", ["10.0.0.0/8", "2001:db8::/32"], True),
        ("2001:db9::1", ["2001:db8::/32"], False), ("10.1.2.3", ["::/0"], False), ("unknown", ["0.0.0.0/0"], False), ("", ["::/0"], False),
    ],
)  # fmt: skip
def test_addresses(address: str, within: list[str], good: bool) -> None:
    assert allowed(address, within) is good


def test_networks_in_one_form() -> None:
    assert networks(["10.1.2.3/8", " 192.168.0.7", "2001:DB8::1/32", "10.0.0.0/8"]) == ["10.0.0.0/8", "192.168.0.7/32", "2001:db8::/32"]
    for bad in ("", "10.0.0.0/33", "10.0.0", "example.com", "0x0a000001/8", "10.0.0.0/8/8"):
        with pytest.raises(ValidationFailed):
            networks([bad])


# ---------------------------------------------------------------- requests for tokens
def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


def test_presented() -> None:
    assert presented(basic("a:b"), {}) == presented(None, {"client_id": "a", "client_secret": "b"}) == ("a", "b")
    assert presented(basic("a%3A1:b+c"), {"client_id": "a:1"}) == ("a:1", "b c"), "form-encoded first, as RFC 6749 2.3.1 says"
    assert claimed(basic("a:b"), {}) == "a" and claimed("Basic !", {}) == claimed(None, {}) == ""
    for authorization, body in ((None, {}), (basic("a:b"), {"client_secret": "b"}), (basic("a:b"), {"client_id": "z"})):
        with pytest.raises(InvalidRequest):
            presented(authorization, body)
    for authorization in ("Basic", "Basic !!", basic("ab"), basic("a:" + "x" * 500)):
        with pytest.raises(WrongSecret):
            presented(authorization, {})


@pytest.mark.parametrize("raw", [
    b"", b"\xff:b", b"a:\xff", b"ab", b"a\0:b", b"a:\0", b"a%00:b", b"a:%00", b"a%ff:b", b"a:%c3%28", b"a%ed%a0%80:b", b"a%0a:b", b"a:%1b[2J", b":" * 500,
])
def test_hostile_basic_credentials_are_wrong_ones(raw: bytes) -> None:
    for given in (b64encode(raw).decode(), raw.decode("latin-1")):
        with pytest.raises(WrongSecret):
            presented(f"Basic {given}", {})
        assert claimed(f"Basic {given}", {}) == ""


def test_forms_where_the_contract_offers_them() -> None:
    schema = {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    both = Body({"requestBody": {"content": {"application/json": {"schema": schema}, FORM: {"schema": schema}}}})
    json = Body({"requestBody": {"content": {"application/json": {"schema": schema}}}})
    assert both.parse(b"a=1&b=&c=3", f"{FORM}; charset=utf-8") == {"a": "1"}
    assert both.parse(b'{"a": "1"}') == {"a": "1"} and FORM not in json.media
    for raw in (b"a=1&a=2", b"a=%ff", b"a=\x00"):
        with pytest.raises(ValidationFailed):
            both.parse(raw, FORM)


def test_what_the_audit_log_says_of_a_form() -> None:
    assert summary(b"client_id=pc-1&client_secret=ask_x", form=True) == {"client_id": "pc-1", "client_secret": "***"}
    assert summary(b"\xff", form=True) == {"unreadable": 1}


# ---------------------------------------------------------------- small parts
def test_who_is_told_what_is_missing() -> None:
    with pytest.raises(Forbidden):
        Principal.of("user", "/HQ/", ["a.b.read"]).require("a.b.write")
    with pytest.raises(ScopeMissing) as refused:
        Principal.of("partner:pc-1", "/HQ/", ["a.b.read"]).require("a.b.write")
    assert refused.value.members == {"scope": "a.b.write"}
    Principal.of("partner:pc-1", "/HQ/", ["a.b.read"]).require("a.b.read")


def test_a_rate_of_its_own() -> None:
    now = [0.0]
    buckets = Buckets(100, 400, clock=lambda: now[0])
    for _ in range(4 * 5):
        buckets.spend("slow", 5)
    with pytest.raises(RateLimited):
        buckets.spend("slow", 5)
    now[0] += 1
    for _ in range(5):
        buckets.spend("slow", 5)
    with pytest.raises(RateLimited):
        buckets.spend("slow", 5)
    for _ in range(400):
        buckets.spend("quick", 1000)
    with pytest.raises(RateLimited):
        buckets.spend("quick", 1000)


@pytest.mark.parametrize(("given", "dry"), [({}, False), ({"dry-run": "true"}, True), ({"dry-run": " TRUE "}, True), ({"dry-run": "false"}, False)])
def test_dry_run_header(given: dict[str, str], dry: bool) -> None:
    assert dry_run.asked(given) is dry


@pytest.mark.parametrize("value", ["", "1", "yes", "true, true", "?1", "truе"])
def test_an_unreadable_dry_run_is_no_write(value: str) -> None:
    with pytest.raises(ValidationFailed):
        dry_run.asked({"dry-run": value})
