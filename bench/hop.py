"""The least a gateway can be: aiohttp that passes each request on and the answer back. A floor for `bench gateway`:
``python -m bench.hop http://127.0.0.1:8001 8002``."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

DROPPED = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


def application(upstream: str) -> web.Application:
    async def client(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(auto_decompress=False, connector=aiohttp.TCPConnector(limit=0)) as app["client"]:
            yield

    async def forward(request: web.Request) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in DROPPED}
        body = await request.read()
        async with request.app["client"].request(
            request.method, upstream + request.path_qs, headers=headers, data=body or None
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in DROPPED}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    app = web.Application()
    app.cleanup_ctx.append(client)
    app.router.add_route("*", "/{path:.*}", forward)
    return app


if __name__ == "__main__":
    web.run_app(application(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), print=None, access_log=None)
