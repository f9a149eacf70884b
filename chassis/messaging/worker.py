"""The worker process of a service: consumes its RabbitMQ queue, repeats what failed, runs the timers."""

from __future__ import annotations

from chassis.service import Service


def run_worker(service: Service) -> None:
    """Returns after SIGTERM, when the events in hand are done."""
    # Nameko brings eventlet, which replaces sockets, threads and sleep of the whole process: never in an HTTP process.
    from chassis.messaging import nameko_runtime

    nameko_runtime.run(service)
