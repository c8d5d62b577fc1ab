//! Is it at rest? Files on their way from "seen" to "identified", in bounded memory.
//!
//! Owns:
//! - nothing is identified before two equal looks, and the quiet time between the last change
//!   and now;
//! - only what has arrived whole, by its writer's doing, on a disk that can prove that nobody
//!   writes, is read sooner, and what is read then counts only with that proof;
//! - "not ready" is looked at again for ever, ever more slowly;
//! - at most `limit` files are remembered; past it the caller owes a scan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::message::{Effect, Reading};
use super::readings::{Readings, Share};
use super::sabotage::{self, Bug};
use super::types::{
    AccountId, Arrival, Disk, Fingerprint, FolderId, Mono, Now, PathKey, Push, SharedPath, Stat,
};

/// The longest pause between two looks at a file that does not come to rest.
pub const SLOWEST_LOOK_MS: i64 = 60_000;

/// A fingerprint taken this long after the last change spares a later hash. Two seconds is the
/// coarsest time step of a file system in use (FAT).
pub const CERTAIN_AFTER_MS: i64 = 2_000;

/// The same where the kernel stamps every change with its own clock: no tick of it is longer than
/// 10 ms (Linux `CONFIG_HZ` is 100 at least), and a millisecond is lost on each side by rounding.
pub const CERTAIN_AFTER_TICK_MS: i64 = 12;

/// How long a file is left alone that was renamed into place: until a tick has passed, so that no
/// later change can have the same time.
const RENAMED_QUIET_MS: i64 = CERTAIN_AFTER_TICK_MS;

/// How long a file is left alone that was closed after writing: programs that open it again for
/// the next piece do so at once.
const CLOSED_QUIET_MS: i64 = 60;

/// The shortest quiet time where other machines may write: what they do shows late.
pub const REMOTE_QUIET_MS: i64 = 10_000;

/// A file that has not come to rest for so long is looked into, to say what is missing.
pub const GLIMPSE_AFTER_MS: i64 = 5_000;

/// A rate of growth is told for so long after the last growth at least.
const STALE_RATE_MS: i64 = 5_000;

/// A file that others write to is noted down anew after this pause at least.
const NOTE_AFTER_MS: i64 = 1_000;

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
    /// The system told that whoever wrote it is done, and it has not changed since.
    pub arrival: Option<Arrival>,
    /// There is no proof that it arrived whole: only the quiet time helps.
    pub unproved: bool,
    /// Somebody had it open for writing when it was last read.
    pub open: bool,
    /// That was said.
    pub told_open: bool,
    /// It was seen again while it was read.
    pub stirred: bool,
    /// It is not at rest, and is to be looked into all the same.
    pub glimpse: bool,
    /// Its size at an earlier look, and when that was.
    pub grown_from: Option<(u64, Mono)>,
    /// What was last written down of it, and when.
    pub noted: Option<(Mono, String)>,
    /// When it was last looked into without being at rest.
    pub glimpsed_at: Option<Mono>,
    /// What its container lacked when it was last looked into.
    pub lacks: Option<String>,
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
    if stat.disk.own_clock() { watched_ms.max(told_ms) } else { watched_ms }
}

/// Whether a read that began at `read_at` (wall clock), of a file that had been seen unchanged
/// for `watched_ms` by then, spares a later hash of an equal-looking file: whatever is written
/// after that gets another change time, because the file system's time step is shorter.
pub fn certain(stat: &Stat, read_at: super::Wall, watched_ms: i64) -> bool {
    let told_ms = read_at.since(stat.fingerprint.changed_at());
    let step_ms = match stat.disk {
        Disk::Proving if has_fine_times(&stat.fingerprint) => CERTAIN_AFTER_TICK_MS,
        Disk::Proving | Disk::Local | Disk::Foreign | Disk::Remote => CERTAIN_AFTER_MS,
    };
    watched_ms >= CERTAIN_AFTER_MS || (stat.disk.own_clock() && told_ms >= step_ms)
}

/// Whether the file system keeps parts of a second: small inodes of ext4 do not. Nobody can set a
/// ctime, so only an accident makes a fine one look coarse, and costs a look.
fn has_fine_times(fingerprint: &Fingerprint) -> bool {
    fingerprint.ctime_ns.rem_euclid(1_000_000_000) != 0
}

