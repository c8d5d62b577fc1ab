//! How things stand, for those who look again and again: the service manager, and metrics.
//!
//! Owns:
//! - the ledger's files are counted only after something has happened, and that takes at most a
//!   twentieth of all time, however often somebody looks; only who asks how things stand, or whether
//!   all is well, has them counted at once;
//! - what has not to be counted is of the very moment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::metrics::{self, Told};
use super::status::{Daemon, ErrandStatus, Status};
use crate::daemon::{Clock, Message, Tally, View};
use crate::ledger::{Amount, Ledger, LedgerError};
use crate::planner::{AccountId, FolderId};

/// How old what was counted has to be at least, before it is counted again.
const YOUNG: Duration = Duration::from_millis(900);
/// Of all time, the part that counting may take: one in so many.
const SHARE: u32 = 20;

/// What a look into the ledger showed.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    /// What is in each state.
    pub(super) amounts: [Amount; 8],
    pub(super) emails: BTreeMap<AccountId, Option<String>>,
    pub(super) roots: BTreeMap<FolderId, String>,
    pub(super) errands: ErrandStatus,
}

impl Figures {
    /// Of the folders of a view.
    pub(super) fn read(view: &View, ledger: &Ledger) -> Result<Figures, LedgerError> {
        let ids = ids(view);
        let mut roots = BTreeMap::new();
        for id in &ids {
            let root = ledger.root_of(*id)?.unwrap_or_default();
            roots.insert(*id, root.to_string_lossy().into_owned());
        }
        let (waiting, given_up, reason) = ledger.errand_counts(&ids)?;
        Ok(Figures {
            amounts: ledger.by_state(&ids, true)?,
            emails: ledger.accounts()?.into_iter().collect(),
            roots,
            errands: ErrandStatus { waiting, given_up, reason },
        })
    }
}

/// How things stand with a running daemon. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Standing(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    ledger: PathBuf,
    tally: Tally,
    daemon: Daemon,
    /// The session that is or was.
    session: Mutex<Option<Sender<Message>>>,
    counted: Mutex<Option<Counted>>,
}

#[derive(Debug)]
struct Counted {
    /// How often something had happened by then.
    stirred: u64,
    folders: Vec<FolderId>,
    at: Instant,
    took: Duration,
    figures: Arc<Figures>,
}

impl Standing {
    /// Of the daemon that is this process.
    pub fn new(ledger: PathBuf, tally: Tally) -> Standing {
        let daemon = Daemon {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            started_at: Clock::start().now().wall,
        };
        let (session, counted) = (Mutex::default(), Mutex::default());
        Standing(Arc::new(Kept { ledger, tally, daemon, session, counted }))
    }

    /// From now on this session is asked.
    pub fn tell(&self, session: Sender<Message>) {
        *lock(&self.0.session) = Some(session);
    }

    /// What has been done so far.
    pub fn tally(&self) -> &Tally {
        &self.0.tally
    }

    /// The first line of `status`, and whether it changes though nothing happens; for everybody on
    /// the machine to see, if it is `public`: then it says how much, and not which. None: nobody can
    /// tell now. It waits for the loop.
    pub fn line(&self, public: bool) -> Option<(String, bool)> {
        let (reply, view) = tokio::sync::oneshot::channel();
        lock(&self.0.session).as_ref()?.send(Message::View(reply)).ok()?;
        let view = view.blocking_recv().ok()?;
        let (figures, age) = self.figures(&view).ok()?;
        let (view, figures) = match public {
            true => without_names(view, &figures),
            false => (view, figures),
        };
        let status = Status::put_together(&view, &figures, &self.0.daemon);
        let changes = !view.uploading.is_empty() || !age.is_zero();
        if view.arming > 0 && view.uploading.is_empty() && view.paused.is_none() {
            let all = view.folders.len();
            let folders = if all == 1 { "folder" } else { "folders" };
            let line = format!("arming the watches of {} of {all} {folders}", view.arming);
            return Some((line, changes));
        }
        Some((status.line(Clock::start().now().wall), changes))
    }

