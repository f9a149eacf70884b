"""The rules in force, copied from the gateway's parameters ``number.<kind>``."""

from chassis.db.base import Base
from chassis.db.numbering import NumberRuleFields


class NumberRule(Base, NumberRuleFields):
    __tablename__ = "number_rules"
