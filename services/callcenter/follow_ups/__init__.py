"""Follow-ups (跟进单): what a customer whose problem is not solved is owed."""

from services.callcenter.follow_ups.follow_up import FollowUp

__all__ = ["FollowUp"]
