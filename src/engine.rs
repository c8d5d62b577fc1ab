//! One step: look up, decide, commit, return effects.
//!
//! Owns:
//! - commit, then act: effects and notices leave only after the writes they rest on are on disk;
//! - many events, one commit;
//! - after an error nothing of the step has happened, and the engine must be built anew: what it
//!   knew in memory is ahead of the disk.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::ledger::{Ledger, LedgerError};
#[cfg(test)]
use crate::planner::sabotage;
use crate::planner::{
    Command, DirectoryListing, Effect, Event, Facts, FolderId, FolderPolicy, Identity, Known,
    Limits, Look, Mono, NotSent, Notice, Now, Outcome, Plan, Planner, Rest, SharedPath, Sight,
    UploadKey,
};

/// Paths of a vanished directory that are taken up at once.
const GONE_AT_ONCE: usize = 500;

/// What comes into a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Something happened.
    Event(Event),
    /// A walk listed a stretch of a directory.
    Listing(DirectoryListing),
}

/// What comes out of a step, once it is on disk.
#[derive(Debug, Default)]
pub struct Step {
    /// To be done.
    pub effects: Vec<Effect>,
    /// To be said.
    pub notices: Vec<Notice>,
    /// Something was written.
    pub wrote: bool,
}

/// The planner and the ledger, kept in step.
#[derive(Debug)]
pub struct Engine {
    ledger: Ledger,
    planner: Planner,
    /// The simulator's crash on the near side of a commit.
    #[cfg(test)]
    pub(crate) fail_commit: FailCommit,
}

impl Engine {
    /// Takes up where the ledger says the last run ended.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn new(
        ledger: Ledger,
        limits: Limits,
        folders: Vec<FolderPolicy>,
        now: Now,
    ) -> Result<Engine, LedgerError> {
        let accounts = ledger.accounts()?;
        let remembered = ledger.remembered()?;
        let planner = Planner::new(limits, folders, accounts, remembered, now);
        Ok(Engine {
            ledger,
            planner,
            #[cfg(test)]
            fail_commit: FailCommit::Never,
        })
    }

    /// Takes in what happened, decides, and puts it on disk.
    ///
    /// # Errors
    /// If the ledger cannot be written. The engine must not be used after that.
    pub fn step(&mut self, now: Now, inputs: Vec<Input>) -> Result<Step, LedgerError> {
        let mut work = Work { ledger: &self.ledger, step: Step::default(), writes: 0 };
        match decide(&mut self.planner, &mut work, now, inputs) {
            Ok(()) => {
                let Work { mut step, writes, .. } = work;
                step.wrote = writes > 0;
                #[cfg(test)]
                if self.fail_commit.hits(&step, writes) {
                    self.ledger.abandon_step();
                    let acted = sabotage::on(sabotage::Bug::ActBeforeCommit);
                    return if acted { Ok(step) } else { Err(no_commit()) };
                }
                if writes > 0 {
                    self.ledger.commit_step().map_err(|error| self.ledger.name_in(error))?;
                }
                Ok(step)
            }
            Err(error) => {
                self.ledger.abandon_step();
                Err(self.ledger.name_in(error))
            }
        }
    }

    /// When to step again though nothing happens, and why.
    pub fn timeout(&self, now: Now) -> Option<(Mono, &'static str)> {
        self.planner.timeout(now)
    }

    /// Whether there is anything left to do.
    pub fn rest(&self, now: Now, patience_ms: i64) -> Rest {
        let stopped = self.planner.stopped_lanes(now);
        // A ledger that cannot tell is not at rest; the next step says why.
        let stopped = !stopped.is_empty() && self.ledger.is_queued(&stopped).unwrap_or(true);
        self.planner.rest(now, patience_ms, stopped)
    }

    /// The planner, to be asked how things stand.
    pub fn planner(&self) -> &Planner {
        &self.planner
    }

    /// The ledger, to be read.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Ends the engine and gives the ledger back.
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }
}

/// Which commit does not happen.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailCommit {
    Never,
    Next,
    /// The next that opens an attempt.
    OfSend,
}

#[cfg(test)]
impl FailCommit {
    fn hits(self, step: &Step, writes: usize) -> bool {
        let sends = step.effects.iter().any(|effect| matches!(effect, Effect::Send(_)));
        match self {
            FailCommit::Never => false,
            FailCommit::Next => writes > 0,
            FailCommit::OfSend => sends,
        }
    }
}

#[cfg(test)]
fn no_commit() -> LedgerError {
    LedgerError::OldSqlite("no commit")
}

