"""Relay process: outbox to broker."""

from chassis.messaging.relay import run_relay
from services.finance.app import SERVICE

if __name__ == "__main__":
    run_relay(SERVICE)
