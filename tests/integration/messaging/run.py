"""A process of the test suite: ``python -m tests.integration.messaging.run worker``."""

from __future__ import annotations

import sys
from pathlib import Path

from chassis.events import schemas
from tests.integration.messaging.mill.app import SERVICE as MILL
from tests.integration.messaging.shop.app import SERVICE as SHOP

CONTRACTS = Path(__file__).parent / "contracts"

if __name__ == "__main__":
    schemas.add_root(CONTRACTS)
    if sys.argv[1] == "worker":
        from chassis.messaging.worker import run_worker

        run_worker(MILL)
    elif sys.argv[1] == "relay":
        from chassis.messaging.relay import run_relay

        run_relay(SHOP, [SHOP, MILL])
    else:
        from chassis.messaging.courier import run_courier

        run_courier([SHOP, MILL])