/// A step in the making.
struct Work<'a> {
    ledger: &'a Ledger,
    step: Step,
    writes: usize,
}

fn decide(
    planner: &mut Planner,
    work: &mut Work<'_>,
    now: Now,
    inputs: Vec<Input>,
) -> Result<(), LedgerError> {
    for input in inputs {
        match input {
            Input::Event(event) => {
                let facts = facts(work.ledger, planner, &event, now)?;
                let plan = planner.handle(now, event, facts);
                work.take(plan, now)?;
            }
            Input::Listing(listing) => merge(planner, work, now, listing)?,
        }
    }
    let plan = planner.poll(now);
    work.take(plan, now)?;
    while let Some(ask) = planner.ask_errands(now) {
        let offer = work.ledger.errands_due(&ask, now.wall)?;
        let plan = planner.choose_errands(now, offer);
        if plan == Plan::default() {
            break;
        }
        work.take(plan, now)?;
    }
    while let Some(ask) = planner.ask(now) {
        let offer = work.ledger.offer(&ask, now.wall)?;
        let plan = planner.choose(now, offer);
        if plan == Plan::default() {
            break;
        }
        work.take(plan, now)?;
    }
    Ok(())
}

impl Work<'_> {
    fn take(&mut self, plan: Plan, now: Now) -> Result<(), LedgerError> {
        for write in &plan.writes {
            if self.writes == 0 {
                self.ledger.begin_step()?;
            }
            self.writes += 1;
            self.ledger.apply(write, now.wall)?;
        }
        self.step.effects.extend(plan.effects);
        self.step.notices.extend(plan.notices);
        Ok(())
    }
}

/// Looks up what the ledger knows of what an event is about.
fn facts(
    ledger: &Ledger,
    planner: &Planner,
    event: &Event,
    now: Now,
) -> Result<Facts, LedgerError> {
    let mut facts = Facts::default();
    match event {
        Event::Seen(sight) => facts.row = ledger.path_row(&sight.path)?,
        Event::Pushed { path, .. } => facts.row = ledger.path_row(path)?,
        Event::Identified { path, result } => {
            facts.row = ledger.path_row(path)?;
            if let (Some(account), Identity::Known { content, .. }) =
                (planner.wanted_on(path), result)
            {
                let key = UploadKey { hash: content.hash, account };
                facts.upload = Some(ledger.upload_state(&key)?);
            }
        }
        Event::Sent { outcome: Outcome::Stored(asset), .. } => {
            facts.asset_account = ledger.account_of_email(asset.email().as_deref())?;
        }
        Event::Listed { account, listing: Ok(listing) } => {
            for listed in &listing.assets {
                let asset_id = &listed.asset.asset_id;
                if let Some(name) = ledger.sent_name(asset_id)? {
                    facts.ours.push((asset_id.clone(), name));
                }
            }
            facts.recent = ledger.must_be_listed(*account, now.wall)?;
            facts.held = ledger.held(*account)?;
            facts.established = ledger.established(now.wall)?;
            let emails = listing.assets.iter().find_map(|listed| listed.asset.email());
            facts.asset_account = ledger.account_of_email(emails.as_deref())?;
        }
        Event::Sent {
            attempt,
            outcome: Outcome::NotSent(NotSent::SourceChanged | NotSent::SourceUnreadable { .. }),
        } => {
            if let Some(path) = planner.source_of(*attempt) {
                facts.row = ledger.path_row(path)?;
            }
        }
        Event::Asked(command) => facts_of(command, ledger, &mut facts)?,
        Event::AccountKnown { .. }
        | Event::Sent { .. }
        | Event::Listed { .. }
        | Event::ScanEnded { .. }
        | Event::ScanOwed { .. }
        | Event::Watched { .. }
        | Event::Hangs { .. }
        | Event::Sensed(_)
        | Event::Configured(_)
        | Event::TokenChanged
        | Event::TokenMissing { .. }
        | Event::ErrandEnded { .. }
        | Event::Stopping => {}
    }
    Ok(facts)
}

/// Looks up what the ledger knows of what a person asks for.
fn facts_of(command: &Command, ledger: &Ledger, facts: &mut Facts) -> Result<(), LedgerError> {
    match command {
        Command::Retry { path } => facts.row = ledger.path_row(path)?,
        Command::RetryAll | Command::Pause { .. } | Command::Resume | Command::Rescan => {}
        Command::Found { key, asset } => {
            facts.upload = Some(ledger.upload_state(key)?);
            facts.taken = ledger.sent_name(&asset.asset_id)?.is_some();
        }
        Command::NotFound { key } | Command::Forget { key } => {
            facts.upload = Some(ledger.upload_state(key)?);
        }
    }
    Ok(())
}

