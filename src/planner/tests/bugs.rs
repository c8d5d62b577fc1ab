//! Deliberate bugs that a story catches: told again with the bug in the code, it goes otherwise.

use super::super::sabotage::{Bug, caught_by};
use super::{answers, contents, doubts, pauses, settle, stops, wishes};

macro_rules! stories_catch {
    ($($test:ident: $bug:ident by $story:path,)*) => {
        $(#[test]
        fn $test() {
            caught_by(Bug::$bug, $story);
        })*
    };
}

stories_catch! {
    open_files_that_are_left: ForgetOpenFiles
        by settle::a_file_that_somebody_has_open_waits_until_it_is_closed,
    a_pause_that_ends_with_the_process: ForgetPause
        by pauses::a_pause_outlives_the_process_and_so_does_its_end,
    uploads_under_a_condition_that_they_wait_for: SendUnderConditions
        by pauses::what_uploads_wait_for_is_asked_about_before_they_go,
    a_condition_whose_end_nobody_notices: ForgetConditions
        by pauses::on_battery_nothing_begins_until_it_is_over,
    stops_that_end_with_the_process: ForgetStops
        by stops::a_pause_that_the_server_asked_for_holds_across_a_restart,
    fingerprints_that_are_always_believed: AlwaysCertain
        by contents::a_fingerprint_too_fresh_to_be_relied_on_is_taken_again_once,
    torn_reads_that_are_believed: BelieveTornRead
        by contents::what_was_read_before_a_change_that_was_seen_is_not_believed,
    a_short_list_that_is_believed: BelieveShortList
        by doubts::a_list_that_does_not_reach_back_cannot_tell,
    generated_assets_that_are_taken: AdoptGenerated
        by doubts::a_generated_asset_is_another,
    what_a_held_upload_may_own_and_is_taken: ForgetHeldClaims
        by doubts::a_doubt_may_not_take_what_a_held_upload_may_own,
    a_last_look_that_comes_too_early: ForgetTimeTaken
        by doubts::what_is_not_there_at_the_last_look_is_sent_again,
    doubts_that_are_not_counted: ForgetDoubts
        by doubts::three_doubts_in_a_row_hold_an_upload,
    doubts_without_a_limit: ForgetDoubtLimits
        by doubts::too_many_doubts_let_nothing_new_begin,
    uploads_given_up_at_once: GiveUpEarly
        by answers::a_broken_connection_is_retried_ever_later_at_a_stored_time,
    a_first_refusal_that_is_believed: BelieveFirstRefusal
        by stops::a_refused_token_stops_all_uploads_until_it_changes,
    a_pause_that_is_not_kept: IgnoreServerDelay
        by stops::a_server_that_asks_to_slow_down_gets_the_pause_it_asks_for,
    a_refusing_account_that_fails_its_files: IgnoreSameRefusals
        by stops::the_same_refusal_of_three_files_stops_the_account_and_requeues_them,
    server_errors_that_stop_nobody: IgnoreServerErrors
        by stops::three_server_errors_in_a_row_leave_one_probe_at_a_time,
    an_asset_that_is_given_twice: TakeTakenAsset
        by wishes::an_asset_that_another_upload_has_resolves_nothing,
}
