"""HTTP process (ASGI application)."""

from chassis.http.app import build_app
from services.callcenter.app import SERVICE

app = build_app(SERVICE)
