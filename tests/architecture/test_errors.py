"""The catalogue of error codes and the classes agree, both ways."""

import ast
from collections.abc import Iterator

from chassis import contracts
from chassis.domain.errors import DomainError
from chassis.http.problems import STATUS
from tests.support.cells import over
from tests.support.world import ROOT, services, sources

services()
CATALOGUE = contracts.errors()


def classes(of: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    for cls in of.__subclasses__():
        if not cls.__module__.startswith("tests."):
            yield cls
        yield from classes(cls)


@over("cls", sorted({cls for cls in classes() if hasattr(cls, "code")}, key=lambda cls: cls.__qualname__), lambda cls: cls.__qualname__)
def test_every_class_is_in_the_catalogue(cls: type[DomainError]):
    """All but the bases of others, which have none."""
    code = cls.code
    assert code in CATALOGUE, f"{code} of {cls.__qualname__} is not in contracts/common/errors.yaml"
    assert CATALOGUE[code]["kind"] == cls.kind.value


@over("code", CATALOGUE)
def test_every_code_is_whole_and_used(code: str):
    entry = CATALOGUE[code]
    kinds = {kind.value: status for kind, status in STATUS.items()}
    assert kinds[entry["kind"]] == entry["status"]
    assert entry["zh"] and entry["en"] and entry["zh"] != entry["en"]
    assert code == code.lower() and code.replace("_", "").isalnum()
    used = {cls.code for cls in classes() if hasattr(cls, "code")}
    assert code in used or any(f'"{code}"' in path.read_text(encoding="utf-8") for path in sources()), f"nobody raises {code}"


def test_every_detail_in_words_is_told_in_chinese_too():
    names = {cls.__name__ for cls in classes()}
    calls = [node for path in sources() for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    said = {
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in names and call.args and isinstance(call.args[0], ast.Constant)
    }
    assert {detail for detail in said if isinstance(detail, str) and " " in detail} == set(contracts.details())


def test_codes_stand_in_alphabetical_order():
    lines = (ROOT / "contracts/common/errors.yaml").read_text(encoding="utf-8").splitlines()
    codes = [line.split(":")[0] for line in lines if line and not line.startswith(("#", " "))]
    assert codes == sorted(codes)


def test_the_promised_codes_have_their_status():
    """The table of the interface, which others rely on."""
    promised = {
        400: "malformed_json bad_sort bad_limit validation_failed", 401: "unauthenticated", 423: "account_locked",
        403: "forbidden", 404: "not_found",
        409: "bad_transition stale_version duplicate insufficient_stock slot_taken parts_not_issued quote_missing bill_open "
             "bill_exists parts_not_returned",
        422: "unknown_reference over_allocated duplicate_line idempotency_mismatch", 413: "payload_too_large",
        429: "rate_limited",
    }
    for status, codes in promised.items():
        assert {code: CATALOGUE[code]["status"] for code in codes.split()} == dict.fromkeys(codes.split(), status)
