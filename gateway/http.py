"""HTTP process (ASGI application)."""

from gateway.app import SERVICE
from gateway.front import Front

app = Front(SERVICE)
