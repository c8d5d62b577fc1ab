//! What goes in and out of the planner: events and facts in; writes, effects and notices out.
//!
//! Owns:
//! - [`Event`] is the closed list of everything that can happen;
//! - every effect is answered by exactly one event, a scan by its listings and one end.

mod command;
mod event;
mod notice;
mod write;

use super::conditions::Conditions;
use super::retry::Cause;
use super::types::{
    AccountId, AttemptId, Candidate, Content, Errand, ErrandKind, Fingerprint, FolderId,
    OpenAttempt, Push, SharedPath, Wall,
};

pub use command::Command;
pub use event::*;
pub use notice::Notice;
pub use write::{AttemptEnd, ErrandEnd, Write};

/// What is to be done, once the writes of the same step are on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Look at a path. Answer: [`Event::Seen`].
    Look {
        /// Its folder.
        folder: FolderId,
        /// The path.
        path: SharedPath,
    },
    /// Read a file from start to end. Answer: [`Event::Identified`].
    Identify {
        /// Its folder.
        folder: FolderId,
        /// The path.
        path: SharedPath,
        /// How it must look, before and after.
        fingerprint: Fingerprint,
        /// How much proof it takes to believe what is read.
        reading: Reading,
    },
    /// Send a file. Answer: [`Event::Sent`].
    Send(Box<Send>),
    /// Take back attempts whose first byte has not gone out. Each answers for itself.
    Withdraw {
        /// Which ones.
        attempts: Vec<AttemptId>,
    },
    /// Read every page of an account's list. Answer: [`Event::Listed`].
    List {
        /// Whose.
        account: AccountId,
        /// The e-mail to ask for, once it is known.
        email: Option<String>,
    },
    /// Find out which of these hold. Answer: [`Event::Sensed`].
    Sense {
        /// What is asked about.
        conditions: Conditions,
    },
    /// Walk a folder. Answers: listings and [`Event::ScanEnded`].
    Scan {
        /// Which.
        folder: FolderId,
    },
    /// Rely on scans of a folder alone for the rest of the run. Answer: [`Event::Watched`].
    Poll {
        /// Which.
        folder: FolderId,
        /// Why, in words.
        reason: String,
    },
    /// Do something for a file. Answer: [`Event::ErrandEnded`].
    Errand(Box<Errand>),
}

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It has just arrived, and is read only if nobody has it open and its container is whole.
    Arrived,
    /// It has been quiet for long enough.
    Quiet,
    /// A person wants it as it is.
    Forced,
    /// It does not come to rest: what is missing is to be said, and nothing else.
    Glimpse,
}

/// One attempt to send one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// Its number in the ledger.
    pub attempt: AttemptId,
    /// Where the bytes are.
    pub path: SharedPath,
    /// How the file looked when it was hashed.
    pub fingerprint: Fingerprint,
    /// What must go out.
    pub content: Content,
    /// The account's e-mail, once it is known.
    pub email: Option<String>,
    /// The name to send.
    pub name: String,
}

/// All that follows from one event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// First these, in one transaction.
    pub writes: Vec<Write>,
    /// Then these.
    pub effects: Vec<Effect>,
    /// And these are said.
    pub notices: Vec<Notice>,
}

/// What an earlier run left behind, and what the ledger says at the start of this one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remembered {
    /// Attempts without an outcome: each is in doubt now.
    pub open: Vec<OpenAttempt>,
    /// Pushes that did not come to their end.
    pub pushes: Vec<(SharedPath, Push)>,
    /// The number of the last attempt.
    pub last_attempt: i64,
    /// What stopped uploads until a certain time.
    pub stops: Vec<Stop>,
    /// A person's pause, and its end if it has one.
    pub paused: Option<Option<Wall>>,
}

/// A stop as it is kept, so that a restart asks nobody before the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Whose; none means everybody's.
    pub account: Option<AccountId>,
    /// Why.
    pub cause: Cause,
    /// In words.
    pub reason: String,
    /// How often it was met in a row.
    pub tries: u32,
    /// Not before.
    pub until: Wall,
}

/// What the planner would like to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    /// Whose queues, in the order of their turn.
    pub lanes: Vec<(FolderId, AccountId)>,
    /// At most so many candidates of each.
    pub most: usize,
}

/// The answer to an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    /// Candidates lane by lane, in the order asked for, newest first within each.
    pub lanes: Vec<Vec<Candidate>>,
    /// When the next delayed upload of these lanes may be tried, if none can be now.
    pub next_try_at: Option<Wall>,
}

/// What is owed to files, to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrandAsk {
    /// Of which folders, and of which kind.
    pub lanes: Vec<(FolderId, ErrandKind)>,
    /// At most so many of each.
    pub most: usize,
}

/// The answer to an [`ErrandAsk`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrandOffer {
    /// Those whose time has come, lane by lane.
    pub errands: Vec<Errand>,
    /// When the next one of these lanes may be tried.
    pub next_try_at: Option<Wall>,
}
