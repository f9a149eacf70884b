"""Worker process: consumers and timers."""

from chassis.messaging.worker import run_worker
from services.orders.app import SERVICE

if __name__ == "__main__":
    run_worker(SERVICE)
