"""Worker process: consumers and timers."""

from chassis.messaging.worker import run_worker
from gateway.app import SERVICE

if __name__ == "__main__":
    run_worker(SERVICE)
