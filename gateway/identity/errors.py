"""Errors of sign-in and users."""

from chassis.domain.errors import DomainError, Kind


class WrongPassword(DomainError):
    """Sign-in refused; says the same for a name that nobody has. ``failures`` so far, ``limit`` locks the account (G-02)."""

    code, kind = "unauthenticated", Kind.UNAUTHENTICATED

    def __init__(self, failures: int, limit: int) -> None:
        super().__init__(failures=failures, limit=limit)


class AccountLocked(DomainError):
    """Too many wrong passwords; also refuses the right one until an administrator unlocks (G-02)."""

    code, kind = "account_locked", Kind.LOCKED

    def __init__(self, limit: int) -> None:
        super().__init__(failures=limit, limit=limit)


class ScreenLocked(DomainError):
    """The session's screen is locked: first its own password (G-03)."""

    code, kind = "screen_locked", Kind.LOCKED


class AccountDisabled(DomainError):
    """Right password of a user who was disabled (G-08)."""

    code, kind = "account_disabled", Kind.FORBIDDEN


class ContractEnded(DomainError):
    """Right password of an outside account whose party's contract is over (G-10). ``ended_on``: its last day."""

    code, kind = "contract_ended", Kind.FORBIDDEN


class CustomerErased(DomainError):
    """Personal data of the party's customer was erased (C-04): nothing of it is opened again. Members: ``erased_at``."""

    code, kind = "customer_erased", Kind.CONFLICT


class PasswordChangeRequired(DomainError):
    """Signed in with a password that was given, not chosen: only its change is allowed (G-05)."""

    code, kind = "password_change_required", Kind.FORBIDDEN


class OldWrong(DomainError):
    code, kind = "old_wrong", Kind.UNPROCESSABLE


class ConfirmMismatch(DomainError):
    code, kind = "confirm_mismatch", Kind.UNPROCESSABLE


class WeakPassword(DomainError):
    """Shorter than the parameter ``password.min_length``, or the old one again (G-04)."""

    code, kind = "weak_password", Kind.UNPROCESSABLE


class BuiltinRole(DomainError):
    """The administrator's rights are fixed: without them nobody could give rights any more (G-09)."""

    code, kind = "builtin_role", Kind.CONFLICT


class HasChildren(DomainError):
    """A unit with units, users or both below it is not deleted (G-11). ``units`` and ``users``: the first of them."""

    code, kind = "has_children", Kind.CONFLICT


class LastAdministrator(DomainError):
    """Nobody else could manage users and roles of the whole company any more."""

    code, kind = "last_administrator", Kind.CONFLICT


class DeviceNotAllowed(DomainError):
    """The unit lets its people sign in on approved devices only (G-22). ``device``: unknown, pending or revoked."""

    code, kind = "device_not_allowed", Kind.FORBIDDEN

    def __init__(self, device: str) -> None:
        super().__init__(device=device)
