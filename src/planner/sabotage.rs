//! Deliberate bugs, one of which a test can switch on to see that the tests catch it. In any
//! other build [`on`] is constant and false.
//!
//! Owns:
//! - the list of what the tests are proved to notice: each bug has a test of its own, named in
//!   [`CAUGHT`], that fails if its bug goes unnoticed.

macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident => $test:literal,)*) => {
        /// One broken promise each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        // Some are switched on only where a test alone can see them.
        #[cfg_attr(not(test), allow(dead_code))]
        pub(crate) enum Bug {
            $($(#[$doc])* $bug,)*
        }

        /// Each bug, and the test that catches it.
        #[cfg(test)]
        pub(crate) const CAUGHT: &[(Bug, &str)] = &[$((Bug::$bug, $test),)*];
    };
}

bugs! {
    /// An attempt that a crash left open is taken for not sent.
    TrustCrashedAttempts => "crashed_attempts_that_are_trusted",
    /// An attempt without an answer is simply tried again.
    RetryUnknown => "lost_answers_that_are_simply_tried_again",
    /// "Not in the list" is believed at the first look.
    BelieveFirstLook => "a_first_look_that_is_believed",
    /// A list that shows nothing of ours is believed.
    BelieveBlindList => "a_blind_list_that_is_believed",
    /// A list that does not reach back far enough is believed.
    BelieveShortList => "a_short_list_that_is_believed",
    /// An asset without a size is passed over, as if it were another.
    PassOverSizeless => "sizeless_assets_that_are_passed_over",
    /// A doubt takes any asset of its size.
    AdoptBySizeOnly => "assets_taken_by_their_size_alone",
    /// A doubt takes an asset that another upload of the ledger has.
    AdoptForeign => "assets_of_other_rows_that_are_taken",
    /// A doubt takes an asset that is older than its attempt.
    AdoptOlder => "assets_older_than_the_attempt_that_are_taken",
    /// A doubt takes an asset that nobody uploaded.
    AdoptGenerated => "generated_assets_that_are_taken",
    /// An asset that was forgotten is not known as ours any more.
    ForgetFormerAssets => "forgotten_assets_that_are_taken",
    /// The server's clock is taken for ours.
    ForgetSkew => "a_server_clock_that_is_taken_for_ours",
    /// An upload in flight or in doubt does not keep its double waiting.
    ForgetClaims => "doubles_that_are_sent_together",
    /// What a held upload may own is free for all.
    ForgetHeldClaims => "what_a_held_upload_may_own_and_is_taken",
    /// The last look does not wait for the time that the upload took.
    ForgetTimeTaken => "a_last_look_that_comes_too_early",
    /// Doubts in a row are not counted.
    ForgetDoubts => "doubts_that_are_not_counted",
    /// Any number of attempts may be in doubt, however far back.
    ForgetDoubtLimits => "doubts_without_a_limit",
    /// Effects are carried out before their writes are on disk.
    ActBeforeCommit => "effects_before_their_commit",
    /// An attempt is not written down before its first byte.
    LoseAttempts => "attempts_that_are_not_written_down",
    /// A file is read at the first look.
    NoQuietTime => "files_that_are_read_at_once",
    /// What has just arrived needs no proof.
    BelieveArrival => "arrivals_that_are_believed",
    /// A file that somebody has open is not looked at again.
    ForgetOpenFiles => "open_files_that_are_left",
    /// Every fingerprint spares a later hash.
    AlwaysCertain => "fingerprints_that_are_always_believed",
    /// What changed behind its reader is believed.
    BelieveTornRead => "torn_reads_that_are_believed",
    /// A full memory of settling files owes no scan.
    ForgetOverflow => "forgotten_files_without_a_scan",
    /// A lost event is never made up for.
    IgnoreOwedScans => "owed_scans_that_never_come",
    /// A file that changed while it was sent is not looked at again.
    ForgetChangedSource => "changed_sources_that_are_left",
    /// Another path that holds the content does not take the place of one that is gone.
    ForgetOtherPaths => "copies_that_do_not_take_their_place",
    /// A content that is on one account counts as being on all.
    ShareAcrossAccounts => "uploads_shared_across_accounts",
    /// A folder's edit of its account leaves what lies there where it was.
    ForgetRelink => "accounts_that_are_not_followed",
    /// A folder whose settings are edited while it is watched is not looked at again.
    ForgetEdits => "edits_that_change_nothing",
    /// What was asked of those who looked at a folder before is waited for, though they are gone.
    WaitForFormerEyes => "former_eyes_that_are_waited_for",
    /// Pushes end with the process.
    ForgetPushes => "pushes_that_end_with_the_process",
    /// A failure of one upload is never tried again.
    ForgetRetries => "failures_that_are_not_tried_again",
    /// A delay ends with the process.
    ForgetDelays => "delays_that_are_not_kept",
    /// Being offline is held against the file.
    FailOffline => "files_that_fail_because_of_the_network",
    /// An upload fails at its first failure.
    GiveUpEarly => "uploads_given_up_at_once",
    /// A refused token is tried again and again.
    RetryRefusedToken => "a_refused_token_that_is_tried_again",
    /// One refusal of the token is believed.
    BelieveFirstRefusal => "a_first_refusal_that_is_believed",
    /// A changed token does not set uploads going.
    ForgetNewToken => "a_new_token_that_changes_nothing",
    /// A pause that the server asks for is not kept.
    IgnoreServerDelay => "a_pause_that_is_not_kept",
    /// A stop ends with the process.
    ForgetStops => "stops_that_end_with_the_process",
    /// A person's pause ends with the process.
    ForgetPause => "a_pause_that_ends_with_the_process",
    /// What uploads are to wait for is not asked about before they go.
    SendUnderConditions => "uploads_under_a_condition_that_they_wait_for",
    /// What uploads wait for is not asked about again.
    ForgetConditions => "a_condition_whose_end_nobody_notices",
    /// The same refusal, however often, is about the files.
    IgnoreSameRefusals => "a_refusing_account_that_fails_its_files",
    /// Server errors stop nobody.
    IgnoreServerErrors => "server_errors_that_stop_nobody",
    /// What is owed to a file that is deduplicated is forgotten.
    ForgetErrands => "errands_that_are_forgotten",
    /// An errand that failed is not tried again.
    ForgetErrandRetries => "errands_that_are_not_tried_again",
    /// What a path holds now is moved away for what it held before.
    DisposeOfChanged => "changed_files_that_are_moved_away",
    /// A person's word is taken for an asset that another upload has.
    TakeTakenAsset => "an_asset_that_is_given_twice",
}

#[cfg(test)]
std::thread_local! {
    pub(crate) static BUG: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
pub(crate) fn on(bug: Bug) -> bool {
    BUG.get() == Some(bug)
}

#[cfg(not(test))]
pub(crate) const fn on(_: Bug) -> bool {
    false
}

/// Runs a test with a bug in the code: it must fail.
#[cfg(test)]
pub(crate) fn caught_by(bug: Bug, test: fn()) {
    test();
    BUG.set(Some(bug));
    let noticed = std::panic::catch_unwind(test).is_err();
    BUG.set(None);
    assert!(noticed, "{bug:?} goes unnoticed");
}
