"""One line for each process: name, pid, state, memory (proportional set size), and their sum."""

from __future__ import annotations

import argparse

from deploy.local.memory import of_suite


def configure(parser: argparse.ArgumentParser) -> None:
    pass


def run(arguments: argparse.Namespace) -> int:
    """0 when the suite is up, 1 when it is down."""
    state = arguments.data.state if arguments.data.locked else {}
    if not state:
        print(f"the suite of {arguments.data.path} is down")
        return 1
    print(f"{'process':<20} {'pid':>8} {'state':<10} {'memory':>9}")
    total = 0.0
    for name, memory in of_suite(state).items():
        total += memory or 0.0
        condition = "running" if memory is not None else "down"
        shown = f"{memory:6.1f} MB" if memory is not None else "-"
        print(f"{name:<20} {state['processes'][name]['pid']:>8} {condition:<10} {shown:>9}")
    for name in state.get("down", ()):
        print(f"{name:<20} {'-':>8} {'down':<10} {'-':>9}")
    print(f"{'total':<20} {'':>8} {'ready' if state.get('ready') else 'starting':<10} {total:6.1f} MB   {state['url']}")
    return 0
