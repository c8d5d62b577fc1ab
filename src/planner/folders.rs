//! Folders: when each is scanned, how it is watched, and whether its root is there.
//!
//! Owns:
//! - lost sight of any kind owes a scan, and a scan that is owed comes as soon as there is room;
//! - a root that is not there, or does not answer, is away, never empty;
//! - events that were seen to miss changes are not relied on.

use super::message::{Effect, Notice, Plan, ScanResult, Watching, Write};
use super::missed::{Found, Missed};
use super::types::{
    AccountId, FolderId, IgnoredBy, Mono, Now, PathRow, PathStatus, SharedPath, Stat, Wall,
};
use super::{FolderPolicy, Planner};

/// How a folder stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) policy: FolderPolicy,
    pub(super) scanning: bool,
    /// Sight was lost: scan as soon as there is room.
    pub(super) owed: bool,
    pub(super) next_scan: Mono,
    failed_scans: u32,
    pub(super) away: Option<String>,
    /// It was asked to look or to scan, and has not moved since for long.
    pub(super) hangs: bool,
    watching: Watching,
    missed: Missed,
    last_scan_at: Option<Wall>,
}

/// How a folder stands, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderView<'a> {
    /// Which.
    pub folder: FolderId,
    /// Where it goes.
    pub account: AccountId,
    /// How its changes are noticed.
    pub watching: &'a Watching,
    /// Why its root is away, in words, if it is.
    pub away: Option<&'a str>,
    /// Files in this run of which events should have told, and only scans did.
    pub missed_by_events: u64,
    /// When a scan of it last saw all that can be seen.
    pub last_scan_at: Option<Wall>,
}

/// The first pause after a scan that could not see everything; doubled up to the usual pause.
const FAILED_SCAN_MS: i64 = 2_000;

impl Planner {
    /// How each folder stands.
    pub fn folder_views(&self) -> impl Iterator<Item = FolderView<'_>> {
        self.folders.iter().map(|(id, folder)| FolderView {
            folder: *id,
            account: folder.policy.account,
            watching: &folder.watching,
            away: folder.away.as_deref(),
            missed_by_events: folder.missed.files(),
            last_scan_at: folder.last_scan_at,
        })
    }

    /// Folders whose root is away, and why.
    pub fn away(&self) -> impl Iterator<Item = (FolderId, &str)> {
        self.folders.iter().filter_map(|(id, folder)| Some((*id, folder.away.as_deref()?)))
    }

    pub(super) fn owe_scan(&mut self, folder: FolderId) {
        if let Some(folder) = self.folders.get_mut(&folder) {
            folder.owed = true;
            folder.missed.lost();
        }
    }

    pub(super) fn watched(&mut self, now: Now, id: FolderId, by: Watching, pause_ms: i64) {
        let Some(folder) = self.folders.get_mut(&id) else { return };
        match by {
            Watching::Events => folder.missed.armed(now),
            Watching::Polled { .. } | Watching::Nothing { .. } => folder.missed.disarmed(),
        }
        folder.watching = by;
        folder.policy.rescan_ms = pause_ms;
        folder.next_scan = folder.next_scan.min(now.mono.plus(pause_ms));
    }

    /// A folder does not answer, or, without a reason, answers again.
    pub(super) fn hangs(&mut self, id: FolderId, reason: Option<String>, plan: &mut Plan) {
        let Some(folder) = self.folders.get_mut(&id) else { return };
        folder.hangs = reason.is_some();
        let Some(reason) = reason else {
            self.hungry = true;
            self.errands.ask_again();
            return self.owe_scan(id);
        };
        if folder.away.replace(reason.clone()).is_none() {
            plan.notices.push(Notice::FolderAway { folder: id, reason });
        }
    }

    /// A scan found a file in this state; its row is as given.
    pub(super) fn found_by_scan(
        &mut self,
        folder: FolderId,
        path: &SharedPath,
        stat: Stat,
        row: Option<&PathRow>,
    ) {
        let Some(folder) = self.folders.get_mut(&folder) else { return };
        let Some(row) = row else { return folder.missed.found(path, &stat, true) };
        let rule = matches!(row.status, PathStatus::Ignored { by: IgnoredBy::Rule, .. });
        let (was, is) = (row.fingerprint, stat.fingerprint);
        // A link made elsewhere changes the change time alone, and nothing tells of that here.
        let is = super::Fingerprint { ctime_ns: was.ctime_ns, ..is };
        if !rule && was != is {
            folder.missed.found(path, &stat, false);
        }
    }

    pub(super) fn told_by_event(&mut self, folder: FolderId, path: &SharedPath) {
        if let Some(folder) = self.folders.get_mut(&folder) {
            folder.missed.told(path);
        }
    }

    pub(super) fn begin_scans(&mut self, now: Now, plan: &mut Plan) {
        let room = self.settling.len() <= self.limits.settling / 2;
        for (id, folder) in &mut self.folders {
            let due = folder.next_scan <= now.mono || (folder.owed && room);
            if due && !folder.scanning {
                folder.scanning = true;
                folder.missed.scan_begins(now, folder.owed, self.clock.since);
                folder.owed = false;
                plan.effects.push(Effect::Scan { folder: *id });
            }
        }
    }

    pub(super) fn scan_ended(
        &mut self,
        now: Now,
        id: FolderId,
        result: ScanResult,
        plan: &mut Plan,
    ) {
        let Some(folder) = self.folders.get_mut(&id) else {
            return;
        };
        folder.scanning = false;
        self.hungry |= std::mem::take(&mut folder.hangs);
        match result {
            ScanResult::Complete => {
                folder.seen_once(id, plan);
                folder.ended(now, true);
                if folder.away.take().is_some() {
                    self.errands.ask_again();
                    plan.notices.push(Notice::FolderBack(id));
                }
                plan.notices.push(Notice::Scanned { folder: id, incomplete: None });
                folder.judge_events(id, true, plan);
            }
            ScanResult::Incomplete { reason } => {
                // One directory that cannot be read must not make new files old ones for ever.
                folder.seen_once(id, plan);
                if folder.away.take().is_some() {
                    // What it waited for its root says nothing about the directory that fails now.
                    folder.failed_scans = 0;
                    plan.notices.push(Notice::FolderBack(id));
                }
                folder.ended(now, false);
                plan.notices.push(Notice::Scanned { folder: id, incomplete: Some(reason) });
                folder.judge_events(id, false, plan);
            }
            ScanResult::Away { reason } => {
                folder.ended(now, false);
                folder.missed.lost();
                if folder.away.replace(reason.clone()).is_none() {
                    plan.notices.push(Notice::FolderAway { folder: id, reason });
                }
            }
        }
    }
}

