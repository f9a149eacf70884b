"""Where an order stands, whom it waits for, and where it comes from. Shared by all kinds of orders."""

from enum import StrEnum


class State(StrEnum):
    """Where an order stands (维修进度): 待受理, 待维修, 待质检, 待取机, 已完成, 已回访, 已审计, 取消中 (until inventory says that
    nothing is out), 已取消."""

    REGISTERED = "registered"
    IN_REPAIR = "in_repair"
    IN_CHECK = "in_check"
    READY = "ready"
    COMPLETED = "completed"
    REVISITED = "revisited"
    AUDITED = "audited"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class Wait(StrEnum):
    """Whom an order in repair waits for."""

    APPROVAL = "approval"
    PARTS = "parts"
    CUSTOMER = "customer"
    MAKER = "maker"


class Origin(StrEnum):
    LIVE = "live"
    HISTORY = "history"
