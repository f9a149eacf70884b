"""HTTP process (ASGI application)."""

from chassis.http.app import build_app
from services.inventory.app import SERVICE

app = build_app(SERVICE)
