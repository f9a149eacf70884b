"""Users (用户), roles (角色), sessions and the organisation tree (组织机构): the face of this context."""

from gateway.identity.announce import epoch_raised, epochs_raised, session_ended
from gateway.identity.org_unit import OrgUnit
from gateway.identity.staff import Person, holders, office_name, one_of_the_staff
from gateway.identity.tree import place
from gateway.identity.views import permissions

__all__ = [
    "OrgUnit", "Person", "epoch_raised", "epochs_raised", "holders", "office_name", "one_of_the_staff", "permissions", "place",
    "session_ended",
]  # fmt: skip