    /// Whether anything needs a person at this very moment.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub(super) fn needs_person(&self, view: &View) -> Result<bool, LedgerError> {
        Ok(self.status(view)?.needs_person(view))
    }

    /// How things stand at this very moment: what is in the ledger is counted again if anything has
    /// happened since.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub(super) fn status(&self, view: &View) -> Result<Status, LedgerError> {
        let (figures, _) = self.counted(view, true)?;
        Ok(Status::put_together(view, &figures, &self.0.daemon))
    }

    /// Everything in the words of Prometheus.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub(super) fn metrics(&self, view: &View) -> Result<String, LedgerError> {
        let (figures, age) = self.figures(view)?;
        let daemon = &self.0.daemon;
        Ok(metrics::text(&Told {
            numbers: &self.0.tally.numbers(),
            view,
            status: &Status::put_together(view, &figures, daemon),
            figures: &figures,
            age,
            daemon,
            ledger: &self.0.ledger,
            now: Clock::start().now().wall,
        }))
    }

    /// What was counted, and how long ago.
    pub(super) fn figures(&self, view: &View) -> Result<(Arc<Figures>, Duration), LedgerError> {
        self.counted(view, false)
    }

    /// `exact`: what happened since counts, whatever it costs.
    fn counted(&self, view: &View, exact: bool) -> Result<(Arc<Figures>, Duration), LedgerError> {
        // Before others are waited for: what they counted meanwhile is new enough.
        let (asked, folders) = (self.0.tally.stirred(), ids(view));
        let mut counted = lock(&self.0.counted);
        if let Some(counted) = &*counted
            && counted.folders == folders
            && (counted.stirred >= asked || !exact && counted.is_young())
        {
            let age = if counted.stirred >= asked { Duration::ZERO } else { counted.at.elapsed() };
            return Ok((Arc::clone(&counted.figures), age));
        }
        let stirred = self.0.tally.stirred();
        let began = Instant::now();
        let figures = match Ledger::read(&self.0.ledger)? {
            Some(ledger) => Figures::read(view, &ledger)?,
            None => Figures::default(),
        };
        let (at, took, figures) = (Instant::now(), began.elapsed(), Arc::new(figures));
        *counted = Some(Counted { stirred, folders, at, took, figures: Arc::clone(&figures) });
        Ok((figures, Duration::ZERO))
    }
}

impl Counted {
    fn is_young(&self) -> bool {
        self.at.elapsed() < YOUNG.max(self.took * SHARE)
    }
}

/// The same without paths, and without what servers and disks say, which may hold some.
fn without_names(mut view: View, figures: &Figures) -> (View, Arc<Figures>) {
    let ask = || "taxiway status says more".to_owned();
    for folder in &mut view.folders {
        folder.reason = (folder.mode == "away").then(ask);
        folder.unseen = folder.unseen.as_ref().map(|_| ask());
    }
    view.stops.iter_mut().for_each(|stop| stop.reason = ask());
    let mut figures = figures.clone();
    figures.roots.values_mut().for_each(|root| *root = "a folder".to_owned());
    (view, Arc::new(figures))
}

