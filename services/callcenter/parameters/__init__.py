"""Company-wide parameters (参数) this service uses, copied from the gateway: the face of this context."""

from services.callcenter.parameters.queries import customers_scope, phone_region, revisit_after_days

__all__ = ["customers_scope", "phone_region", "revisit_after_days"]