/// The files on their way.
#[derive(Debug, Clone, Default)]
pub struct Settling {
    /// In boxes: a tree keeps its nodes half empty.
    entries: BTreeMap<PathKey, Box<Entry>>,
    due: BTreeSet<(Mono, PathKey)>,
    ready: BTreeMap<FolderId, BTreeSet<(Reverse<i64>, PathKey)>>,
    readings: Readings,
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
        self.readings.len()
    }

    /// How many wait for their turn to be read, and their bytes.
    pub fn to_read(&self) -> (u64, u64) {
        let ready = self.ready.values().flatten().filter_map(|(_, path)| self.entries.get(path));
        ready.fold((0, 0), |(files, bytes), entry| (files + 1, bytes.saturating_add(entry.size())))
    }

    /// How many are being looked at, or read, or next in turn to be read.
    pub fn moving(&self) -> usize {
        let waiting = self.due.len();
        self.entries.len() - waiting
    }

    /// How many of them lie in a folder.
    pub fn moving_in(&self, folder: FolderId) -> usize {
        let entries = self.entries.values().filter(|entry| entry.folder == folder);
        entries.filter(|entry| !matches!(entry.phase, Phase::Waiting { .. })).count()
    }

    /// When a file that is ready may be read because others take long.
    pub fn next_share(&self, now: Mono) -> Option<Mono> {
        if self.ready.is_empty() { None } else { self.readings.next_slow(now) }
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
    pub fn entry(&self, path: &Path) -> Option<&Entry> {
        self.entries.get(path.as_os_str()).map(Box::as_ref)
    }

    /// Puts a file in, or back in another phase.
    pub fn put(&mut self, path: SharedPath, entry: Entry) {
        self.take(&path);
        match entry.phase {
            Phase::Waiting { due } => {
                self.due.insert((due, PathKey(path.clone())));
            }
            Phase::Ready => {
                let queue = self.ready.entry(entry.folder).or_default();
                queue.insert((newest_first(&entry), PathKey(path.clone())));
            }
            Phase::Identifying => {
                self.readings.begin(path.clone(), entry.folder, entry.size(), entry.read_at);
            }
            Phase::Looking => {}
        }
        self.rechecks += usize::from(entry.recheck);
        self.entries.insert(PathKey(path), Box::new(entry));
    }

    /// Takes a file out.
    pub fn take(&mut self, path: &SharedPath) -> Option<Entry> {
        let entry = self.entries.remove(path.as_os_str())?;
        match entry.phase {
            Phase::Waiting { due } => {
                self.due.remove(&(due, PathKey(path.clone())));
            }
            Phase::Ready => {
                if let Some(queue) = self.ready.get_mut(&entry.folder) {
                    queue.remove(&(newest_first(&entry), PathKey(path.clone())));
                    if queue.is_empty() {
                        self.ready.remove(&entry.folder);
                    }
                }
            }
            Phase::Identifying => self.readings.end(path),
            Phase::Looking => {}
        }
        self.rechecks -= usize::from(entry.recheck);
        Some(*entry)
    }

    /// The next file whose look is due; it is `Looking` from now on.
    pub fn next_look(&mut self, now: Mono) -> Option<(FolderId, SharedPath)> {
        let (due, PathKey(path)) = self.due.first()?.clone();
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
    /// `Identifying` from now on. None if the share is being read: of the folder, or anywhere
    /// without taking long.
    pub fn next_ready(&mut self, now: Mono, share: Share) -> Option<Effect> {
        let first = |folder| Some(&self.ready.get(&folder)?.first()?.1);
        let may = |folder| {
            let size = first(folder)
                .and_then(|path| self.entries.get(path))
                .map_or(0, |entry| entry.size());
            self.readings.admit(folder, size, now, share)
        };
        let folder = self.next_folder(may)?;
        let PathKey(path) = first(folder)?.clone();
        self.last_served = Some(folder);
        let mut entry = self.take(&path)?;
        entry.phase = Phase::Identifying;
        entry.read_at = now;
        let fingerprint = entry.stat.map(|stat| stat.fingerprint).unwrap_or_default();
        let reading = match entry.reading() {
            Reading::Arrived if sabotage::on(Bug::BelieveArrival) => Reading::Quiet,
            reading => reading,
        };
        self.put(path.clone(), entry);
        Some(Effect::Identify { folder, path, fingerprint, reading })
    }

    /// The files of a folder.
    pub fn of_folder(&self, folder: FolderId) -> Vec<SharedPath> {
        let of = self.entries.iter().filter(|(_, entry)| entry.folder == folder);
        of.map(|(path, _)| path.0.clone()).collect()
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

    fn next_folder(&self, may: impl Fn(FolderId) -> bool) -> Option<FolderId> {
        if self.ready.contains_key(&FolderId::PUSHES) && may(FolderId::PUSHES) {
            return Some(FolderId::PUSHES);
        }
        let after = FolderId(self.last_served.map_or(i64::MIN, |folder| folder.0 + 1));
        let turn = self.ready.range(after..).chain(self.ready.range(..after));
        turn.map(|(folder, _)| *folder).find(|folder| may(*folder))
    }
}

impl Entry {
    /// Its bytes when it was last looked at.
    fn size(&self) -> u64 {
        self.stat.map_or(0, |stat| stat.fingerprint.size)
    }

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
            arrival: None,
            unproved: false,
            open: false,
            told_open: false,
            stirred: false,
            glimpse: false,
            grown_from: None,
            noted: None,
            glimpsed_at: None,
            lacks: None,
        }
    }

    /// Takes in a look. True if the file looks otherwise than before.
    pub fn see(&mut self, stat: Stat, now: Mono) -> bool {
        if self.stat.is_some_and(|before| before.fingerprint == stat.fingerprint) {
            return false;
        }
        if let Some(before) = self.stat {
            self.grown_from = Some((before.fingerprint.size, self.same_since));
            // Rights and links changed, not bytes: whoever wrote it is still done.
            let touched = Fingerprint { ctime_ns: stat.fingerprint.ctime_ns, ..before.fingerprint };
            self.arrival = self.arrival.filter(|_| touched == stat.fingerprint);
        }
        self.stat = Some(stat);
        self.same_since = now;
        self.incomplete = None;
        self.unproved = false;
        true
    }

    /// The system told that whoever wrote the file is done: whatever was waited for may be over.
    pub fn arrived(&mut self, arrival: Arrival) {
        self.arrival = Some(arrival);
        self.unproved = false;
        self.open = false;
        self.lacks = None;
    }

    /// Whether the file is to be looked into though it is not at rest: when it has not come to
    /// rest for long, and then ever more rarely.
    pub fn may_glimpse(&self, now: Mono) -> bool {
        let age_ms = now.since(self.noticed_at);
        let pause_ms = (age_ms / 8).clamp(GLIMPSE_AFTER_MS, SLOWEST_LOOK_MS);
        age_ms >= GLIMPSE_AFTER_MS && self.glimpsed_at.is_none_or(|at| now.since(at) >= pause_ms)
    }

    /// How long the file is to be quiet before it is read, if its folder wants `quiet_ms`.
    pub fn quiet_ms(&self, quiet_ms: i64) -> i64 {
        match (self.reading(), self.arrival, self.stat.map(|stat| stat.disk)) {
            (Reading::Arrived, Some(Arrival::Renamed), _) => RENAMED_QUIET_MS.min(quiet_ms),
            (Reading::Arrived, Some(Arrival::Closed), _) => CLOSED_QUIET_MS.min(quiet_ms),
            // Two changes within one step of a coarse clock look the same: the quiet time only
            // begins when the step has passed.
            (_, _, Some(Disk::Foreign)) => quiet_ms + CERTAIN_AFTER_MS,
            (_, _, Some(Disk::Remote)) => (quiet_ms + CERTAIN_AFTER_MS).max(REMOTE_QUIET_MS),
            (_, _, Some(Disk::Proving | Disk::Local) | None) => quiet_ms,
        }
    }

    /// Whether it is to be read as one that has just arrived.
    pub fn is_arriving(&self) -> bool {
        self.reading() == Reading::Arrived
    }

    /// How much proof it takes to believe what is read of it next.
    fn reading(&self) -> Reading {
        let proving = self.stat.is_some_and(|stat| stat.disk == Disk::Proving);
        if self.glimpse {
            Reading::Glimpse
        } else if self.pushes.iter().any(|push| push.force) {
            Reading::Forced
        } else if self.arrival.is_some() && proving && !self.unproved && self.incomplete.is_none() {
            Reading::Arrived
        } else {
            Reading::Quiet
        }
    }

    /// What is found out of the file now is worth writing down, however soon it comes.
    pub fn note_at_once(&mut self) {
        if let Some((at, _)) = &mut self.noted {
            *at = Mono(i64::MIN);
        }
    }

    /// What is to be written down of the file now, if anything: not the same again, and not at
    /// every change of a file that somebody writes to all the time.
    pub fn note(&mut self, now: Mono) -> Option<String> {
        let pause_ms = (now.since(self.noticed_at) / 8).clamp(NOTE_AFTER_MS, SLOWEST_LOOK_MS);
        let reason = self.waits_for(now);
        let due = self
            .noted
            .as_ref()
            .is_none_or(|(at, said)| *said != reason && now.since(*at) >= pause_ms);
        due.then(|| {
            self.noted = Some((now, reason.clone()));
            reason
        })
    }

    /// Why the file is not read yet, in words.
    pub fn waits_for(&self, now: Mono) -> String {
        let what = if self.open {
            "another program has it open for writing".to_owned()
        } else {
            "waiting until nobody has changed it for a while".to_owned()
        };
        [Some(what), self.lacks.clone(), self.growth(now)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// "growing 4.2 MB/s", if it did between the last two looks that differ.
    fn growth(&self, now: Mono) -> Option<String> {
        let (before, at) = self.grown_from?;
        let took_ms = self.same_since.since(at);
        // One that stands still does not grow any more.
        if now.since(self.same_since) > took_ms.max(STALE_RATE_MS) {
            return None;
        }
        let grown = self.stat?.fingerprint.size.checked_sub(before).filter(|grown| *grown > 0)?;
        // What lasted less says nothing of a rate.
        if took_ms < 500 {
            return None;
        }
        let per_second = u128::from(grown) * 1_000 / u128::from(took_ms.unsigned_abs());
        let per_second = u64::try_from(per_second).unwrap_or(u64::MAX);
        (per_second > 0).then(|| format!("growing {}/s", bytes(per_second)))
    }

    /// When to look next at a file that may not be read before `earliest`: ever more slowly, the
    /// longer it has been watched.
    pub fn next_look(&self, earliest: Mono, now: Mono) -> Mono {
        let slow_ms = (now.since(self.noticed_at) / 8).min(SLOWEST_LOOK_MS);
        earliest.max(now.plus(slow_ms))
    }
}

/// A number of bytes in the unit that suits it, with one digit behind the point below ten.
fn bytes(count: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    let fitting = units.into_iter().find(|(_, size)| count >= *size);
    match fitting {
        Some((unit, size)) if count < 10 * size => {
            format!("{}.{} {unit}", count / size, count % size * 10 / size)
        }
        Some((unit, size)) => format!("{} {unit}", count / size),
        None => format!("{count} bytes"),
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
        let disk = if own_clock { Disk::Proving } else { Disk::Foreign };
        on(disk, changed_ms * 1_000_000)
    }

    fn on(disk: Disk, changed_ns: i64) -> Stat {
        let (mtime_ns, ctime_ns) = (changed_ns, changed_ns);
        let fingerprint = Fingerprint { mtime_ns, ctime_ns, ..Fingerprint::default() };
        Stat { fingerprint, disk }
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
    fn a_tick_of_the_kernel_is_enough_where_it_stamps_every_change_itself() {
        let changed_ns = 5_000_000_001;
        for (disk, ns, after_ms, certainly) in [
            (Disk::Proving, changed_ns, 12, true),
            (Disk::Proving, changed_ns, 11, false),
            // Whole seconds only: an inode without room for more.
            (Disk::Proving, 5_000_000_000, 1_999, false),
            (Disk::Proving, 5_000_000_000, 2_000, true),
            (Disk::Local, changed_ns, 1_999, false),
            (Disk::Local, changed_ns, 2_000, true),
            (Disk::Foreign, changed_ns, 9_000, false),
            (Disk::Remote, changed_ns, 9_000, false),
        ] {
            let read_at = Wall(5_000 + after_ms);
            assert_eq!(certain(&on(disk, ns), read_at, 0), certainly, "{disk:?} {after_ms}");
        }
    }

    #[test]
    fn only_an_arrival_on_a_disk_that_proves_it_shortens_the_quiet_time() {
        let quiet_ms = |disk, arrival, unproved, folder_ms| {
            let mut entry = Entry::new(FolderId(1), Some(on(disk, 1)), Mono(0));
            entry.arrival = arrival;
            entry.unproved = unproved;
            entry.quiet_ms(folder_ms)
        };
        let (closed, renamed) = (Some(Arrival::Closed), Some(Arrival::Renamed));
        assert_eq!(quiet_ms(Disk::Proving, renamed, false, 2_000), 12);
        assert_eq!(quiet_ms(Disk::Proving, closed, false, 2_000), 60);
        assert_eq!(quiet_ms(Disk::Proving, closed, false, 5), 5);
        assert_eq!(quiet_ms(Disk::Proving, closed, true, 2_000), 2_000);
        assert_eq!(quiet_ms(Disk::Proving, None, false, 2_000), 2_000);
        assert_eq!(quiet_ms(Disk::Local, renamed, false, 2_000), 2_000);
        assert_eq!(quiet_ms(Disk::Foreign, renamed, false, 2_000), 4_000);
        assert_eq!(quiet_ms(Disk::Remote, renamed, false, 2_000), 10_000);
        assert_eq!(quiet_ms(Disk::Remote, None, false, 30_000), 32_000);
    }

    #[test]
    fn what_is_waited_for_is_said_with_what_is_missing_and_how_fast_it_comes() {
        let sized = |size| {
            let mut stat = on(Disk::Proving, size as i64);
            stat.fingerprint.size = size;
            stat
        };
        let mut entry = Entry::new(FolderId(1), Some(sized(1_000_000)), Mono(0));
        assert_eq!(entry.waits_for(Mono(0)), "waiting until nobody has changed it for a while");
        entry.see(sized(9_400_000), Mono(2_000));
        entry.open = true;
        entry.lacks = Some("mdat promises 812 MB, 9.4 MB are there".into());
        assert_eq!(
            entry.waits_for(Mono(2_000)),
            "another program has it open for writing; mdat promises 812 MB, 9.4 MB are there; \
             growing 4.2 MB/s"
        );
        assert!(!entry.waits_for(Mono(7_001)).contains("growing"), "it stands still");
        entry.see(sized(9_500_000), Mono(2_100));
        // What is quick says nothing of a rate.
        entry.arrived(Arrival::Closed);
        assert_eq!(entry.waits_for(Mono(2_100)), "waiting until nobody has changed it for a while");
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
        let size = stat(0, true).fingerprint.size;
        assert_eq!(settling.to_read(), (4, 4 * size));
        let share = Share { most: 9, ahead: 9 };
        let read = |effect| match effect {
            Effect::Identify { path, .. } => path.display().to_string(),
            other => panic!("{other:?}"),
        };
        let order: Vec<_> =
            std::iter::from_fn(|| settling.next_ready(Mono(0), share)).map(read).collect();
        assert_eq!(order, ["pushed", "a-new", "b", "a-old"]);
        assert_eq!((settling.identifying(), settling.to_read()), (4, (0, 0)));
    }

    #[test]
    fn a_file_that_never_rests_is_looked_at_ever_more_slowly() {
        let entry = Entry::new(FolderId(1), None, Mono(0));
        assert_eq!(entry.next_look(Mono(2_000), Mono(0)), Mono(2_000));
        assert_eq!(entry.next_look(Mono(82_000), Mono(80_000)), Mono(90_000));
        assert_eq!(entry.next_look(Mono(9_000_002), Mono(9_000_000)), Mono(9_060_000));
    }
}
