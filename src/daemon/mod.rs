//! The loop that owns everything: messages in, one step, effects out.
//!
//! Owns:
//! - one thread holds the engine and drains all that happens, many events a step;
//! - a ledger that cannot be written ends the session, not the daemon: all work is dropped as in
//!   a crash, and a new session takes it up when writing is possible again;
//! - a machine that slept owes a scan of every folder, and a folder that hangs is noticed;
//! - a first stop lets whole bodies have their answer, a second ends at once.

mod errands;
mod eyes;
mod gauge;
mod hands;
mod identify;
mod incoming;
pub mod lock;
mod message;
mod named;
mod naming;
mod pace;
mod places;
mod pulse;
mod readers;
mod reload;
mod rewatch;
mod senses;
mod setup;
mod sleep;
mod tally;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::engine::{Engine, Input};
use crate::ledger::LedgerError;
use crate::planner::{Effect, Event, FolderId, Notice, Push, Rest};
use crate::supervisor::Feeding;
use crate::{crash, text};

use incoming::Incoming;

pub use errands::{Deeds, numbered_names};
pub use eyes::{Life, Sightseeing};
pub use gauge::{Gauge, InHand, Stir};
pub use hands::{DRY_RUN, Hands, Means, TokenSource};
pub use identify::{content_hash, identify};
pub use message::{Clock, Ended, Message, Reply, Said, Say, Task, TokenNews, TokenWatch, Wanted};
pub use named::{keyed, known_or_read, resolved};
pub use naming::{Names, sent_name};
pub use reload::Reload;
pub use senses::{question, told};
pub use setup::{Setup, SetupError, client, dry_means, limits, means, setup};
pub use tally::{Histogram, Numbers, Outcome, STEPS_MS, Tally};
pub use view::{FolderNow, StopView, Uploading, View};

/// How long a step waits for company while the hands have enough to do: what comes together is
/// one commit.
const GATHERING: Duration = Duration::from_micros(200);
/// Messages taken into one step at most.
const STEP_MOST: usize = 512;
/// A next try further away than this is left to another run, for `--once`.
const PATIENCE_MS: i64 = 60_000;
/// How often a token that is refused or missing is looked for again.
const TOKEN_POLL: Duration = Duration::from_secs(3);
/// How often the loop turns though nothing happens, to notice that the machine slept.
const TICK: Duration = Duration::from_secs(30);
/// Beyond the time that answers are waited for after a stop.
const STOP_SLACK: Duration = Duration::from_secs(2);

/// One life of the loop, from an open ledger to its end.
pub struct Session {
    engine: Engine,
    eyes: BTreeMap<FolderId, eyes::Eyes>,
    hands: Hands,
    inbox: Receiver<Message>,
    /// For the threads of folders that are to come.
    out: Sender<Message>,
    clock: Clock,
    sleep: sleep::Sleep,
    /// Folders whose threads do not move.
    hanging: BTreeSet<FolderId>,
    /// When the ledger was last written only to see that it can be.
    proven: Option<Instant>,
    /// What the last walk of a folder could not see, in words.
    unseen: BTreeMap<FolderId, String>,
    /// Folders whose walks wait until there is room in memory.
    crowded: Vec<FolderId>,
    token_news: TokenWatch,
    tally: Tally,
    /// Tells the service manager that the loop turns.
    feeding: Feeding,
}

impl Session {
    /// Starts threads for folders and hands.
    ///
    /// # Errors
    /// If the system has no threads left.
    pub fn start(
        engine: Engine,
        sights: Vec<Sightseeing>,
        means: Means,
        clock: Clock,
        token_news: TokenWatch,
    ) -> std::io::Result<(Session, Sender<Message>)> {
        let (out, inbox) = channel();
        let tally = means.tally.clone();
        let hands = Hands::new(means, clock, out.clone())?;
        tally.follows(hands.gauge());
        let mut eyes = BTreeMap::new();
        for sightseeing in sights {
            let folder = sightseeing.root.folder;
            eyes.insert(folder, eyes::Eyes::open(sightseeing, out.clone(), None, tally.clone())?);
        }
        let session = Session {
            engine,
            eyes,
            hands,
            inbox,
            out: out.clone(),
            clock,
            sleep: sleep::Sleep::new(),
            hanging: BTreeSet::new(),
            proven: None,
            unseen: BTreeMap::new(),
            crowded: Vec::new(),
            token_news,
            tally,
            feeding: Feeding::none(),
        };
        Ok((session, out))
    }

