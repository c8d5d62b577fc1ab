//! Effects carried out: files read, sent and looked up, each answered by one message.
//!
//! Owns:
//! - every effect gets its answer, whatever becomes of it, but for reads cut short by the end;
//! - no more uploads go out at once than there are places, in the order they were opened;
//! - the token is asked for when it is needed, at most a moment before, and where waiting for it
//!   holds up nobody else.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::api::{Client, Rate, SendControl, Token};
use crate::config::Config;
use crate::planner::{
    AccountId, Asset, AttemptId, Conditions, Event, FolderId, Identity, Listing, Look, NotSent,
    Outcome, Send, SharedPath, Sight, Trouble,
};
use crate::{crash, scan};

use super::errands::{Deeds, Job};
use super::eyes::within_size;
use super::gauge::Gauge;
use super::identify::identify;
use super::naming::Names;
use super::places::Places;
use super::readers::{Read, Readers};
use super::senses::Senses;
use super::{Clock, Message, Tally};

/// How long a whole body's answer is waited for when the run is stopped.
pub const ABORT_GRACE: Duration = Duration::from_secs(10);

/// Uploads at once that a configuration can ask for.
const UPLOADS_MOST: usize = 64;

/// Threads for reads beside those of uploads. They are made when they are needed; on disks that
/// hang each folder holds two for as long as that lasts.
const BLOCKED_MOST: usize = 64;

/// How long a token is used before its source is asked again: asking may wait for a disk, which
/// takes another thread each time, and small files come by the thousand.
const TOKEN_HOLDS: Duration = Duration::from_millis(100);

/// How the assetIds of a dry run begin.
pub const DRY_RUN: &str = "dry-run:";

/// Where the token comes from, asked at each use; it may take a few seconds.
pub type TokenSource = Box<dyn Fn() -> Option<Token> + std::marker::Send + Sync>;

/// The hands.
pub struct Hands {
    /// Shut down with the rest: tasks that still run are dropped where they wait.
    runtime: Option<Runtime>,
    reach: Reach,
    readers: Readers,
    flights: Arc<Mutex<BTreeMap<AttemptId, Flight>>>,
    abort: CancellationToken,
    cancelled: Arc<AtomicBool>,
}

/// What every task needs.
#[derive(Clone)]
pub(super) struct Reach {
    out: Sender<Message>,
    pub(super) client: Option<Client>,
    token: Arc<TokenSource>,
    /// When it was asked for, and what it was.
    lately: Arc<Mutex<Option<(Instant, Token)>>>,
    rate: Arc<Rate>,
    places: Places,
    clock: Clock,
    largest: Option<u64>,
    names: Arc<Names>,
    deeds: Deeds,
    gauge: Gauge,
    senses: Senses,
}

/// An upload that was begun.
#[derive(Debug, Clone)]
struct Flight {
    /// It has a place: its first byte goes out.
    begun: Arc<AtomicBool>,
    /// Bytes that the connection took.
    sent: Arc<AtomicU64>,
    withdraw: CancellationToken,
}

/// What hands are made from.
pub struct Means {
    /// The way to the API; none in a dry run.
    pub client: Option<Client>,
    /// The token, read anew at each call.
    pub token: TokenSource,
    /// Bytes per second of all uploads together.
    pub rate: Rate,
    /// Uploads at once.
    pub concurrency: usize,
    /// Larger files are not sent; in bytes.
    pub largest: Option<u64>,
    /// Under which names files are sent.
    pub names: Names,
    /// What is done for files once they are uploaded, or need a person.
    pub deeds: Deeds,
    /// Counts what is done.
    pub tally: Tally,
}

