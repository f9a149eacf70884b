"""Customers (客户): the face of this context."""

from services.callcenter.customers.customer import Customer
from services.callcenter.customers.views import WHOLE_COMPANY, whole

__all__ = ["WHOLE_COMPANY", "Customer", "whole"]
