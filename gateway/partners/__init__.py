"""Partners' systems (合作伙伴接口, G-25): their keys, their tokens, what they called. The face of this context."""

from gateway.partners.call import CallTrail
from gateway.partners.credentials import check_address, claimed
from gateway.partners.partner import Partner
from gateway.partners.usecases import void_below

__all__ = ["CallTrail", "Partner", "check_address", "claimed", "void_below"]
