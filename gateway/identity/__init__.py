"""Users (用户), roles (角色), sessions and the organisation tree (组织机构): the face of this context."""

from gateway.identity.announce import epoch_raised, epochs_raised, session_ended
from gateway.identity.org_unit import OrgUnit
from gateway.identity.tree import place
from gateway.identity.views import permissions

__all__ = ["OrgUnit", "epoch_raised", "epochs_raised", "permissions", "place", "session_ended"]
