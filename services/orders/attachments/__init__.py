"""Attachments (附件, R-13) of work orders and devices."""
