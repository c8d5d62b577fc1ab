//! Deliberate bugs that a test of the ledger catches.

use super::{queue, wishes};
use crate::planner::sabotage::{Bug, caught_by};

macro_rules! tests_catch {
    ($($test:ident: $bug:ident by $by:path,)*) => {
        $(#[test]
        fn $test() {
            caught_by(Bug::$bug, $by);
        })*
    };
}

tests_catch! {
    forgotten_assets_that_are_taken: ForgetFormerAssets
        by wishes::a_forgotten_asset_is_still_known_as_ours,
    delays_that_are_not_kept: ForgetDelays
        by queue::a_delayed_upload_is_not_offered_before_its_time_after_a_restart,
}
