"""Document numbers (R-01): prefix, year and month, and a sequence; unique, without a hole, never used twice. Each kind of document has a rule,
a parameter (``number.<kind>``, G-16) of which every service keeps its own kinds'. The database draws by it, under a shared lock until the
document is saved; a new rule waits for all of them, so that nobody draws by the old rule what somebody draws by the new one. It passes over
numbers that a document has: an earlier rule of the same prefix may have written the same digits (``RE`` + ``2611`` + ``1``, ``RE`` + ``26111``).
Two kinds never write alike: a prefix is letters only, and the gateway gives it to one kind for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from alembic.operations import Operations
from sqlalchemy import BigInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.db.roles import app_role, outside_role
from chassis.db.uow import UnitOfWork
from chassis.domain.events import Event
from chassis.domain.moments import DEFAULT_ZONE

PARAMETER = "number."
_LOCK = 8_201  # first half of the advisory locks' keys; the second is the kind's
_ALONE = text(f"SELECT pg_advisory_xact_lock({_LOCK}, hashtext(:kind))")
_TAKE = text(
    "UPDATE number_rules SET prefix = :prefix, digits = :digits, reset = :reset, sequence = :sequence"
    " WHERE kind = :kind AND sequence <= :sequence"
)


class NumberRuleFields:
    """The rule of one kind in the service that has its documents. ``sequence``: version of the parameter it came with."""

    kind: Mapped[str] = mapped_column(primary_key=True)
    prefix: Mapped[str]
    digits: Mapped[int]
    reset: Mapped[str]
    sequence: Mapped[int] = mapped_column(BigInteger)


def take_rule(uow: UnitOfWork, event: Event) -> None:
    """A changed parameter: the rule of a kind of ours holds from now on, unless a newer one does already."""
    key, value = event.data["key"], event.data["value"]
    if not key.startswith(PARAMETER):
        return
    kind = key.removeprefix(PARAMETER)
    uow.execute(_ALONE, {"kind": kind})
    rule = {"prefix": value["prefix"], "digits": int(value["digits"]), "reset": value["reset"]}
    uow.execute(_TAKE, {"kind": kind, "sequence": event.sequence, **rule})


# ---------------------------------------------------------------- for migrations


class Kind(NamedTuple):
    """A kind of document: where its numbers stand, and the prefix that ships."""

    table: str
    prefix: str


def numbering(operations: Operations, kinds: Mapping[str, Kind], outside: bool = False) -> None:
    """Rules as they ship for these kinds of documents, and the functions that draw by them. They run as the owner and look at all
    sites' documents, whoever asks: a number is unique in the company. What they tell is a number that is free. ``outside``:
    outside accounts make such documents too (G-10)."""
    operations.execute(
        "CREATE TABLE number_rules (kind text CONSTRAINT pk_number_rules PRIMARY KEY, prefix text NOT NULL, digits integer NOT NULL,"
        " reset text NOT NULL, sequence bigint NOT NULL)"
    )
    _rules(operations, kinds)
    for statement in (_taken(kinds), *_FUNCTIONS):
        operations.execute(statement)
    role, outsiders = app_role(operations.get_bind()), outside_role(operations.get_bind()) if outside else None
    if role:
        operations.execute(f'REVOKE ALL ON number_rules FROM "{role}"')
        operations.execute(f'GRANT SELECT, UPDATE (prefix, digits, reset, sequence) ON number_rules TO "{role}"')
        for function in ("next_number(text, text)", "reset_number(text, text)"):
            operations.execute(f'GRANT EXECUTE ON FUNCTION {function} TO "{role}"')
    for each in filter(None, (role, outsiders)):
        operations.execute(f'GRANT EXECUTE ON FUNCTION draw_numbers(text, text, integer) TO "{each}"')


def more_numbering(operations: Operations, kinds: Mapping[str, Kind], more: Mapping[str, Kind]) -> None:
    """Rules of further kinds, beside those that the service's documents have by now."""
    _rules(operations, more)
    operations.execute(_taken({**kinds, **more}))


def _rules(operations: Operations, kinds: Mapping[str, Kind]) -> None:
    for kind, (_, prefix) in kinds.items():
        operations.execute(f"INSERT INTO number_rules VALUES ('{kind}', '{prefix}', 4, 'monthly', 1)")


