"""Errors of partners' systems. At the token endpoint they carry ``error`` and ``error_description`` besides, as OAuth2 clients
expect (RFC 6749 5.2); both documents in one, since problem documents may have members of their own (RFC 9457 3.2)."""

from __future__ import annotations

from typing import ClassVar

from chassis.domain.errors import DomainError, Kind, ValidationFailed


class OAuthError(DomainError):
    """``error``: the word of RFC 6749 for it. ``said``: ASCII, for the developer at the other end."""

    error: ClassVar[str]
    said: ClassVar[str]

    def __init__(self, **members: object) -> None:
        super().__init__("", error=self.error, error_description=self.said, **members)


class WrongSecret(OAuthError):
    """The same for a client nobody knows, a secret that is none, and a revoked key."""

    code, kind, error = "unauthenticated", Kind.UNAUTHENTICATED, "invalid_client"
    challenge = 'Basic realm="partners"'
    said = "unknown client or wrong secret"


class KeyExpired(OAuthError):
    """The right secret of a key, or of a client, whose time is over."""

    code, kind, error = "key_expired", Kind.UNAUTHENTICATED, "invalid_client"
    challenge = 'Basic realm="partners"'
    said = "the key has expired"


class ClientDisabled(OAuthError):
    """Switched off by an administrator."""

    code, kind, error = "account_disabled", Kind.FORBIDDEN, "unauthorized_client"
    said = "the client is disabled"


class AddressNotAllowed(OAuthError):
    """The caller's address is in none of the client's networks."""

    code, kind, error = "address_not_allowed", Kind.FORBIDDEN, "unauthorized_client"
    said = "not from this address"


class InvalidScope(OAuthError):
    """``scope`` names what the client was not granted."""

    code, kind, error = "invalid_scope", Kind.MALFORMED, "invalid_scope"
    said = "a scope that was not granted"


class UnsupportedGrantType(OAuthError):
    code, kind, error = "unsupported_grant_type", Kind.MALFORMED, "unsupported_grant_type"
    said = "only client_credentials"


class InvalidRequest(ValidationFailed):
    """A token request that lacks or doubles something."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__([{"field": field, "code": code}])
        self.members |= {"error": "invalid_request", "error_description": f"{field}: {code}"}


class TwoKeysValid(DomainError):
    """A rotation is under way: the older key must run out, or be revoked, before the next (G-25)."""

    code = "two_keys_valid"
