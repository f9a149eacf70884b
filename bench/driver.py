"""Cases on a suite that is up, as many as each line of standard input asks for; told is what one took, in milliseconds.

`bench beside` runs one for each of two checkouts, each with its own code.
"""

from __future__ import annotations

import itertools
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

STOCK = 100_000


def main(data: str, clients: int) -> None:
    from tests.support.campaign import Campaign
    from tests.support.company import Company
    from tests.support.suites import RunningSuite

    company = Company(RunningSuite.attached(Path(data)).client(patience=60.0))
    for site in company.sites:
        company.receive(site, [(part["id"], STOCK) for part in company.parts])
    campaign, indexes = Campaign(company, 0), itertools.count()
    with ThreadPoolExecutor(clients) as pool:
        print("ready", flush=True)
        for line in sys.stdin:
            count = int(line)
            began = time.perf_counter()
            list(pool.map(campaign.run, itertools.islice(indexes, count)))
            print((time.perf_counter() - began) / count * 1000, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
