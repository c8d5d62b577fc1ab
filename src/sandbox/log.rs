//! What was asked of the sandbox: counters for ever, the latest requests one by one.
//!
//! Owns: the log. It never holds a token; an entry is complete before its answer goes out, so a
//! client that has its answer finds it here.
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::fault::Call;

/// How many requests are kept one by one.
const KEPT: usize = 1000;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It has not ended.
    Open,
    /// An answer went out.
    Answered,
    /// The connection was reset on purpose.
    Reset,
    /// The sandbox stopped reading on purpose; the request is open as long as the connection.
    Stalled,
    /// The client went away, or the sandbox stopped.
    Aborted,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
    /// Counts the requests from 1.
    pub sequence: u64,
    /// When its head was read, RFC 3339 in UTC.
    pub at: String,
    /// Which call it is.
    pub call: Call,
    /// `POST` and so on.
    pub method: String,
    /// The path, as sent.
    pub path: String,
    /// The query, as sent.
    pub query: Option<String>,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// The header `Content-Length`.
    pub content_length: Option<u64>,
    /// Whether there is a header `Authorization`.
    pub authorization: bool,
    /// How many bytes of the body were read.
    pub received: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The status that was answered.
    pub status: Option<u16>,
    /// The asset that was stored, looked at or deleted.
    pub asset_id: Option<String>,
    /// The faults that fired.
    pub faults: Vec<String>,
    /// Why it was refused.
    pub problem: Option<String>,
}

/// How often a call ended in which way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// All requests of the call.
    pub total: u64,
    /// Those answered, by status.
    pub answered: BTreeMap<u16, u64>,
    /// Those reset on purpose.
    pub reset: u64,
    /// Those stalled on purpose.
    pub stalled: u64,
    /// Those whose client went away.
    pub aborted: u64,
}

/// Everything the log knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// By call.
    pub counters: BTreeMap<Call, Counter>,
    /// Uploads that run now.
    pub uploads_open: u64,
    /// The most uploads that ever ran at once.
    pub uploads_peak: u64,
    /// The latest requests, oldest first; at most 1,000.
    pub requests: Vec<RequestRecord>,
}

/// The log of one sandbox.
#[derive(Default)]
pub(super) struct Log {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    requests: Requests,
    kept: VecDeque<Arc<Kept>>,
}

struct Kept {
    record: Mutex<RequestRecord>,
    received: AtomicU64,
}

impl Log {
    /// Everything, as it is now.
    pub(super) fn snapshot(&self) -> Requests {
        let inner = self.inner();
        let mut requests = inner.requests.clone();
        requests.requests = inner.kept.iter().map(|kept| kept.snapshot()).collect();
        requests
    }

    /// Forgets all requests and counters; those that still run are counted when they end.
    pub(super) fn clear(&self) {
        let mut inner = self.inner();
        let open = inner.requests.uploads_open;
        inner.kept.clear();
        inner.requests = Requests { uploads_open: open, uploads_peak: open, ..Requests::default() };
    }

    /// Begins an entry; `record` says all that the head of the request says.
    pub(super) fn begin(self: &Arc<Log>, mut record: RequestRecord) -> Entry {
        let mut inner = self.inner();
        inner.last += 1;
        record.sequence = inner.last;
        let call = record.call;
        inner.requests.counters.entry(call).or_default().total += 1;
        if call == Call::Upload {
            inner.requests.uploads_open += 1;
            inner.requests.uploads_peak =
                inner.requests.uploads_peak.max(inner.requests.uploads_open);
        }
        let kept = Arc::new(Kept { record: Mutex::new(record), received: AtomicU64::new(0) });
        if inner.kept.len() == KEPT {
            inner.kept.pop_front();
        }
        inner.kept.push_back(Arc::clone(&kept));
        drop(inner);
        Entry { log: Arc::clone(self), kept, call, ended: false }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing under this lock can panic half-way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn snapshot(&self) -> RequestRecord {
        let mut record = self.record().clone();
        record.received = self.received.load(Ordering::Relaxed);
        record
    }

    fn record(&self) -> MutexGuard<'_, RequestRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entry of a request that runs. Dropped before it ended, the request counts as aborted.
pub(super) struct Entry {
    log: Arc<Log>,
    kept: Arc<Kept>,
    call: Call,
    ended: bool,
}

impl Entry {
    /// So many more bytes of the body were read.
    pub(super) fn add_received(&self, bytes: u64) {
        self.kept.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How many bytes of the body were read.
    pub(super) fn received(&self) -> u64 {
        self.kept.received.load(Ordering::Relaxed)
    }

    /// The asset the request is about.
    pub(super) fn set_asset(&self, asset_id: String) {
        self.kept.record().asset_id = Some(asset_id);
    }

    /// The faults that fire.
    pub(super) fn set_faults(&self, faults: Vec<String>) {
        self.kept.record().faults = faults;
    }

    /// Why the request is refused.
    pub(super) fn set_problem(&self, problem: &str) {
        self.kept.record().problem = Some(problem.to_owned());
    }

    /// An answer goes out now.
    pub(super) fn answered(self, status: u16) {
        self.end(Outcome::Answered, Some(status));
    }

    /// The connection is reset now.
    pub(super) fn reset(self) {
        self.end(Outcome::Reset, None);
    }

    /// Nothing happens any more from now on.
    pub(super) fn stalled(self) {
        self.end(Outcome::Stalled, None);
    }

    fn end(mut self, outcome: Outcome, status: Option<u16>) {
        self.note_end(outcome, status);
    }

    fn note_end(&mut self, outcome: Outcome, status: Option<u16>) {
        self.ended = true;
        {
            let mut record = self.kept.record();
            record.outcome = outcome;
            record.status = status;
        }
        let mut inner = self.log.inner();
        if self.call == Call::Upload {
            inner.requests.uploads_open -= 1;
        }
        let counter = inner.requests.counters.entry(self.call).or_default();
        match (outcome, status) {
            (Outcome::Answered, Some(status)) => *counter.answered.entry(status).or_default() += 1,
            (Outcome::Reset, _) => counter.reset += 1,
            (Outcome::Stalled, _) => counter.stalled += 1,
            (Outcome::Open | Outcome::Aborted | Outcome::Answered, _) => counter.aborted += 1,
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.ended {
            self.note_end(Outcome::Aborted, None);
        }
    }
}
