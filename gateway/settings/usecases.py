"""Reading and setting parameters (G-16)."""

from __future__ import annotations

from contextlib import suppress
from string import ascii_uppercase
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import new_id
from chassis.domain.errors import Forbidden, NotFound, NumberConflict, StaleVersion
from gateway.settings.catalogue import Definition, catalogue, definitions
from gateway.settings.parameter import Claim, Parameter, ParameterChange


def value(uow: UnitOfWork, key: str) -> Any:
    """The value in force, for use cases of the gateway itself."""
    parameter = uow.one(Parameter, key=key)
    return catalogue()[key].default if parameter is None else parameter.value


def read(uow: UnitOfWork, key: str, *, lock: bool = False) -> Parameter:
    """Unknown keys are NotFound."""
    found = uow.one(Parameter, key=key, lock=lock) if key in catalogue() else None
    if found is None:
        raise NotFound()
    return found


def put(uow: UnitOfWork, key: str, value: Any) -> Parameter:
    """Sets a value; the history names the author. The same value again changes nothing. NumberConflict when it claims what is
    another parameter's or was (R-01)."""
    parameter = read(uow, key, lock=True)
    if not parameter.definition.may_be_set_by(uow.principal):
        raise Forbidden("how people sign in is headquarters' business")
    if uow.expected_version is not None and uow.expected_version[1] != parameter.version:
        raise StaleVersion()
    before = parameter.held
    if parameter.set(value):
        _claim(uow, parameter.definition, value)
        change = ParameterChange(
            id=new_id(), parameter_id=parameter.id, at=uow.now, author=uow.actor, before=before, after=parameter.held
        )
        uow.add(change)
    return parameter


def ship(uow: UnitOfWork) -> None:
    """Brings what the release ships: new parameters, and new defaults of those that nobody set."""
    known = {parameter.key: parameter for parameter in uow.find(Parameter, lock=True)}
    for key, definition in definitions().items():
        value = _unclaimed(uow, definition)  # what waits for its function is kept for it
        if definition.waits:
            continue
        if key in known:
            known[key].ship_again(value)
        else:
            uow.add(Parameter.ship(definition, value))


def _claim(uow: UnitOfWork, definition: Definition, value: Any) -> None:
    """Two who claim the same at once wait for each other: the second finds the first's."""
    if not definition.claims:
        return
    claimed = value[definition.claims]
    uow.execute(insert(Claim).values(value=claimed, key=definition.key).on_conflict_do_nothing())
    if uow.rows(select(Claim.key).where(Claim.value == claimed))[0].key != definition.key:
        raise NumberConflict(field=f"value.{definition.claims}")


def _unclaimed(uow: UnitOfWork, definition: Definition) -> Any:
    """What ships; with another letter behind it, where a company gave what it claims to something else before."""
    for letter in ("", *ascii_uppercase):
        value = {**definition.default, definition.claims: definition.default[definition.claims] + letter} if definition.claims else definition.default
        with suppress(NumberConflict):
            _claim(uow, definition, value)
            return value
    raise NumberConflict(field=definition.key)
