"""Stories of the embedded suite that could end otherwise on real servers: races, rights that change meanwhile, tokens, the
databases' own guard."""

from tests.security.identity.test_audit import (  # noqa: F401
    test_each_write_once_on_every_side,
    test_the_application_cannot_change_it,
)
from tests.security.identity.test_sessions import (  # noqa: F401
    checked,
    test_a_held_credential_holds_the_sign_in,
    test_an_administrator_works_in_a_sites_scope,
    test_only_the_own_password_unlocks_the_screen,
    test_signing_in_while_rights_change,
    test_switching_the_check_on_ends_sessions_begun_elsewhere,
    test_unknown_devices_wait_for_the_manager,
)
from tests.security.matrix.test_rls import (  # noqa: F401
    probe,
    test_every_table_is_guarded_or_named,
    test_out_of_scope_can_be_neither_seen_nor_touched,
    test_the_probe_sees_what_is_in_scope,
    test_the_role_cannot_reach_beyond_its_database,
)
from tests.security.outside.test_races import (  # noqa: F401
    test_a_bill_is_paid_once,
    test_a_key_at_the_same_moment_is_one_effect,
    test_a_move_is_made_once,
    test_a_refresh_token_is_spent_once,
    test_logging_out_wins,
    test_twenty_guesses_at_once_are_five,
)