impl Hands {
    /// Hands that answer to `out`.
    ///
    /// # Errors
    /// If the system has no threads left.
    pub fn new(means: Means, clock: Clock, out: Sender<Message>) -> std::io::Result<Hands> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(UPLOADS_MOST + BLOCKED_MOST)
            .thread_name("hands")
            .enable_all()
            .build()?;
        let concurrency = means.concurrency;
        let gauge = Gauge::default();
        let reach = Reach {
            out,
            client: means.client,
            token: Arc::new(means.token),
            lately: Arc::default(),
            rate: Arc::new(means.rate),
            places: Places::new(concurrency, gauge.clone()),
            clock,
            largest: means.largest,
            names: Arc::new(means.names),
            deeds: means.deeds,
            gauge,
            senses: Senses::default(),
        };
        Ok(Hands {
            runtime: Some(runtime),
            reach,
            readers: Readers::default(),
            flights: Arc::default(),
            abort: CancellationToken::new(),
            cancelled: Arc::new(AtomicBool::new(false)),
        })
    }

    /// Goes on by another configuration: what has not begun yet goes that way, what has begun goes
    /// on as it began, but for the limit on bytes. `client`: another way to the API, if it is
    /// another.
    pub fn refit(&mut self, config: &Config, client: Option<Client>) {
        let api = &config.api;
        if let Some(client) = client {
            self.reach.client = Some(client);
        }
        self.reach.rate.set(api.rate_limit_bytes);
        self.reach.largest = api.max_file_size_bytes.map(NonZeroU64::get);
        self.reach.names = Arc::new(Names::of(config));
        self.reach.deeds = Deeds::of(config);
        self.reach.places.set_most(api.concurrency);
    }

    /// Looks at a file that was pushed by name.
    pub fn look_by_name(&self, path: SharedPath) {
        let reach = self.reach.clone();
        self.block(move || {
            let look = match within_size(scan::look_by_name(&path), reach.largest) {
                Look::Left { rule, .. } => Look::Unreadable { reason: rule },
                other => other,
            };
            let (folder, by_scan, told) = (FolderId::PUSHES, false, false);
            let sight = Sight { folder, path, look, by_scan, arrival: None, told };
            reach.answer(Event::Seen(sight));
        });
    }

    /// Uploads that may go out at once for now.
    pub fn allowed(&self) -> usize {
        self.reach.places.allowed()
    }

    /// Reads a file, once it is its turn, and says what it is.
    pub fn identify(&self, folder: FolderId, read: Read) {
        if !self.readers.join(folder, read) {
            return;
        }
        let (reach, readers) = (self.reach.clone(), self.readers.clone());
        let cancelled = Arc::clone(&self.cancelled);
        self.block(move || {
            while let Some(read) = readers.next(folder) {
                reach.identify(read, &cancelled);
            }
        });
    }

    /// Sends a file, once there is a place.
    pub fn send(&self, send: Box<Send>) {
        let attempt = send.attempt;
        let flight = Flight {
            begun: Arc::default(),
            sent: Arc::default(),
            withdraw: CancellationToken::new(),
        };
        self.flights().insert(attempt, flight.clone());
        let (reach, abort) = (self.reach.clone(), self.abort.clone());
        let flights = Arc::clone(&self.flights);
        self.spawn(async move {
            crash::point("attempt");
            let outcome = reach.send(&send, flight, abort).await;
            crash::point("sent");
            flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&attempt);
            reach.answer(Event::Sent { attempt, outcome });
        });
    }

    /// Takes back what has not begun.
    pub fn withdraw(&self, attempts: &[AttemptId]) {
        let flights = self.flights();
        for flight in attempts.iter().filter_map(|attempt| flights.get(attempt)) {
            flight.withdraw.cancel();
        }
    }

    /// Reads an account's list.
    pub fn list(&self, account: AccountId, email: Option<String>) {
        let reach = self.reach.clone();
        self.spawn(async move {
            let listing = match (&reach.client, reach.token().await) {
                (Some(client), Some(token)) => {
                    client.list(&token, email.as_deref(), || reach.clock.now()).await
                }
                (None, _) => Ok(Listing {
                    assets: Vec::new(),
                    reached_end: true,
                    server_time: None,
                    asked: reach.clock.now(),
                }),
                (Some(_), None) => {
                    Err(Trouble { reason: "there is no token".into(), refusal: None })
                }
            };
            crash::point("listed");
            reach.answer(Event::Listed { account, listing });
        });
    }

    /// Finds out which of these hold.
    pub fn sense(&self, conditions: Conditions) {
        let reach = self.reach.clone();
        self.reach.senses.ask(conditions, move |sensed| reach.answer(Event::Sensed(sensed)));
    }

    /// Does what is owed to a file.
    pub fn run(&self, job: Job) {
        let (reach, abort) = (self.reach.clone(), self.abort.clone());
        self.spawn(async move {
            let result = job.carry_out(&reach.deeds, &reach, &abort).await;
            reach.answer(Event::ErrandEnded { errand: job.errand.id, result });
        });
    }

    /// Bytes that the connection took of each upload that has begun.
    pub fn sent(&self) -> BTreeMap<AttemptId, u64> {
        let flights = self.flights();
        let begun = flights.iter().filter(|(_, flight)| flight.begun.load(Ordering::Relaxed));
        begun.map(|(id, flight)| (*id, flight.sent.load(Ordering::Relaxed))).collect()
    }

    /// What is in hand, to be watched.
    pub fn gauge(&self) -> Gauge {
        self.reach.gauge.clone()
    }

    /// How fast all uploads together went over the last seconds.
    pub fn bytes_per_second(&self) -> u64 {
        self.reach.rate.measured()
    }

    /// Ends what can be ended: bodies that are not whole, reads that are under way.
    pub fn abort(&self) {
        self.abort.cancel();
        self.cancelled.store(true, Ordering::Release);
    }

    fn flights(&self) -> std::sync::MutexGuard<'_, BTreeMap<AttemptId, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, task: impl Future<Output = ()> + std::marker::Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(task);
        }
    }

    fn block(&self, work: impl FnOnce() + std::marker::Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn_blocking(work);
        }
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        self.abort();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Reach {
    fn answer(&self, event: Event) {
        // Nobody waits for it any more once the run has ended.
        let _ = self.out.send(Message::Event(event));
    }

    fn identify(&self, read: Read, cancelled: &AtomicBool) {
        let Read { path, fingerprint: expected, reading } = read;
        let now = || self.clock.now().wall;
        let stop = || cancelled.load(Ordering::Acquire);
        let count = Arc::new(AtomicU64::new(0));
        let counted = |bytes: usize| {
            count.fetch_add(bytes as u64, Ordering::Relaxed);
        };
        let held = self.gauge.reading(Arc::clone(&path), expected.size, Arc::clone(&count));
        let read = || identify(&path, expected, reading, now, (&stop, &counted));
        // Parsers meet whatever bytes people have; one that fails is about that file only.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
        drop(held);
        let mut result = result.unwrap_or_else(|_| {
            let reason = "reading it failed inside taxiway; please report this file".into();
            Some(Identity::Unreadable { stat: None, reason })
        });
        if let Some(Identity::Known { content, name, .. }) = &mut result
            && let Some(wanted) = self.names.name(&path, Some(&content.hash))
        {
            *name = wanted;
        }
        // Cancelled: the run ends, and the file is as it was before.
        if let Some(result) = result {
            self.answer(Event::Identified { path, result });
        }
    }

    /// The token as it is now, or was a moment ago.
    pub(super) async fn token(&self) -> Option<Token> {
        if let Some(token) = self.lately() {
            return Some(token);
        }
        let asked = Instant::now();
        let source = Arc::clone(&self.token);
        let token = tokio::task::spawn_blocking(move || source()).await.ok().flatten();
        let kept = token.clone().map(|token| (asked, token));
        *self.lately.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        token
    }

    fn lately(&self) -> Option<Token> {
        let lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately
            .as_ref()
            .filter(|(asked, _)| asked.elapsed() < TOKEN_HOLDS)
            .map(|(_, token)| token.clone())
    }

    async fn send(&self, send: &Send, flight: Flight, abort: CancellationToken) -> Outcome {
        let withdrawn = Outcome::NotSent(NotSent::Withdrawn);
        let ahead = self.client.as_ref().and_then(|client| client.read_ahead(send));
        let place = tokio::select! {
            biased;
            () = flight.withdraw.cancelled() => return withdrawn,
            () = abort.cancelled() => return withdrawn,
            place = self.places.take() => place,
        };
        let Some(place) = place else { return withdrawn };
        flight.begun.store(true, Ordering::Relaxed);
        let Some(client) = &self.client else {
            // A dry run: what would be stored counts as stored, in memory.
            let asset_id = format!("{DRY_RUN}{}", send.attempt.0);
            return Outcome::Stored(Asset { asset_id, url: None });
        };
        let Some(token) = self.token().await else {
            let reason = "the token cannot be read any more".to_owned();
            return Outcome::NotSent(NotSent::Offline(Trouble { reason, refusal: None }));
        };
        let size = send.content.size;
        let _held = self.gauge.sending(Arc::clone(&send.path), size, Arc::clone(&flight.sent));
        let control = SendControl {
            withdraw: flight.withdraw,
            abort,
            abort_grace: ABORT_GRACE,
            progress: flight.sent,
            rate: Arc::clone(&self.rate),
            waited: Arc::default(),
        };
        let waited = Arc::clone(&control.waited);
        let outcome = client.send(&token, send, ahead, control).await;
        place.learn(&outcome, size, waited.get().copied());
        outcome
    }
}