    /// Gives a sign of life whenever the loop turns.
    pub fn fed_by(self, feeding: Feeding) -> Session {
        Session { feeding, ..self }
    }

    /// What its hands do, to be watched while it runs.
    pub fn gauge(&self) -> Gauge {
        self.hands.gauge()
    }

    /// Runs to an end. Gives the engine back to be asked how things stand, unless the ledger
    /// failed.
    pub fn run(mut self, task: &Task, say: &mut Say<'_>) -> (Ended, Option<Engine>) {
        match self.turn_until_end(task, say) {
            Ok(ended) => (ended, Some(self.engine)),
            Err(error) => (Ended::Ledger(error), None),
        }
    }

    fn turn_until_end(&mut self, task: &Task, say: &mut Say<'_>) -> Result<Ended, LedgerError> {
        let deadline = task.timeout.map(|timeout| Instant::now() + timeout);
        let pushes = task.pushes.iter().cloned();
        let pushes = pushes.map(|(path, push)| Input::Event(Event::Pushed { path, push }));
        let pushes = pushes.map(|input| (None, input));
        let mut next = Incoming::default();
        // Before anything could be sent.
        self.notice_token(&mut next);
        next.inputs.extend(pushes);
        let mut idle = false;
        loop {
            crash::hang("turn");
            self.step(std::mem::take(&mut next), say)?;
            self.feeding.turn();
            let rest = self.rest();
            if task.once && !rest.moving {
                return Ok(Ended::AtRest);
            }
            if rest.done && !idle {
                say(Said::Idle, &self.engine);
            }
            idle = rest.done;
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.stop(say)?;
                return Ok(Ended::TimedOut);
            }
            if self.wait(deadline, idle, &mut next) {
                next.reloads.clear();
                self.step(std::mem::take(&mut next), say)?;
                self.stop(say)?;
                return Ok(Ended::Stopped);
            }
        }
    }

    fn rest(&self) -> Rest {
        self.engine.rest(self.clock.now(), PATIENCE_MS)
    }

    /// One step, and its effects begun.
    fn step(&mut self, incoming: Incoming, say: &mut Say<'_>) -> Result<(), LedgerError> {
        let Incoming { inputs: heard, replies, proofs, pushed, asked, reloads } = incoming;
        // First: it rests on what the ledger says before the step.
        let (mut inputs, told) = self.reload(reloads);
        // What former threads of a folder saw, they saw by former rules.
        let lives = |life: Life| self.eyes.get(&life.folder).is_some_and(|e| e.life() == life);
        let heard = heard.into_iter().filter(|(life, _)| life.is_none_or(lives));
        inputs.extend(heard.map(|(_, input)| input));
        for file in pushed {
            inputs.extend(self.handed_over(file)?);
        }
        let listed: Vec<FolderId> = inputs
            .iter()
            .filter_map(|input| match input {
                Input::Listing(listing) => Some(listing.folder),
                Input::Event(_) => None,
            })
            .collect();
        for input in &inputs {
            tracing::trace!(?input, "in");
        }
        self.tally.takes_in(&inputs);
        let heard = !inputs.is_empty();
        let step = self.engine.step(self.clock.now(), inputs)?;
        let stirs = heard || step.wrote || !step.effects.is_empty();
        self.tally.stepped(&step.notices, stirs);
        for effect in step.effects {
            tracing::trace!(?effect, "out");
            crash::point("effect");
            self.begin(effect)?;
        }
        for notice in &step.notices {
            crash::point("notice");
            self.log(notice);
            self.keep_unseen(notice);
            say(Said::Notice(notice), &self.engine);
        }
        for reply in replies {
            // Whoever asked may have gone away meanwhile.
            let _ = reply.send(());
        }
        for (reply, result) in told {
            let _ = reply.send(result);
        }
        if !proofs.is_empty() && self.writes() {
            for reply in proofs {
                let _ = reply.send(());
            }
        }
        for reply in asked {
            let _ = reply.send(self.view());
        }
        self.crowded.extend(listed);
        self.let_walks_go_on();
        Ok(())
    }

    /// What follows from a file that a person hands over: its account may be a new one.
    fn handed_over(&self, file: Wanted) -> Result<[Input; 2], LedgerError> {
        let ledger = self.engine.ledger();
        let account = match &file.email {
            Some(email) => ledger.account(Some(email))?,
            None => ledger.default_account()?,
        };
        let Wanted { path, email, name, force } = file;
        let push = Push { account, force, name };
        let known = Event::AccountKnown { account, email };
        Ok([known, Event::Pushed { path, push }].map(Input::Event))
    }

    /// A walk may hand on another stretch when there is room for all its files. A memory that
    /// stays full of files that do not come to rest must not stop the walk for ever: what does
    /// not fit is forgotten and a scan is owed.
    fn let_walks_go_on(&mut self) {
        let busy = self.engine.planner().identifying();
        let room = self.engine.planner().room() >= 2 * crate::scan::LONGEST_LISTING;
        if room || !busy {
            for folder in self.crowded.drain(..) {
                if let Some(eyes) = self.eyes.get(&folder) {
                    eyes.listing_taken();
                }
            }
        }
    }

    /// What is for the log alone.
    fn log(&self, notice: &Notice) {
        let root = |folder| self.eyes.get(folder).map_or(Path::new(""), eyes::Eyes::path).display();
        match notice {
            Notice::Missed { folder, files, so_far } => tracing::info!(
                "{}: files that events did not tell of, found by a scan: {files}, so far {so_far}",
                root(folder)
            ),
            Notice::EventsUnreliable { folder, reason } => tracing::warn!(
                "{}: {reason}; hint: mode = \"poll\" in its section of the configuration",
                root(folder)
            ),
            _ => {}
        }
    }

    fn begin(&mut self, effect: Effect) -> Result<(), LedgerError> {
        match effect {
            Effect::Look { folder: FolderId::PUSHES, path } => self.hands.look_by_name(path),
            Effect::Look { folder, path } => {
                if let Some(eyes) = self.eyes.get(&folder) {
                    eyes.look(path);
                }
            }
            Effect::Identify { folder, path, fingerprint, reading } => {
                self.hands.identify(folder, readers::Read { path, fingerprint, reading });
            }
            Effect::Send(send) => self.hands.send(send),
            Effect::Withdraw { attempts } => self.hands.withdraw(&attempts),
            Effect::List { account, email } => self.hands.list(account, email),
            Effect::Sense { conditions } => self.hands.sense(conditions),
            Effect::Scan { folder } => {
                if let Some(eyes) = self.eyes.get(&folder) {
                    eyes.scan();
                }
            }
            Effect::Poll { folder, reason } => {
                if let Some(eyes) = self.eyes.get(&folder) {
                    eyes.poll(reason);
                }
            }
            Effect::Errand(errand) => {
                let now = self.clock.now().wall;
                if let Some(told) = self.engine.ledger().told_of(errand.id)? {
                    self.hands.run(errands::Job::new(*errand, told, now));
                }
            }
        }
        Ok(())
    }

    /// Waits for the next thing to happen. True if the run is to end.
    fn wait(&mut self, deadline: Option<Instant>, idle: bool, next: &mut Incoming) -> bool {
        let now = self.clock.now();
        let timer = self.engine.timeout(now).map(|(at, _why)| at.since(now.mono).max(0) as u64);
        let timer = timer.map(Duration::from_millis);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // While there is nothing to send, whatever else wakes the loop is often enough.
        let refused = (self.waits_for_token() && !idle).then_some(TOKEN_POLL);
        let tick = (!self.eyes.is_empty()).then_some(TICK);
        let (hang, fed) = (self.next_hang(), self.feeding.next());
        let first = match [timer, left, refused, tick, hang, fed].into_iter().flatten().min() {
            Some(wait) => self.inbox.recv_timeout(wait),
            None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let mut stop = false;
        match first {
            Ok(message) => stop |= next.take(message),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return true,
        }
        stop |= self.take_all(next);
        if !stop && self.hands_are_full(next) {
            std::thread::sleep(GATHERING);
            stop |= self.take_all(next);
        }
        if self.waits_for_token() {
            self.notice_token(next);
        }
        self.notice_sleep(next);
        self.notice_hanging(next);
        stop
    }

    /// Takes what is there already. True if the run is to end.
    fn take_all(&mut self, next: &mut Incoming) -> bool {
        let mut stop = false;
        while next.inputs.len() < STEP_MOST {
            match self.inbox.try_recv() {
                Ok(message) => stop |= next.take(message),
                Err(_) => break,
            }
        }
        stop
    }

    /// Every place for an upload is still taken, whatever ended just now: nothing is lost by
    /// waiting for company.
    fn hands_are_full(&self, next: &Incoming) -> bool {
        let ended =
            |(_, input): &&(Option<Life>, Input)| matches!(input, Input::Event(Event::Sent { .. }));
        let ended = next.inputs.iter().filter(ended).count();
        let open = self.engine.planner().in_flight_now().count();
        open.saturating_sub(ended) >= self.hands.allowed()
    }

    /// While the machine slept, disks and servers may have changed and told nobody.
    fn notice_sleep(&mut self, next: &mut Incoming) {
        let Some(slept_ms) = self.sleep.slept_ms() else { return };
        tracing::info!("the machine slept for {} s; every folder is scanned", slept_ms / 1_000);
        let owed = self.eyes.keys().map(|folder| Event::ScanOwed { folder: *folder });
        owed.for_each(|event| next.happens(event));
    }

    /// How long until a folder that does not move now counts as hanging.
    fn next_hang(&self) -> Option<Duration> {
        self.eyes.values().filter_map(|eyes| pulse::hangs(eyes.pulse().still()).1).min()
    }

    fn notice_hanging(&mut self, next: &mut Incoming) {
        for (folder, eyes) in &self.eyes {
            let folder = *folder;
            let (hangs, _) = pulse::hangs(eyes.pulse().still());
            let reason = match (hangs, self.hanging.contains(&folder)) {
                (true, false) => {
                    self.hanging.insert(folder);
                    let (root, seconds) = (text::shown(eyes.path()), pulse::HANGS.as_secs());
                    Some(format!("{root} has not answered for {seconds} s"))
                }
                (false, true) => {
                    self.hanging.remove(&folder);
                    None
                }
                (true, true) | (false, false) => continue,
            };
            next.happens(Event::Hangs { folder, reason });
        }
    }

    fn notice_token(&mut self, next: &mut Incoming) {
        match (self.token_news)() {
            TokenNews::Same => {}
            TokenNews::Another => next.happens(Event::TokenChanged),
            TokenNews::Missing(reason) => next.happens(Event::TokenMissing { reason }),
        }
    }

    fn waits_for_token(&self) -> bool {
        let stop = self.engine.planner().stop_of_all();
        stop.is_some_and(|gate| gate.cause.is_about_token())
    }

    /// Begins nothing more, and waits for what is out.
    fn stop(&mut self, say: &mut Say<'_>) -> Result<(), LedgerError> {
        let mut last = Incoming::default();
        last.happens(Event::Stopping);
        self.step(last, say)?;
        self.hands.abort();
        let until = Instant::now() + hands::ABORT_GRACE + STOP_SLACK;
        while !self.engine.planner().grounded() {
            let left = until.saturating_duration_since(Instant::now());
            match self.inbox.recv_timeout(left) {
                Ok(message) => {
                    let mut next = Incoming::default();
                    next.take(message);
                    // There is nothing left that it could hold for.
                    next.reloads.clear();
                    self.step(next, say)?;
                }
                Err(_) => break,
            }
        }
        Ok(())
    }
}