/// Merges a stretch of a directory with its rows: both are sorted by name, and what has a row
/// and is not listed is gone. What the planner knows already is left out.
fn merge(
    planner: &mut Planner,
    work: &mut Work<'_>,
    now: Now,
    listing: DirectoryListing,
) -> Result<(), LedgerError> {
    let DirectoryListing { folder, directory, after, upto, entries, subdirectories, told } =
        listing;
    let stretch = (after.as_deref(), upto.as_deref());
    let News { news, has_rows } =
        news(planner, work.ledger, (folder, told), &directory, stretch, entries)?;
    let rows = match news.last() {
        Some((last, _)) if has_rows => work.ledger.rows_in(&directory, stretch.0, Some(last))?,
        Some(_) | None => Vec::new(),
    };
    let mut rows = rows.into_iter().peekable();
    for (name, look) in news {
        while rows.next_if(|(row_name, _)| *row_name < name).is_some() {}
        let row = rows.next_if(|(row_name, _)| *row_name == name).map(|(_, row)| row);
        let path: SharedPath = directory.join(name).into();
        let event = Event::Seen(Sight { folder, path, look, by_scan: true, arrival: None, told });
        let plan = planner.handle(now, event, Facts { row, ..Facts::default() });
        work.take(plan, now)?;
    }
    vanished_directories(planner, work, now, folder, &directory, (after, upto), &subdirectories)
}

/// What of a stretch of a directory is to be decided, by name.
#[derive(Default)]
struct News {
    news: Vec<(OsString, Look)>,
    /// The ledger has something of this stretch.
    has_rows: bool,
}

/// Compares a stretch of a directory with its rows as they come, and keeps none: nearly all of
/// them are as they were.
fn news(
    planner: &Planner,
    ledger: &Ledger,
    (folder, told): (FolderId, bool),
    directory: &Path,
    (after, upto): (Option<&OsStr>, Option<&OsStr>),
    entries: Vec<(OsString, Look)>,
) -> Result<News, LedgerError> {
    let mut found = News::default();
    // What an event led to, the planner wants to hear of in any case.
    let knows = |name: &OsStr, look: &Look, row: Option<&Known<'_>>| {
        !told && planner.knows(folder, look, row, || directory.join(name))
    };
    let mut entries = entries.into_iter().peekable();
    ledger.each_known_in(directory, after, upto, |row_name, row| {
        found.has_rows = true;
        while let Some((name, look)) = entries.next_if(|(name, _)| name.as_os_str() < row_name) {
            if !knows(&name, &look, None) {
                found.news.push((name, look));
            }
        }
        match entries.next_if(|(name, _)| name.as_os_str() == row_name) {
            Some((name, look)) if !knows(&name, &look, Some(row)) => {
                found.news.push((name, look));
            }
            Some(_) => {}
            None => {
                let ours = row.folder == folder || row.folder == FolderId::PUSHES;
                if ours && !knows(row_name, &Look::Gone, Some(row)) {
                    found.news.push((row_name.to_owned(), Look::Gone));
                }
            }
        }
    })?;
    found.news.extend(entries.filter(|(name, look)| !knows(name, look, None)));
    Ok(found)
}

/// Directories that the ledger has in this stretch and the walk did not find: all that lies below
/// them is gone.
fn vanished_directories(
    planner: &mut Planner,
    work: &mut Work<'_>,
    now: Now,
    folder: FolderId,
    directory: &Path,
    (after, upto): (Option<OsString>, Option<OsString>),
    listed: &[OsString],
) -> Result<(), LedgerError> {
    for known in work.ledger.directories_in(directory)? {
        let Some(name) = known.file_name() else {
            continue;
        };
        let in_stretch = after.as_deref().is_none_or(|after| name > after)
            && upto.as_deref().is_none_or(|upto| name <= upto);
        if !in_stretch || listed.binary_search_by(|listed| listed.as_os_str().cmp(name)).is_ok() {
            continue;
        }
        loop {
            let below = work.ledger.living_below(&known, folder, GONE_AT_ONCE)?;
            if below.is_empty() {
                break;
            }
            for path in below {
                let path: SharedPath = path.into();
                let row = work.ledger.path_row(&path)?;
                let sight = Sight {
                    folder,
                    path,
                    look: Look::Gone,
                    by_scan: true,
                    arrival: None,
                    told: false,
                };
                let facts = Facts { row, ..Facts::default() };
                let plan = planner.handle(now, Event::Seen(sight), facts);
                work.take(plan, now)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
