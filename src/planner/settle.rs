//! Is it at rest? Files on their way from "seen" to "identified", in bounded memory.
//!
//! Owns:
//! - nothing is identified before two equal looks, and the quiet time between the last change
//!   and now;
//! - "not ready" is looked at again for ever, ever more slowly;
//! - at most `limit` files are remembered; past it the caller owes a scan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::types::{AccountId, Fingerprint, FolderId, Mono, Now, Push, SharedPath, Stat};

/// The longest pause between two looks at a file that does not come to rest.
pub const SLOWEST_LOOK_MS: i64 = 60_000;

/// A fingerprint taken this long after the last change spares a later hash. Two seconds is the
/// coarsest time step of a file system in use (FAT).
pub const CERTAIN_AFTER_MS: i64 = 2_000;

/// Where a file stands on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// To be looked at when the time comes.
    Waiting {
        /// That time.
        due: Mono,
    },
    /// A look is under way.
    Looking,
    /// At rest; to be read when its turn comes.
    Ready,
    /// Being read.
    Identifying,
}

/// A file on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its folder.
    pub folder: FolderId,
    /// How it looked last; none before the first look.
    pub stat: Option<Stat>,
    /// Since when it has looked so.
    pub same_since: Mono,
    /// When it was noticed.
    pub noticed_at: Mono,
    /// When it was last given out to be read.
    pub read_at: Mono,
    /// Where it stands.
    pub phase: Phase,
    /// The ledger knows its content; it is read again only to be certain.
    pub recheck: bool,
    /// Since when it has been at rest and incomplete, and why.
    pub incomplete: Option<(Mono, String)>,
    /// The wishes of those who asked for it by name.
    pub pushes: Vec<Push>,
}

/// Whether a file that looks as it looked before may be read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// It may.
    Ready,
    /// Not before this.
    Until(Mono),
}

/// Whether a file that has looked like `stat` since `same_since` has been quiet long enough.
///
/// Where the file system's clock is ours, the change times tell since when it has been quiet, but
/// not beyond `clock_since`, the last time that clock jumped; a time in the future tells nothing.
/// Elsewhere only our own looks do.
pub fn rest(stat: &Stat, same_since: Mono, clock_since: Mono, quiet_ms: i64, now: Now) -> Rest {
    let quiet_for_ms = quiet_for_ms(stat, same_since, clock_since, now);
    if quiet_for_ms >= quiet_ms {
        Rest::Ready
    } else {
        Rest::Until(now.mono.plus(quiet_ms - quiet_for_ms))
    }
}

/// How long a file that has looked like `stat` since `same_since` is known to have been quiet.
pub fn quiet_for_ms(stat: &Stat, same_since: Mono, clock_since: Mono, now: Now) -> i64 {
    let watched_ms = now.mono.since(same_since);
    let told_ms = now.wall.since(stat.fingerprint.changed_at()).min(now.mono.since(clock_since));
    if stat.own_clock { watched_ms.max(told_ms) } else { watched_ms }
}

/// Whether a read that began at `read_at` (wall clock), of a file that had been seen unchanged
/// for `watched_ms` by then, spares a later hash of an equal-looking file: whatever is written
/// after that gets another change time, because the file system's time step is shorter.
pub fn certain(stat: &Stat, read_at: super::Wall, watched_ms: i64) -> bool {
    let told_ms = read_at.since(stat.fingerprint.changed_at());
    watched_ms >= CERTAIN_AFTER_MS || (stat.own_clock && told_ms >= CERTAIN_AFTER_MS)
}

/// The files on their way.
#[derive(Debug, Clone, Default)]
pub struct Settling {
    entries: BTreeMap<SharedPath, Entry>,
    due: BTreeSet<(Mono, SharedPath)>,
    ready: BTreeMap<FolderId, BTreeSet<(Reverse<i64>, SharedPath)>>,
    identifying: usize,
    rechecks: usize,
    last_served: Option<FolderId>,
}

impl Settling {
    /// How many files are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many of them are on their way for the first time, or have changed.
    pub fn unsettled(&self) -> usize {
        self.entries.len() - self.rechecks
    }

    /// How many are being read.
    pub fn identifying(&self) -> usize {
        self.identifying
    }

