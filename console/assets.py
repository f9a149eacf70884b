"""Static files: read once, compressed once, named by their content so that browsers keep them for a year."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Response, abort, request

FOLDER = Path(__file__).parent / "static"
IMMUTABLE = "public, max-age=31536000, immutable"
SMALLEST = 1024


@dataclass(frozen=True)
class Asset:
    name: str
    content: bytes
    packed: bytes
    digest: str
    kind: str


def bundled(path: str) -> Path:
    """A file that comes with Bootstrap-Flask."""
    spec = importlib.util.find_spec("flask_bootstrap")
    assert spec and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "static" / path


@cache
def table() -> dict[str, Asset]:
    files = {
        f.relative_to(FOLDER).as_posix(): f for f in FOLDER.rglob("*") if f.suffix in {".css", ".js", ".svg"}
    }
    files["vendor/bootstrap.min.css"] = bundled("bootstrap5/css/bootstrap.min.css")
    return {name: _read(name, file) for name, file in files.items()}


def _read(name: str, file: Path) -> Asset:
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or "javascript" in kind
    return Asset(
        name, content, gzip.compress(content, 9, mtime=0), digest, f"{kind}; charset=utf-8" if text else kind
    )


def url(name: str) -> str:
    """Address of a static file, with its content's digest."""
    return f"/static/{name}?{table()[name].digest}"


def serve(name: str) -> Response:
    asset = table().get(name)
    if asset is None:
        abort(404)
    packed = accepts_gzip()
    response = Response(asset.packed if packed else asset.content, content_type=asset.kind)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = IMMUTABLE if request.query_string.decode() == asset.digest else "no-cache"
    response.set_etag(asset.digest)
    response.make_conditional(request)
    return response


def accepts_gzip() -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "").lower()


def pack(response: Response) -> Response:
    """Compresses a page. Tokens in it differ in every answer, so its length tells nothing about them."""
    text = (response.mimetype or "").startswith(("text/", "application/json"))
    if (
        not text
        or response.direct_passthrough
        or response.is_streamed
        or "Content-Encoding" in response.headers
    ):
        return response
    body = response.get_data()
    if len(body) >= SMALLEST and accepts_gzip():
        response.set_data(gzip.compress(body, 5))
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
    return response
