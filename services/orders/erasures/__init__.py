"""Erasures (个人信息抹除, C-04): whether a customer may be forgotten is decided where his documents are opened and closed."""
