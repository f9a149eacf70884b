"""Worker process: consumers."""

from chassis.messaging.worker import run_worker
from services.inventory.app import SERVICE

if __name__ == "__main__":
    run_worker(SERVICE)
