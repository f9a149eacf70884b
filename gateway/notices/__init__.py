"""In-app notices (站内通知): what somebody is told of, until he has read it. The face of this context."""

from gateway.notices.telling import MOST, Subject, tell

__all__ = ["MOST", "Subject", "tell"]
