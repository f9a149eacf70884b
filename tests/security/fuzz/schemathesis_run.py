"""The same contracts read by Schemathesis: a generator and a judge that know nothing of this suite but its OpenAPI.

Two of its ways are used, through the gateway: its coverage cases (for each parameter and member the values at and beyond every limit,
members left out, members doubled, methods that are not declared) and fuzzing with data that fits and data that does not. Held against
each answer: no fault, declared status, media type and shape, no data accepted that does not fit, no undeclared method, no deed
without the right."""

from __future__ import annotations

import re
import uuid
import warnings
from collections import Counter
from contextlib import suppress
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed as seeded, settings, strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as contract

from tests.security.fuzz.fuzzing import GUESSES, SELF, UNHEARD, Tally, pool
from tests.security.matrix.cells import expectations
from tests.security.matrix.world import World
from tests.support import contracts
from tests.support.client import Client

CHECKS = [
    checks.not_a_server_error, contract.status_code_conformance, contract.content_type_conformance, contract.response_schema_conformance,
    contract.negative_data_rejection, contract.unsupported_method,
]  # fmt: skip
LEFT_OUT = {*SELF, *GUESSES, *UNHEARD}
"""What ends sessions or never ends: our own fuzzer keeps spare users for these."""


class Prober:
    """``examples`` of fitting and of unfitting data for each operation, after at most ``coverage`` coverage cases."""

    def __init__(self, world: World, examples: int, coverage: int, seed: int = 0) -> None:
        self.world, self.examples, self.coverage, self.seed = world, examples, coverage, seed
        self.tally, self.sent = Tally(), Counter[str]()
        self.powerless = self._powerless()
        self.wire = requests.Session()
        published = requests.get(f"{world.suite.base}/api/docs/openapi.json", timeout=30).json()
        for part in (published, *(spec for item in published["paths"].values() for spec in item.values())):
            part.pop("security", None)  # it would send calls without a token, which matrix/test_tokens does for every operation
        self.schema = schemathesis.openapi.from_dict(published)
        self.schema.config.update(base_url=f"{world.suite.base}/api/v1")

    @cached_property
    def operations(self) -> dict[str, Any]:
        """By key; read once, since reading resolves every reference of the document."""
        found = [result.ok() for result in self.schema.get_all_operations()]
        return {self.key(one): one for one in found if self.key(one) not in LEFT_OUT}

    @staticmethod
    def key(operation: Any) -> str:
        return f"{operation.method.upper()} {operation.path}"

    def probe(self, operation: Any) -> None:
        """Raises what Schemathesis found wrong, with a curl line that repeats it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parts of a schema it cannot generate from
            for number, case in enumerate(self._coverage(operation)):
                if number >= self.coverage:
                    break
                self._send(operation, case, "coverage")
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                self._fuzz(operation, mode)

    def _coverage(self, operation: Any) -> Any:
        generation = self.schema.config.generation_for(operation=operation)
        return self.schema.iter_coverage_cases(operation, generation_modes=list(GenerationMode), generation_config=generation)

    def _fuzz(self, operation: Any, mode: GenerationMode) -> None:
        steps = settings(max_examples=self.examples, deadline=None, database=None, derandomize=self.seed == 0, phases=[Phase.generate],
                         suppress_health_check=list(HealthCheck), print_blob=False)

        @steps
        @given(st.data())
        def send(data: st.DataObject) -> None:
            ids = {name: data.draw(st.sampled_from(pool(self.world, name) or ["tax.rate"]))
                   for name in re.findall(r"\{(\w+)\}", operation.path)} if mode is GenerationMode.POSITIVE else None
            options = {"path_parameters": ids} if ids else {}
            case = data.draw(operation.as_strategy(generation_mode=mode, **options))
            self._send(operation, case, mode.value)

        with suppress(Unsatisfiable):  # nothing in it can be wrong: no parameters, no body
            (seeded(self.seed)(send) if self.seed else send)()

    def _send(self, operation: Any, case: Any, how: str) -> None:
        self.sent[how] += 1
        powerless = sum(self.sent.values()) % 4 == 0 and expectations()[self.key(operation)].reach in ("shared", "scoped")
        client: Client = self.powerless if powerless else self.world.admin
        token = {"Authorization": f"Bearer {client._bearer()}", "Accept-Language": "en"}
        case.headers = {name: value for name, value in (case.headers or {}).items() if name.lower() not in ("authorization", "accept-language")}
        response = case.call(session=self.wire, headers=token, timeout=30)
        self.tally.requests += 1
        self.tally.statuses[response.status_code] += 1
        self.tally.accepted += response.status_code < 300
        left_out = {contract.negative_data_rejection} if powerless else set()
        if contracts.find(case.method.upper(), urlsplit(str(response.request.url)).path.removeprefix(contracts.BASE)):
            left_out.add(contract.unsupported_method)  # another operation's: GET /work-orders/history asks for the order "history"
        case.validate_response(response, checks=[one for one in CHECKS if one not in left_out])
        if powerless and case.method.upper() == operation.method.upper():
            assert response.status_code >= 400 or self._granted(), f"done without the right: {case.as_curl_command()}"

    def _granted(self) -> bool:
        """Whether what we send meanwhile has given our powerless user a right, through a role of his unit: then another takes
        his place."""
        if not self.powerless.get("/me")["permissions"]:
            return False
        self.powerless = self._powerless()
        return True

    def _powerless(self) -> Client:
        """In a unit of his own, of which nobody knows."""
        name = f"probe-{uuid.uuid4().hex[:8]}"
        self.world.admin.created("/org-units", {"code": name.upper(), "name": name, "kind": "site", "parent_code": "HQ"})
        self.world.company.user(name, name.upper(), [])
        return Client(self.world.suite.base, token=self.world.fresh(name)["access_token"])