def _taken(kinds: Mapping[str, Kind]) -> str:
    """The unique index of each table is asked, under every site's scope; the caller's holds again afterwards."""
    asked = " ELSIF ".join(
        f"kind = '{kind}' THEN found := EXISTS (SELECT FROM {table} WHERE number = ANY (wanted));" for kind, (table, _) in kinds.items()
    )
    return f"""
CREATE OR REPLACE FUNCTION number_taken(kind text, wanted text[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    scope text := current_setting('app.scope', true); found boolean;
BEGIN
    PERFORM set_config('app.scope', '/', true);
    IF {asked} END IF;
    PERFORM set_config('app.scope', scope, true);
    RETURN found;
END $$
"""


_ASKED = """SELECT * INTO rule FROM number_rules r WHERE r.kind = {name}.kind;
    IF rule.kind IS NULL OR month !~ '^[0-9]{4}$'{more} THEN
        RAISE EXCEPTION 'no numbers of this kind, month or count' USING ERRCODE = 'insufficient_privilege';
    END IF;"""
_MOST = 10_000
"""Numbers drawn at once; an import brings some hundreds."""


def _asked(name: str, more: str = "") -> str:
    return _ASKED.replace("{name}", name).replace("{more}", more)


_AS_OWNER = "SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
_FUNCTIONS = (
    # 0 and 1 digits alike: as many as it takes.
    """
CREATE FUNCTION number_written(stem text, digits integer, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT stem || lpad(n::text, greatest(digits, length(n::text)), '0') $$
""",
    """
CREATE FUNCTION number_stem(rule number_rules, month text) RETURNS text LANGUAGE sql STABLE AS
$$ SELECT rule.prefix || CASE rule.reset WHEN 'monthly'
    THEN coalesce(month, to_char(now() AT TIME ZONE '{zone}', 'YYMM')) ELSE '' END $$
""".replace("{zone}", DEFAULT_ZONE),
    # The next free one: of a short row of taken ones the very next, of a long one some way behind its end.
    """
CREATE FUNCTION number_after(kind text, stem text, digits integer, n bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    step bigint := 1; tried integer := 0;
BEGIN
    LOOP
        n := n + step;
        EXIT WHEN NOT number_taken(kind, ARRAY[number_written(stem, digits, n)]);
        tried := tried + 1;
        step := CASE WHEN tried < 1000 THEN 1 ELSE step * 2 END;
    END LOOP;
    RETURN n;
END $$
""",
    f"""
CREATE FUNCTION draw_numbers(kind text, month text, count integer) RETURNS text[] LANGUAGE plpgsql {_AS_OWNER} AS $$
DECLARE
    rule number_rules; stem text; n bigint; drawn text[];
BEGIN
    PERFORM pg_advisory_xact_lock_shared({_LOCK}, hashtext(kind));
    {_asked("draw_numbers", f" OR count IS NULL OR count NOT BETWEEN 1 AND {_MOST}")}
    stem := number_stem(rule, month);
    INSERT INTO numbers AS counter (series, last) VALUES (stem, count)
        ON CONFLICT (series) DO UPDATE SET last = counter.last + excluded.last RETURNING last INTO n;
    drawn := ARRAY(SELECT number_written(stem, rule.digits, i) FROM generate_series(n - count + 1, n) i);
    IF number_taken(kind, drawn) THEN
        n := n - count;
        drawn := ARRAY[]::text[];
        WHILE cardinality(drawn) < count LOOP
            n := number_after(kind, stem, rule.digits, n);
            drawn := drawn || number_written(stem, rule.digits, n);
        END LOOP;
        UPDATE numbers SET last = n WHERE series = stem;
    END IF;
    RETURN drawn;
END $$
""",
    f"""
CREATE FUNCTION next_number(kind text, month text) RETURNS text LANGUAGE plpgsql {_AS_OWNER} AS $$
DECLARE
    rule number_rules; stem text;
BEGIN
    {_asked("next_number")}
    stem := number_stem(rule, month);
    RETURN number_written(stem, rule.digits, number_after(
        kind, stem, rule.digits, coalesce((SELECT last FROM numbers WHERE series = stem), 0)));
END $$
""",
    # Who is let through holds the lock of the kind alone, as a new rule does.
    f"""
CREATE FUNCTION reset_number(kind text, month text) RETURNS boolean LANGUAGE plpgsql {_AS_OWNER} AS $$
DECLARE
    rule number_rules; stem text;
BEGIN
    PERFORM pg_advisory_xact_lock({_LOCK}, hashtext(kind));
    {_asked("reset_number")}
    stem := number_stem(rule, month);
    IF number_taken(kind, ARRAY[number_written(stem, rule.digits, 1)]) THEN
        RETURN false;
    END IF;
    UPDATE numbers SET last = 0 WHERE series = stem;
    RETURN true;
END $$
""",
)
