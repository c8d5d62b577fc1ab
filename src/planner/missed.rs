//! What only scans found: files of which a folder's events should have told, and did not.
//!
//! Owns:
//! - a file counts only if nothing innocent explains it: events told before it changed and told
//!   since, no sight was lost, it changed neither just then nor as the scan passed, and nothing
//!   that was told by the end of the scan was about it;
//! - a folder whose events missed a few is not relied on any more; memory is bounded.

use std::collections::BTreeSet;

use super::types::{Mono, Now, SharedPath, Stat};

/// A change counts if it is that much later than the arming of the watch, and that much earlier
/// than the scan, by the file system's clock. Its steps are two seconds at most (FAT).
pub const MARGIN_MS: i64 = 3_000;

/// So many files that one scan found are enough.
pub const ENOUGH_AT_ONCE: usize = 10;

/// So many different files that several scans found are enough.
pub const ENOUGH_IN_ALL: usize = 3;

/// Files of one scan that are kept in mind; more of them change no decision.
const MOST_SUSPECTS: usize = 1_000;

/// What a folder's events missed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Missed {
    /// Since when events tell.
    armed: Option<Now>,
    /// Since then a scan was complete: whatever it did not find came later.
    checked: bool,
    /// When the scan under way began, if what it finds should have been told.
    trial: Option<Now>,
    /// What it found. Events that are on their way may still tell of it.
    suspects: BTreeSet<SharedPath>,
    /// Files missed so far.
    files: u64,
    /// A few of them.
    known: BTreeSet<SharedPath>,
    /// How many scans found some.
    scans: u32,
    /// That it is too many was said.
    convicted: bool,
}

/// What a scan showed of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Files that it alone found.
    pub files: u64,
    /// Files that scans alone found so far.
    pub so_far: u64,
    /// That is too many, and was not said before.
    pub too_many: bool,
}

impl Missed {
    /// Files missed so far.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// From now on events tell.
    pub fn armed(&mut self, now: Now) {
        self.lost();
        self.armed = Some(now);
        self.checked = false;
        self.known.clear();
        self.scans = 0;
        self.convicted = false;
    }

    /// Nothing tells any more.
    pub fn disarmed(&mut self) {
        self.lost();
        self.armed = None;
    }

    /// A scan begins. `owed`: because sight was lost. `clock_since`: when the wall clock jumped
    /// last; change times from before that cannot be compared.
    pub fn scan_begins(&mut self, now: Now, owed: bool, clock_since: Mono) {
        self.lost();
        let tells = self.armed.is_some_and(|armed| armed.mono > clock_since);
        self.trial = (tells && self.checked && !owed).then_some(now);
    }

    /// The scan under way found a file that is new, or other than it was known. `is_new`: it was
    /// not known at all.
    pub fn found(&mut self, path: &SharedPath, stat: &Stat, is_new: bool) {
        let (Some(armed), Some(began)) = (self.armed, self.trial) else { return };
        let changed_ms = stat.fingerprint.ctime_ns.div_euclid(1_000_000);
        let since_armed = changed_ms >= armed.wall.plus(MARGIN_MS).0;
        let before_scan = changed_ms <= began.wall.plus(-MARGIN_MS).0;
        // Another clock tells nothing, but what a complete scan did not find came after it.
        let counts = if stat.disk.own_clock() { since_armed && before_scan } else { is_new };
        if counts && self.suspects.len() < MOST_SUSPECTS {
            self.suspects.insert(path.clone());
        }
    }

    /// An event told of a file.
    pub fn told(&mut self, path: &SharedPath) {
        self.suspects.remove(path);
    }

    /// Sight was lost: what the scan under way finds proves nothing.
    pub fn lost(&mut self) {
        self.trial = None;
        self.suspects.clear();
    }

