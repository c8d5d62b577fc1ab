//! The figures of watched folders: live from the hands, and the rest from the ledger now and then.

use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::daemon::{Gauge, Message};
use crate::ledger::{Ledger, State};
use crate::planner::FolderId;

use super::figures::{Amount, Burst, Figures, LULL, Speed, Standing};
use super::{hashing, parts};

/// How old a look at the ledger may be while nothing was finished.
const OLD: Duration = Duration::from_secs(1);
/// And how old it has to be at least, if looking is quick.
const YOUNG: Duration = Duration::from_millis(250);
/// Of all time, the part that looking may take: one in so many.
const SHARE: u32 = 20;

/// The figures of folders that a session of this process watches.
#[derive(Debug)]
pub struct Folders {
    ledger: PathBuf,
    folders: Vec<FolderId>,
    gauge: Gauge,
    session: Sender<Message>,
    burst: Burst,
    began: Instant,
    speed: Speed,
    asked: Option<Instant>,
    look: Option<Look>,
}

/// What a look showed, and when it was over.
#[derive(Debug)]
struct Look {
    at: Instant,
    took: Duration,
    sends: Vec<crate::planner::SharedPath>,
    standing: Standing,
    to_read: (u64, u64),
}

impl Folders {
    /// Of these folders of a ledger; `session` is asked how things stand.
    pub fn new(
        ledger: PathBuf,
        folders: Vec<FolderId>,
        gauge: Gauge,
        session: Sender<Message>,
    ) -> Folders {
        let mut folders = Folders {
            ledger,
            folders,
            gauge,
            session,
            burst: Burst::default(),
            began: Instant::now(),
            speed: Speed::default(),
            asked: Some(Instant::now()),
            look: None,
        };
        if let Some(standing) = folders.standing() {
            folders.burst.measure(standing, Amount::default());
        }
        folders
    }

    /// The figures of this moment.
    pub fn now(&mut self) -> Figures {
        if self.asked.is_none_or(|asked| asked.elapsed() > LULL) {
            (self.burst, self.speed, self.look) = Default::default();
        }
        self.asked = Some(Instant::now());
        let (reads, sends) = (self.gauge.reads(), self.gauge.sends());
        let paths: Vec<_> = sends.iter().map(|file| file.path.clone()).collect();
        if self.look.as_ref().is_none_or(|look| look.is_old(&paths)) {
            self.look = Some(self.look_again(paths));
        }
        let Some(look) = &self.look else { return Figures::default() };
        let hashing = hashing(&reads, look.to_read);
        let (done, all, failed) = self.burst.measure(look.standing, hashing);
        let per_second = self.speed.note(self.began.elapsed(), self.gauge.moved());
        let sending = parts(&sends);
        Figures { hashing, sending, done, failed, all, per_second }
    }

    fn look_again(&mut self, sends: Vec<crate::planner::SharedPath>) -> Look {
        let began = Instant::now();
        let view = view(&self.session);
        if let Some(view) = &view {
            // Other folders may be configured by now.
            self.folders = view.folders.iter().map(|folder| folder.id).collect();
        }
        // A ledger that cannot be read is the loop's to complain about.
        let standing = self.standing().unwrap_or_default();
        let to_read = view.map_or((0, 0), |view| view.to_read);
        Look { at: Instant::now(), took: began.elapsed(), sends, standing, to_read }
    }

    fn standing(&self) -> Option<Standing> {
        let ledger = Ledger::read(&self.ledger).ok()??;
        let amounts = ledger.amounts(&self.folders, true).ok()?;
        let of = |states: &[State]| {
            let amounts = states.iter().map(|state| amounts[*state as usize]);
            amounts
                .fold(Amount::default(), |sum, (files, bytes)| sum.plus(Amount::new(files, bytes)))
        };
        Some(Standing {
            uploaded: of(&[State::Uploaded]),
            failed: of(&[State::Failed, State::Held]),
            left: of(&[State::Queued, State::Uploading, State::Unknown]),
        })
    }
}

impl Look {
    fn is_old(&self, sends: &[crate::planner::SharedPath]) -> bool {
        let least = YOUNG.max(self.took * SHARE);
        let old = if self.sends == sends { OLD.max(least) } else { least };
        self.at.elapsed() >= old
    }
}

/// How things stand, unless the session has ended.
pub(super) fn view(session: &Sender<Message>) -> Option<crate::daemon::View> {
    let (reply, answer) = tokio::sync::oneshot::channel();
    session.send(Message::View(reply)).ok()?;
    answer.blocking_recv().ok()
}