    /// How many are being looked at, or read, or next in turn to be read.
    pub fn moving(&self) -> usize {
        let waiting = self.due.len();
        self.entries.len() - waiting
    }

    /// When the next file is to be looked at.
    pub fn next_due(&self) -> Option<Mono> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Whether some file is to be looked at by `soon`, and something will come of it: those that
    /// are merely rechecked do not count, nor those that `waits` says may stay as they are.
    pub fn stirs_by(&self, soon: Mono, waits: impl Fn(&Entry) -> bool) -> bool {
        if self.unsettled() == 0 {
            return false;
        }
        let due = self.due.iter().take_while(|(at, _)| *at <= soon);
        let mut entries = due.filter_map(|(_, path)| self.entries.get(path));
        entries.any(|entry| !entry.recheck && !waits(entry))
    }

    /// The file's entry.
    pub fn entry(&self, path: &SharedPath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Puts a file in, or back in another phase.
    pub fn put(&mut self, path: SharedPath, entry: Entry) {
        self.take(&path);
        match entry.phase {
            Phase::Waiting { due } => {
                self.due.insert((due, path.clone()));
            }
            Phase::Ready => {
                let queue = self.ready.entry(entry.folder).or_default();
                queue.insert((newest_first(&entry), path.clone()));
            }
            Phase::Identifying => self.identifying += 1,
            Phase::Looking => {}
        }
        self.rechecks += usize::from(entry.recheck);
        self.entries.insert(path, entry);
    }

    /// Takes a file out.
    pub fn take(&mut self, path: &SharedPath) -> Option<Entry> {
        let entry = self.entries.remove(path)?;
        match entry.phase {
            Phase::Waiting { due } => {
                self.due.remove(&(due, path.clone()));
            }
            Phase::Ready => {
                if let Some(queue) = self.ready.get_mut(&entry.folder) {
                    queue.remove(&(newest_first(&entry), path.clone()));
                    if queue.is_empty() {
                        self.ready.remove(&entry.folder);
                    }
                }
            }
            Phase::Identifying => self.identifying -= 1,
            Phase::Looking => {}
        }
        self.rechecks -= usize::from(entry.recheck);
        Some(entry)
    }

    /// The next file whose look is due; it is `Looking` from now on.
    pub fn next_look(&mut self, now: Mono) -> Option<(FolderId, SharedPath)> {
        let (due, path) = self.due.first()?.clone();
        if due > now {
            return None;
        }
        let mut entry = self.take(&path)?;
        entry.phase = Phase::Looking;
        let folder = entry.folder;
        self.put(path.clone(), entry);
        Some((folder, path))
    }

    /// The next file to read, pushes first, then folder by folder, newest first; it is
    /// `Identifying` from now on.
    pub fn next_ready(&mut self, now: Mono) -> Option<(SharedPath, Fingerprint)> {
        let folder = self.next_folder()?;
        let path = self.ready.get(&folder)?.first()?.1.clone();
        self.last_served = Some(folder);
        let mut entry = self.take(&path)?;
        entry.phase = Phase::Identifying;
        entry.read_at = now;
        let fingerprint = entry.stat.map(|stat| stat.fingerprint).unwrap_or_default();
        self.put(path.clone(), entry);
        Some((path, fingerprint))
    }

    /// An account's row was merged into another's.
    pub fn merge_account(&mut self, from: AccountId, into: AccountId) {
        for entry in self.entries.values_mut() {
            for push in &mut entry.pushes {
                if push.account == from {
                    push.account = into;
                }
            }
        }
    }

    fn next_folder(&self) -> Option<FolderId> {
        if self.ready.contains_key(&FolderId::PUSHES) {
            return Some(FolderId::PUSHES);
        }
        let after = self.last_served.map_or(i64::MIN, |folder| folder.0 + 1);
        let mut later = self.ready.range(FolderId(after)..);
        later.next().or_else(|| self.ready.iter().next()).map(|(folder, _)| *folder)
    }
}

impl Entry {
    /// A file noticed now.
    pub fn new(folder: FolderId, stat: Option<Stat>, now: Mono) -> Entry {
        Entry {
            folder,
            stat,
            same_since: now,
            noticed_at: now,
            read_at: now,
            phase: Phase::Waiting { due: now },
            recheck: false,
            incomplete: None,
            pushes: Vec::new(),
        }
    }

