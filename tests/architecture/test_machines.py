"""Every transition table: all states reachable, all but the final ones leavable, rights that operations ask for."""

from enum import StrEnum

from chassis import contracts
from chassis.domain.machine import Machine
from tests.support.cells import over
from tests.support.world import services

services()
MACHINES = Machine.registry
RIGHTS = {operation.permission for service in contracts.services() for operation in contracts.operations(service)}

each_machine = over("machine", MACHINES.values(), lambda machine: machine.name)


def test_the_known_machines_are_here():
    assert {"work_order", "bill", "revisit", "requisition"} <= set(MACHINES)


@each_machine
def test_moves_use_known_states(machine: Machine):
    states = set(machine.states)
    assert machine.initial in states and machine.final <= states
    for move in machine.moves.values():
        assert move.sources <= states and move.targets <= states and move.sources and move.targets, move.action


def named(machine: Machine) -> set[StrEnum]:
    """The states that its table knows; several kinds of one document share their states."""
    moves = machine.moves.values()
    return {machine.initial, *machine.final, *(state for move in moves for state in move.sources | move.targets)}


def test_every_state_is_in_a_table():
    for states in {machine.states for machine in MACHINES.values()}:
        known = set().union(*(named(machine) for machine in MACHINES.values() if machine.states is states))
        assert set(states) == known, states


@each_machine
def test_every_state_is_reachable(machine: Machine):
    reached, before = {machine.initial}, set()
    while reached != before:
        before = set(reached)
        for move in machine.moves.values():
            if move.sources & reached:
                reached |= move.targets
    assert named(machine) - reached == set(), "never reached"


@each_machine
def test_final_states_end_and_others_can_be_left(machine: Machine):
    for state in named(machine):
        leaving = {target for move in machine.moves.values() if state in move.sources for target in move.targets} - {state}
        if state in machine.final:
            assert not leaving, f"{state} is final but leads to {leaving}"
        else:
            assert leaving, f"{state} can never be left"


@each_machine
def test_rights_of_moves_are_asked_for_by_an_operation(machine: Machine):
    for move in machine.moves.values():
        assert move.permission is None or move.permission in RIGHTS, f"{move.action}: {move.permission}"


def test_actions_of_a_work_order_are_operations():
    paths = {operation.path for operation in contracts.operations("orders")}
    for move in MACHINES["work_order"].moves.values():
        if move.permission:
            assert f"/api/v1/work-orders/{{work_order_id}}/{move.action}" in paths, move.action
