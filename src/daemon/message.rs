//! What comes to the loop, what it is to do, and what it says.
//!
//! Owns:
//! - whoever asks for something is answered when it is on disk, or never.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::engine::{Engine, Input};
use crate::ledger::LedgerError;
use crate::planner::{Command, Event, Mono, Notice, Now, Push, SharedPath, Wall};

use super::eyes::Life;
use super::reload::Reload;
use super::setup::SetupError;
use super::view::View;

/// What comes to the loop.
#[derive(Debug)]
pub enum Message {
    /// Something happened.
    Event(Event),
    /// A folder's thread saw something.
    Sight(Life, Input),
    /// A person asks for something; all of it goes into one step, and is answered when that
    /// is on disk. If it never will be, the reply is dropped. Nothing at all is answered when the
    /// ledger proves to be writable.
    Ask(Vec<Command>, Reply),
    /// A person hands files over by name; answered when that is on disk.
    Push(Vec<Wanted>, Reply),
    /// How do things stand?
    View(tokio::sync::oneshot::Sender<View>),
    /// The token may be another.
    Token,
    /// The configuration is another; answered when it holds, or why it does not. If the run ends
    /// before that, the reply is dropped.
    Reload(Box<Reload>, Sender<Result<(), SetupError>>),
    /// A person, or the system, wants the run to end.
    Stop,
}

/// A file that a person hands over by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The file.
    pub path: SharedPath,
    /// The account's e-mail, in lower case; none means the nameless one.
    pub email: Option<String>,
    /// The name to send, if it is not to be the file's own.
    pub name: Option<String>,
    /// Also what looks incomplete.
    pub force: bool,
}

/// Where an answer goes.
pub type Reply = tokio::sync::oneshot::Sender<()>;

/// Both clocks, as the machine gives them.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// A clock whose monotonic time begins now.
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// The time.
    pub fn now(&self) -> Now {
        let wall = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_millis() as i64,
            Err(before) => -(before.duration().as_millis() as i64),
        };
        Now { wall: Wall(wall), mono: Mono(self.0.elapsed().as_millis() as i64) }
    }
}

/// What has become of the token since this was last asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenNews {
    /// Nothing, as far as is known.
    Same,
    /// It is another.
    Another,
    /// There is none, for this reason.
    Missing(String),
}

/// Tells what has become of the token, at once, and has somebody else look again: it is told by
/// [`Message::Token`] when there is something to be told.
pub type TokenWatch = Box<dyn FnMut() -> TokenNews>;

/// What a session is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// End when nothing moves.
    pub once: bool,
    /// End after this, however things stand.
    pub timeout: Option<Duration>,
    /// Files that a person asked for by name.
    pub pushes: Vec<(SharedPath, Push)>,
}

/// How a session ended.
#[derive(Debug)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// Nothing moves any more.
    AtRest,
    /// Its time is over.
    TimedOut,
    /// The ledger cannot be written.
    Ledger(LedgerError),
}

/// What a session has to say, once what it rests on is on disk.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    /// Something happened.
    Notice(&'a Notice),
    /// Everything is done, as far as is known.
    Idle,
}

/// Hears what a session says; the engine is there to be asked.
pub type Say<'a> = dyn FnMut(Said<'_>, &Engine) + 'a;
