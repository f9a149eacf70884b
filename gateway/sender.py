"""Sender process: webhooks to partners' systems."""

from gateway.app import SERVICE
from gateway.webhooks.sender import run_sender

if __name__ == "__main__":
    run_sender(SERVICE)
