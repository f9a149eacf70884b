"""Worker process: consumers and timers."""

from chassis.messaging.worker import run_worker
from services.finance.app import SERVICE

if __name__ == "__main__":
    run_worker(SERVICE)