    /// Takes in a look. True if the file looks otherwise than before.
    pub fn see(&mut self, stat: Stat, now: Mono) -> bool {
        if self.stat.is_some_and(|before| before.fingerprint == stat.fingerprint) {
            return false;
        }
        self.stat = Some(stat);
        self.same_since = now;
        self.incomplete = None;
        true
    }

    /// When to look next at a file that may not be read before `earliest`: ever more slowly, the
    /// longer it has been watched.
    pub fn next_look(&self, earliest: Mono, now: Mono) -> Mono {
        let slow_ms = (now.since(self.noticed_at) / 8).min(SLOWEST_LOOK_MS);
        earliest.max(now.plus(slow_ms))
    }
}

fn newest_first(entry: &Entry) -> Reverse<i64> {
    Reverse(entry.stat.map_or(0, |stat| stat.fingerprint.mtime_ns))
}

#[cfg(test)]
mod tests {
    use super::super::Wall;
    use super::*;

    fn stat(changed_ms: i64, own_clock: bool) -> Stat {
        let ns = changed_ms * 1_000_000;
        let fingerprint = Fingerprint { mtime_ns: ns, ctime_ns: ns, ..Fingerprint::default() };
        Stat { fingerprint, own_clock }
    }

    const NEVER: Mono = Mono(i64::MIN);

    fn at(wall: i64, mono: i64) -> Now {
        Now { wall: Wall(wall), mono: Mono(mono) }
    }

    #[test]
    fn an_old_file_needs_no_quiet_time_where_the_clock_is_ours() {
        assert_eq!(rest(&stat(0, true), Mono(5), NEVER, 2_000, at(2_000, 5)), Rest::Ready);
        assert_eq!(
            rest(&stat(0, false), Mono(5), NEVER, 2_000, at(9_000, 5)),
            Rest::Until(Mono(2_005))
        );
    }

    #[test]
    fn a_clock_that_jumped_just_now_tells_nothing() {
        let told = rest(&stat(0, true), Mono(5), Mono(5), 2_000, at(3_600_000, 5));
        assert_eq!(told, Rest::Until(Mono(2_005)));
    }

    #[test]
    fn a_change_time_in_the_future_tells_nothing() {
        let future = stat(1_000_000, true);
        assert_eq!(rest(&future, Mono(0), NEVER, 2_000, at(0, 1_500)), Rest::Until(Mono(2_000)));
        assert_eq!(rest(&future, Mono(0), NEVER, 2_000, at(0, 2_000)), Rest::Ready);
        assert!(!certain(&future, Wall(5_000), 1_999));
        assert!(certain(&future, Wall(5_000), 2_000));
    }

    #[test]
    fn folders_take_turns_and_newer_files_go_first() {
        let mut settling = Settling::default();
        let mut put = |folder: i64, name: &str, changed_ms: i64| {
            let mut entry = Entry::new(FolderId(folder), Some(stat(changed_ms, true)), Mono(0));
            entry.phase = Phase::Ready;
            settling.put(std::path::Path::new(name).into(), entry);
        };
        put(1, "a-old", 1);
        put(1, "a-new", 2);
        put(2, "b", 1);
        put(0, "pushed", 0);
        let order: Vec<_> = std::iter::from_fn(|| settling.next_ready(Mono(0)))
            .map(|(path, _)| path.display().to_string())
            .collect();
        assert_eq!(order, ["pushed", "a-new", "b", "a-old"]);
        assert_eq!(settling.identifying(), 4);
    }

    #[test]
    fn a_file_that_never_rests_is_looked_at_ever_more_slowly() {
        let entry = Entry::new(FolderId(1), None, Mono(0));
        assert_eq!(entry.next_look(Mono(2_000), Mono(0)), Mono(2_000));
        assert_eq!(entry.next_look(Mono(82_000), Mono(80_000)), Mono(90_000));
        assert_eq!(entry.next_look(Mono(9_000_002), Mono(9_000_000)), Mono(9_060_000));
    }
}
