"""What happens now, as server-sent events (实时推送): a table of the last day, fed by events of the services. The face of this
context."""

from gateway.streams.stream_event import StreamEvent, append

__all__ = ["StreamEvent", "append"]
