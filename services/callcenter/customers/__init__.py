"""Customers (客户): the face of this context."""

from services.callcenter.customers.customer import Customer
from services.callcenter.customers.links import CUSTOMERS
from services.callcenter.customers.serving import of_served, reference
from services.callcenter.customers.views import whole

__all__ = ["CUSTOMERS", "Customer", "of_served", "reference", "whole"]
