"""Reading and setting parameters (G-16)."""

from __future__ import annotations

from typing import Any

from chassis.db.uow import UnitOfWork
from chassis.domain.aggregate import new_id
from chassis.domain.errors import Forbidden, NotFound, StaleVersion
from gateway.settings.catalogue import catalogue
from gateway.settings.parameter import Parameter, ParameterChange


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
    """Sets a value; the history names the author. The same value again changes nothing."""
    parameter = read(uow, key, lock=True)
    if not parameter.definition.may_be_set_by(uow.principal):
        raise Forbidden("how people sign in is headquarters' business")
    if uow.expected_version is not None and uow.expected_version[1] != parameter.version:
        raise StaleVersion()
    before = parameter.held
    if parameter.set(value):
        change = ParameterChange(
            id=new_id(), parameter_id=parameter.id, at=uow.now, author=uow.actor, before=before, after=parameter.held
        )
        uow.add(change)
    return parameter


def ship(uow: UnitOfWork) -> None:
    """Brings what the release ships: new parameters, and new defaults of those that nobody set."""
    known = {parameter.key: parameter for parameter in uow.find(Parameter, lock=True)}
    for key, definition in catalogue().items():
        if key in known:
            known[key].ship_again(definition.default)
        else:
            uow.add(Parameter.ship(definition))
