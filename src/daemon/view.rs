//! How things stand, as the loop sees them: one look at planner and hands.
//!
//! Owns:
//! - a view is of one moment, between two steps.

use std::time::{Duration, Instant};

use crate::planner::{
    AccountId, AttemptId, Cause, FolderId, FolderView, Gate, Notice, Now, Paused, SharedPath, Wall,
    Watching,
};

use super::{PATIENCE_MS, Session};

/// How long a ledger that could be written is believed to be so still, when somebody asks.
const PROOF_HOLDS: Duration = Duration::from_secs(60);

/// How things stand at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Nothing settling, nothing to send that may be sent, no scan owed, no root away.
    pub done: bool,
    /// A folder is being scanned, or is to be as soon as there is room.
    pub scans_owed: bool,
    /// When what waits is tried again, if that is known.
    pub next_try_at: Option<Wall>,
    /// Why nothing begins, if nothing does.
    pub paused: Option<Paused>,
    /// What stops uploads.
    pub stops: Vec<StopView>,
    /// The folders.
    pub folders: Vec<FolderNow>,
    /// How many of them are there and not watched yet.
    pub arming: usize,
    /// What is going out, or about to.
    pub uploading: Vec<Uploading>,
    /// Uploads that are prepared and have no place yet: they wait like all others.
    pub opened_ahead: u64,
    /// Files that wait for their turn to be read, and their bytes.
    pub to_read: (u64, u64),
    /// Uploads that may go out at once for now.
    pub allowed: usize,
    /// How fast all uploads together went over the last seconds.
    pub bytes_per_second: u64,
}

/// Something that stops uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopView {
    /// Whose; none means everybody's.
    pub account: Option<AccountId>,
    /// Why.
    pub cause: Cause,
    /// In words.
    pub reason: String,
    /// When it is tried again; none means not by time alone.
    pub until: Option<Wall>,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderNow {
    /// Which.
    pub id: FolderId,
    /// Where it goes.
    pub account: AccountId,
    /// `events`, `poll` or `away`.
    pub mode: &'static str,
    /// Why it is polled or away, in words.
    pub reason: Option<String>,
    /// What the last scan of it could not see, in words.
    pub unseen: Option<String>,
    /// When a scan of it last saw everything.
    pub last_scan_at: Option<Wall>,
    /// Files of which events should have told, and only scans did.
    pub missed_by_events: u64,
}

/// A file that is going out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploading {
    /// The file.
    pub path: SharedPath,
    /// Bytes that the connection took.
    pub sent: u64,
    /// Bytes in all.
    pub size: u64,
}

impl Session {
    /// How things stand.
    pub(super) fn view(&self) -> View {
        let now = self.clock.now();
        let planner = self.engine.planner();
        let rest = self.engine.rest(now, PATIENCE_MS);
        let of_all = planner.stop_of_all().map(|gate| stop(now, None, gate));
        let of_accounts = planner.stops().map(|(id, gate)| stop(now, Some(id), gate));
        let stops: Vec<StopView> = of_all.into_iter().chain(of_accounts).collect();
        let opens = stops.iter().filter_map(|stop| stop.until);
        let next = rest.next.map(|at| now.wall.plus(at.since(now.mono)));
        let sent = self.hands.sent();
        let sent_of = |attempt: AttemptId| sent.get(&attempt).copied();
        let flights = planner.in_flight_now();
        let uploading: Vec<Uploading> = flights
            .filter_map(|(attempt, path, size)| {
                Some(Uploading { path: path.clone(), sent: sent_of(attempt)?, size })
            })
            .collect();
        View {
            done: rest.done,
            scans_owed: planner.scans_owed(),
            next_try_at: next.into_iter().chain(opens).min(),
            paused: planner.paused(),
            opened_ahead: planner.in_flight_now().count().saturating_sub(uploading.len()) as u64,
            uploading,
            folders: self.folders_now(),
            arming: planner.folder_views().filter(|view| is_to_be_watched(view)).count(),
            to_read: planner.to_read(),
            allowed: self.hands.allowed(),
            bytes_per_second: self.hands.bytes_per_second(),
            stops,
        }
    }

    /// Whether the ledger can be written now, or could a moment ago. What cannot be is no end of the
    /// session yet: nothing has to be written.
    pub(super) fn writes(&mut self) -> bool {
        let proven = self.proven.is_some_and(|at| at.elapsed() < PROOF_HOLDS);
        if !proven {
            match self.engine.ledger().prove_writable() {
                Ok(()) => self.proven = Some(Instant::now()),
                Err(error) => {
                    tracing::warn!("{error}");
                    return false;
                }
            }
        }
        true
    }

    /// Remembers what a walk could not see, until one sees all.
    pub(super) fn keep_unseen(&mut self, notice: &Notice) {
        match notice {
            Notice::Scanned { folder, incomplete: Some(reason) } => {
                self.unseen.insert(*folder, reason.clone());
            }
            Notice::Scanned { folder, incomplete: None } => drop(self.unseen.remove(folder)),
            _ => {}
        }
    }

    fn folders_now(&self) -> Vec<FolderNow> {
        let views = self.engine.planner().folder_views();
        let folder = views.map(|view| {
            let (mode, reason) = match (view.away, view.watching) {
                (Some(away), _) => ("away", Some(away.to_owned())),
                (None, Watching::Events) => ("events", None),
                (None, Watching::Polled { reason }) => ("poll", Some(reason.clone())),
                // It is there, and its watch is not armed yet.
                (None, Watching::Nothing { reason }) => ("poll", Some(reason.clone())),
            };
            FolderNow {
                id: view.folder,
                account: view.account,
                mode,
                reason,
                unseen: self.unseen.get(&view.folder).filter(|_| view.away.is_none()).cloned(),
                last_scan_at: view.last_scan_at,
                missed_by_events: view.missed_by_events,
            }
        });
        folder.collect()
    }
}

fn is_to_be_watched(view: &FolderView<'_>) -> bool {
    view.away.is_none() && matches!(view.watching, Watching::Nothing { .. })
}

fn stop(now: Now, account: Option<AccountId>, gate: &Gate) -> StopView {
    StopView {
        account,
        cause: gate.cause,
        reason: gate.reason.clone(),
        until: gate.until.map(|at| now.wall.plus(at.since(now.mono).max(0))),
    }
}
