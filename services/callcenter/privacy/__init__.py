"""Privacy (隐私): what a customer allowed, and to whom his data was given. The face of this context."""

from services.callcenter.privacy.queries import consents_of

__all__ = ["consents_of"]
