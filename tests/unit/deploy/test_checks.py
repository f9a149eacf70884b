"""The checks that `./aftersales test` begins with."""

from __future__ import annotations

import pytest

from deploy.local.commands.test import CHECKS, program_of


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_of_the_code_can_be_started(name: str) -> None:
    assert program_of(CHECKS[name]).is_file()