    /// A scan ended, and all that events had told by then was seen. None if they missed nothing.
    pub fn scan_ended(&mut self, complete: bool) -> Option<Found> {
        self.checked |= complete && self.armed.is_some();
        self.trial = None;
        let suspects = std::mem::take(&mut self.suspects);
        if suspects.is_empty() {
            return None;
        }
        let found = suspects.len();
        self.files += found as u64;
        self.scans += 1;
        let room = ENOUGH_IN_ALL.saturating_sub(self.known.len());
        let others: Vec<_> =
            suspects.into_iter().filter(|path| !self.known.contains(path)).collect();
        self.known.extend(others.into_iter().take(room));
        let at_last = self.scans >= 2 && self.known.len() >= ENOUGH_IN_ALL;
        let enough = found >= ENOUGH_AT_ONCE || at_last;
        let too_many = enough && !std::mem::replace(&mut self.convicted, enough);
        Some(Found { files: found as u64, so_far: self.files, too_many })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Wall;
    use super::super::types::{Disk, Fingerprint};
    use super::*;

    const NEVER: Mono = Mono(i64::MIN);

    fn at(ms: i64) -> Now {
        Now { wall: Wall(1_000_000 + ms), mono: Mono(ms) }
    }

    fn path(name: &str) -> SharedPath {
        std::path::Path::new(name).into()
    }

    /// A file whose bytes or place changed at a time of [`at`].
    fn changed(ms: i64) -> Stat {
        let ctime_ns = (1_000_000 + ms) * 1_000_000;
        // Anybody can set the time of the content.
        let fingerprint = Fingerprint { mtime_ns: 0, ctime_ns, ..Fingerprint::default() };
        Stat { fingerprint, disk: Disk::Local }
    }

    /// A folder that was armed at 0 and scanned once.
    fn watched() -> Missed {
        let mut missed = Missed::default();
        missed.armed(at(0));
        missed.scan_begins(at(10), true, NEVER);
        missed.found(&path("/old"), &changed(-50_000), true);
        assert_eq!(missed.scan_ended(true), None);
        missed
    }

    /// What a scan at `ms` that finds these files shows.
    fn scan(missed: &mut Missed, ms: i64, files: &[(&str, i64)]) -> Option<Found> {
        missed.scan_begins(at(ms), false, NEVER);
        for (name, changed_ms) in files {
            missed.found(&path(name), &changed(*changed_ms), true);
        }
        missed.scan_ended(true)
    }

    #[test]
    fn what_changed_while_events_told_and_was_not_told_is_missed() {
        let mut missed = watched();
        let found = scan(&mut missed, 60_000, &[("/a", 30_000)]);
        assert_eq!(found, Some(Found { files: 1, so_far: 1, too_many: false }));
        assert_eq!(scan(&mut missed, 90_000, &[]), None);
        assert_eq!(missed.files(), 1);
    }

    #[test]
    fn what_changed_just_now_or_before_is_not() {
        let mut missed = watched();
        let files = [("/before", -1), ("/arming", 2_999), ("/now", 57_001), ("/later", 60_001)];
        assert_eq!(scan(&mut missed, 60_000, &files), None);
        let ends = [("/first", 3_000), ("/last", 87_000)];
        assert_eq!(scan(&mut missed, 90_000, &ends).map(|found| found.files), Some(2));
    }

    #[test]
    fn an_event_that_comes_before_the_end_of_the_scan_has_told() {
        let mut missed = watched();
        missed.scan_begins(at(60_000), false, NEVER);
        missed.found(&path("/a"), &changed(30_000), true);
        missed.told(&path("/a"));
        assert_eq!(missed.scan_ended(true), None);
    }

    #[test]
    fn a_scan_that_was_owed_or_lost_sight_proves_nothing() {
        let mut missed = watched();
        missed.scan_begins(at(60_000), true, NEVER);
        missed.found(&path("/a"), &changed(30_000), true);
        assert_eq!(missed.scan_ended(true), None, "owed from the start");
        missed.scan_begins(at(60_000), false, NEVER);
        missed.found(&path("/a"), &changed(30_000), true);
        missed.lost();
        missed.found(&path("/b"), &changed(30_000), true);
        assert_eq!(missed.scan_ended(true), None, "owed meanwhile");
    }

    #[test]
    fn the_first_scan_after_arming_proves_nothing() {
        let mut missed = watched();
        missed.armed(at(20_000));
        assert_eq!(scan(&mut missed, 60_000, &[("/a", 30_000)]), None);
        assert!(scan(&mut missed, 90_000, &[("/b", 70_000)]).is_some());
        missed.disarmed();
        assert_eq!(scan(&mut missed, 99_000, &[("/c", 92_000)]), None);
        // A scan that could not see everything leaves old files to be found.
        missed.armed(at(100_000));
        missed.scan_begins(at(100_001), true, NEVER);
        assert_eq!(missed.scan_ended(false), None);
        assert_eq!(scan(&mut missed, 150_000, &[("/d", 120_000)]), None);
    }

    #[test]
    fn times_from_before_a_jump_of_the_clock_are_not_compared() {
        let mut missed = watched();
        missed.scan_begins(at(60_000), false, Mono(40_000));
        missed.found(&path("/a"), &changed(30_000), true);
        assert_eq!(missed.scan_ended(true), None);
    }

    #[test]
    fn where_the_clock_is_another_only_new_files_count() {
        let mut missed = watched();
        let foreign = Stat { disk: Disk::Foreign, ..changed(999_999) };
        missed.scan_begins(at(60_000), false, NEVER);
        missed.found(&path("/changed"), &foreign, false);
        missed.found(&path("/new"), &foreign, true);
        assert_eq!(missed.scan_ended(true).map(|found| found.files), Some(1));
    }

    #[test]
    fn three_files_in_two_scans_or_ten_in_one_are_too_many() {
        let too_many = |found: Option<Found>| found.is_some_and(|found| found.too_many);
        let mut missed = watched();
        let three = [("/a", 30_000), ("/b", 30_000), ("/c", 30_000)];
        assert!(!too_many(scan(&mut missed, 60_000, &three)), "one bad moment");
        assert!(too_many(scan(&mut missed, 90_000, &[("/d", 80_000)])));
        assert!(!too_many(scan(&mut missed, 120_000, &[("/e", 100_000)])), "it was said");

        let mut missed = watched();
        for at in 2..9 {
            // One file that is written to through a mapping is one file.
            let ms = at * 30_000;
            assert!(!too_many(scan(&mut missed, ms, &[("/a", ms - 9_000)])), "{at}");
        }
        assert_eq!(missed.files(), 7);

        let names: Vec<String> = (0..10).map(|at| format!("/{at}")).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), 30_000)).collect();
        assert!(!too_many(scan(&mut watched(), 60_000, &files[..9])));
        assert!(too_many(scan(&mut watched(), 60_000, &files)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut missed = watched();
        missed.scan_begins(at(60_000), false, NEVER);
        for at in 0..2 * MOST_SUSPECTS {
            missed.found(&path(&format!("/{at}")), &changed(30_000), true);
        }
        assert_eq!(missed.scan_ended(true).map(|found| found.files), Some(MOST_SUSPECTS as u64));
        assert_eq!(missed.known.len(), ENOUGH_IN_ALL);
    }
}