fn ids(view: &View) -> Vec<FolderId> {
    view.folders.iter().map(|folder| folder.id).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::{FolderNow, StopView};
    use crate::planner::Wall;

    fn view() -> View {
        View {
            done: true,
            scans_owed: false,
            next_try_at: None,
            paused: None,
            stops: Vec::new(),
            folders: vec![FolderNow {
                id: FolderId(1),
                account: AccountId(1),
                mode: "events",
                reason: None,
                last_scan_at: None,
                missed_by_events: 0,
                unseen: None,
            }],
            arming: 0,
            uploading: Vec::new(),
            opened_ahead: 0,
            to_read: (0, 0),
            allowed: 2,
            bytes_per_second: 0,
        }
    }

    #[test]
    fn what_everybody_may_see_names_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger.sqlite3");
        let ledger = Ledger::open(&path, "https://api.test", 1, Wall(0)).expect("a ledger");
        let root = std::path::Path::new("/home/secret");
        let (id, _) = ledger.folder(root).expect("a folder");
        let standing = Standing::new(path, Tally::default());
        let mut view = view();
        view.folders[0].id = id;
        let line = |view: &View, public: bool| {
            let (session, asked) = std::sync::mpsc::channel();
            standing.tell(session);
            let view = view.clone();
            let answers = std::thread::spawn(move || {
                let Ok(Message::View(reply)) = asked.recv() else { panic!("not asked") };
                reply.send(view).expect("a listener");
            });
            let (line, _) = standing.line(public).expect("a line");
            answers.join().expect("answered");
            line
        };
        view.folders[0].unseen = Some("/home/secret/x: Permission denied".into());
        assert!(
            line(&view, false)
                .ends_with("; not all could be seen: /home/secret/x: Permission denied")
        );
        let said = line(&view, true);
        assert!(said.ends_with("; not all could be seen: taxiway status says more"), "{said}");
        view.folders[0].unseen = None;
        view.folders[0].mode = "away";
        view.folders[0].reason = Some("/home/secret is not there".into());
        let whole = "a folder is away: /home/secret is not there";
        assert_eq!(line(&view, false), whole);
        assert_eq!(line(&view, true), "a folder is away: taxiway status says more");
        let reason = "account me@secret has no room".to_owned();
        let (account, cause, until) = (None, crate::planner::Cause::Token, None);
        view.stops = vec![StopView { account, cause, reason, until }];
        assert!(line(&view, false).contains("secret"));
        let said = line(&view, true);
        assert!(said.ends_with(": taxiway status says more") && !said.contains("secret"), "{said}");
    }

    #[test]
    fn files_are_counted_again_only_after_something_happened_and_not_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger.sqlite3");
        drop(Ledger::open(&path, "https://api.test", 1, Wall(0)).expect("a ledger"));
        let tally = Tally::default();
        let standing = Standing::new(path, tally.clone());
        let counted = || standing.figures(&view()).expect("figures");
        let (first, age) = counted();
        assert_eq!(age, Duration::ZERO);
        let backdate = || {
            let mut counted = lock(&standing.0.counted);
            let counted = counted.as_mut().expect("counted");
            counted.at -= Duration::from_secs(5);
        };
        // Nothing happened: as good as new, however old.
        backdate();
        let (same, age) = counted();
        assert!(Arc::ptr_eq(&first, &same) && age.is_zero());
        // It took so long that even five seconds later it is not worth it again.
        tally.stepped(&[], true);
        lock(&standing.0.counted).as_mut().expect("counted").took = Duration::from_secs(1);
        let (same, age) = counted();
        assert!(Arc::ptr_eq(&first, &same) && age >= Duration::from_secs(5));
        lock(&standing.0.counted).as_mut().expect("counted").took = Duration::ZERO;
        let (second, age) = counted();
        assert!(!Arc::ptr_eq(&first, &second) && age.is_zero());
        tally.stepped(&[], true);
        let (same, age) = counted();
        assert!(Arc::ptr_eq(&second, &same) && !age.is_zero(), "a moment later");
        assert!(!standing.needs_person(&view()).expect("figures"));
        let (third, age) = counted();
        assert!(!Arc::ptr_eq(&second, &third) && age.is_zero(), "who must know had it counted");
        let kept = || {
            let counted = lock(&standing.0.counted);
            Arc::clone(&counted.as_ref().expect("counted").figures)
        };
        standing.status(&view()).expect("a status");
        assert!(Arc::ptr_eq(&third, &kept()), "nothing happened since");
        tally.stepped(&[], true);
        standing.status(&view()).expect("a status");
        assert!(!Arc::ptr_eq(&third, &kept()), "something did");
    }
}
