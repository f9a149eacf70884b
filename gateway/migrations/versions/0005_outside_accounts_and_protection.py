"""The audit log no longer repeats who a customer is (G-24): what it did so far is hidden as it now is from the start."""

from alembic import op

from chassis.db.migrate import system_scope
from chassis.db.resealing import replaced

revision = "0005"
down_revision = "0004"

HIDDEN = (
    (["name", "phone", "phones"], ["callcenter.customers.create", "callcenter.customers.change"]),
    (["approved_by", "received_by"], ["orders.repairs.approve", "orders.repairs.hand_over"]),
)
OPERATIONS = [operation for _, operations in HIDDEN for operation in operations]


def upgrade() -> None:
    system_scope(op)
    connection = op.get_bind()
    if not connection.exec_driver_sql("SELECT 1 FROM audit_entries WHERE operation = ANY(%s) LIMIT 1", (OPERATIONS,)).scalar():
        return
    kept = "operation <> ALL(%s)", (OPERATIONS,)
    with replaced(connection, "audit_entries", "content", *kept, required=False) as new:
        hide = f"""UPDATE audit_entries SET {new} = (
            SELECT jsonb_object_agg(key, CASE WHEN key = ANY(%s) THEN '"***"'::jsonb ELSE value END) FROM jsonb_each(content))
            WHERE operation = ANY(%s) AND jsonb_typeof(content) = 'object'"""
        for members, operations in HIDDEN:
            connection.exec_driver_sql(hide, (members, operations))