impl Folder {
    pub(super) fn new(policy: FolderPolicy) -> Folder {
        Folder {
            policy,
            scanning: false,
            owed: true,
            next_scan: Mono(i64::MIN),
            failed_scans: 0,
            away: None,
            hangs: false,
            watching: Watching::Nothing { reason: "it is not watched yet".into() },
            missed: Missed::default(),
            last_scan_at: None,
        }
    }

    /// It is looked at anew, and nothing that was asked before is answered. That it is away is so
    /// until a scan tells otherwise.
    pub(super) fn begin_anew(&mut self) {
        self.scanning = false;
        self.hangs = false;
        self.failed_scans = 0;
        self.watching = Watching::Nothing { reason: "it is not watched yet".into() };
        self.missed.disarmed();
    }

    /// First sight is over: what comes from now on is new.
    fn seen_once(&mut self, id: FolderId, plan: &mut Plan) {
        if !std::mem::replace(&mut self.policy.scanned_before, true) {
            plan.writes.push(Write::Scanned { folder: id });
        }
    }

    fn ended(&mut self, now: Now, complete: bool) {
        let usual_ms = self.policy.rescan_ms;
        let pause_ms = if complete {
            self.failed_scans = 0;
            self.last_scan_at = Some(now.wall);
            usual_ms
        } else {
            let doubled_ms = FAILED_SCAN_MS << self.failed_scans.min(16);
            self.failed_scans += 1;
            doubled_ms.min(usual_ms)
        };
        self.next_scan = now.mono.plus(pause_ms);
    }

    fn judge_events(&mut self, id: FolderId, complete: bool, plan: &mut Plan) {
        let Some(Found { files, so_far, too_many }) = self.missed.scan_ended(complete) else {
            return;
        };
        plan.notices.push(Notice::Missed { folder: id, files, so_far });
        if !too_many {
            return;
        }
        let found = if so_far == 1 { "1 file was".into() } else { format!("{so_far} files were") };
        let reason = format!("its events do not tell of every change: {found} found by scans only");
        if self.policy.trusts_events {
            plan.notices.push(Notice::EventsUnreliable { folder: id, reason });
        } else {
            plan.effects.push(Effect::Poll { folder: id, reason });
        }
    }
}
