"""`audit-dependencies` against servers that answer as PyPI's JSON API does, or do not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.local import cli, dependencies
from tests.architecture.test_dependencies import PACKAGES

HOLE = {"id": "PYSEC-2021-142", "aliases": ["CVE-2020-14343"], "fixed_in": ["5.4"], "withdrawn": None}
Source = Callable[[dict[str, object]], str]


@pytest.fixture
def source() -> Iterator[Source]:
    """Serves what is known by "name/version": a list of vulnerabilities, text as it stands; nothing of others than ours."""
    servers: list[ThreadingHTTPServer] = []

    def serve(known: dict[str, object]) -> str:
        ours = {f"{name}/{version}": [] for name, version in PACKAGES.items()}
        told = {**ours, "/".join(dependencies.CANARY): [HOLE], **known}

        class Index(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = told.get(self.path.removeprefix("/pypi/").removesuffix("/json"))
                self.send_response(404 if answer is None else 200)
                self.end_headers()
                self.wfile.write((answer if isinstance(answer, str) else json.dumps({"vulnerabilities": answer})).encode())

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Index))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/pypi"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_nothing_known_against_any(source: Source, capsys: pytest.CaptureFixture[str]):
    withdrawn = {f"jinja2/{PACKAGES['jinja2']}": [{**HOLE, "withdrawn": "2025-01-01T00:00:00Z"}]}
    assert cli.main(["audit-dependencies", "--source", source(withdrawn)]) == 0
    assert f"{len(PACKAGES)} of {len(PACKAGES)} packages asked about, 0 vulnerabilities known" in capsys.readouterr().out


def test_a_known_hole_is_named_with_what_mends_it(source: Source, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["audit-dependencies", "--source", source({f"jinja2/{PACKAGES['jinja2']}": [HOLE]})]) == 1
    assert f"jinja2 {PACKAGES['jinja2']}: PYSEC-2021-142 CVE-2020-14343: mended in 5.4" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [None, "<html>", "{}", "[]"])
def test_what_could_not_be_asked_is_not_called_fine(answer: object, source: Source, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["audit-dependencies", "--source", source({f"flask/{PACKAGES['flask']}": answer})]) == 3
    assert f"NOT AUDITED: flask {PACKAGES['flask']}" in capsys.readouterr().err


@pytest.mark.parametrize("known", [[], None])
def test_a_source_that_knows_no_hole_at_all_proves_nothing(known: object, source: Source, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["audit-dependencies", "--source", source({"/".join(dependencies.CANARY): known})]) == 3
    told = capsys.readouterr()
    assert "NOT AUDITED: all of them" in told.err and f"0 of {len(PACKAGES)}" in told.out


def test_a_source_that_is_away_proves_nothing(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["audit-dependencies", "--source", "http://127.0.0.1:1/pypi"]) == 3
    assert "NOT AUDITED: all of them" in capsys.readouterr().err
