"""After the others here: what this way of running wrote down meanwhile. Answers that are told once are not kept."""

from tests.security.test_written import (  # noqa: F401
    test_a_log_line_is_one_object,
    test_a_made_password_is_not_kept_with_the_answer,
    test_the_databases_keep_no_secret,
    test_the_logs_tell_no_secret,
)
