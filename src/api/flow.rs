//! How far one upload's body has come: shared by the body, which the connection drives, and the
//! sender, which watches and may cut it.
//!
//! Owns:
//! - a body is cut or whole, never both: whoever asks first decides;
//! - after a cut no byte leaves;
//! - it is always known whom a body waits for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use crate::planner::NotSent;

/// Whom a body waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    /// The connection, to take the next bytes.
    Connection,
    /// The disk.
    Source,
    /// The rate limit.
    Rate,
}

/// How far a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The connection has no byte of it.
    Fresh,
    /// The connection has some of it.
    Begun,
    /// It stands still, because an answer came that makes the rest pointless.
    Held,
    /// The connection has all of it.
    Whole,
    /// It ends here, whatever is missing.
    Cut,
}

/// A body as it was at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// How far it is.
    pub stage: Stage,
    /// Whom it waits for.
    pub waits_for: Party,
    /// Since when it waits.
    pub since: Instant,
    /// When the first byte was handed over.
    pub began: Option<Instant>,
    /// The status of the answer, once its head is there.
    pub status: Option<u16>,
}

/// The shared state of one body.
#[derive(Debug)]
pub(super) struct Flow {
    state: Mutex<State>,
    /// Bytes handed over, for whoever shows progress.
    handed: Arc<AtomicU64>,
}

#[derive(Debug)]
struct State {
    progress: Progress,
    /// Why the source gave up.
    failure: Option<NotSent>,
    /// Wakes the connection, so that it sees a cut.
    waker: Option<Waker>,
}

impl Flow {
    /// A body that nobody has asked for yet; `handed` counts its bytes up.
    pub fn new(handed: Arc<AtomicU64>) -> Flow {
        Flow {
            state: Mutex::new(State {
                progress: Progress {
                    stage: Stage::Fresh,
                    waits_for: Party::Connection,
                    since: Instant::now(),
                    began: None,
                    status: None,
                },
                failure: None,
                waker: None,
            }),
            handed,
        }
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.state().progress
    }

    /// Why the source gave up, if it did.
    pub fn failure(&self) -> Option<NotSent> {
        self.state().failure.clone()
    }

    /// Ends the body before its end. False if it is whole already, and then it stays so.
    pub fn cut(&self) -> bool {
        let mut state = self.state();
        if state.progress.stage == Stage::Whole {
            return false;
        }
        state.progress.stage = Stage::Cut;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Ends the body before its first byte. False if the connection has some of it already.
    pub fn withdraw(&self) -> bool {
        let mut state = self.state();
        let fresh = state.progress.stage == Stage::Fresh;
        if fresh {
            state.progress.stage = Stage::Cut;
        }
        fresh
    }

    /// The head of an answer is there. Unless it is a success, the rest of the body is held back
    /// while the answer's words are read.
    pub fn answered(&self, status: u16) {
        let mut state = self.state();
        let progress = &mut state.progress;
        progress.status = Some(status);
        let success = (200..=299).contains(&status);
        match progress.stage {
            Stage::Fresh | Stage::Begun if !success => progress.stage = Stage::Held,
            Stage::Fresh | Stage::Begun | Stage::Held | Stage::Whole | Stage::Cut => {}
        }
    }

    /// The source gave up, and with it the body.
    pub fn fail(&self, failure: NotSent) {
        let mut state = self.state();
        state.failure.get_or_insert(failure);
        if state.progress.stage != Stage::Whole {
            state.progress.stage = Stage::Cut;
        }
    }

    /// Whether bytes may go: pending while held, an error once cut.
    pub fn poll_open(&self, cx: &Context<'_>) -> Poll<Result<(), Cut>> {
        let mut state = self.state();
        match state.progress.stage {
            Stage::Cut => return Poll::Ready(Err(Cut)),
            Stage::Fresh | Stage::Begun | Stage::Held | Stage::Whole => {}
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => state.waker = Some(cx.waker().clone()),
        }
        match state.progress.stage {
            Stage::Held => Poll::Pending,
            Stage::Fresh | Stage::Begun | Stage::Whole | Stage::Cut => Poll::Ready(Ok(())),
        }
    }

    /// The body cannot go on for now.
    pub fn wait_for(&self, party: Party) {
        let mut state = self.state();
        if state.progress.waits_for != party {
            state.progress.waits_for = party;
            state.progress.since = Instant::now();
        }
    }

    /// Hands bytes to the connection; with the last ones the body is whole. Unless it is ready and
    /// no error, the bytes must not go: the body was held or cut since [`Flow::poll_open`].
    pub fn poll_hand(&self, bytes: usize, last: bool) -> Poll<Result<(), Cut>> {
        let now = Instant::now();
        let mut state = self.state();
        match state.progress.stage {
            Stage::Fresh | Stage::Begun => {}
            // Whoever cuts it wakes the waker that `poll_open` left.
            Stage::Held => return Poll::Pending,
            Stage::Whole | Stage::Cut => return Poll::Ready(Err(Cut)),
        }
        let progress = &mut state.progress;
        progress.stage = if last { Stage::Whole } else { Stage::Begun };
        progress.waits_for = Party::Connection;
        progress.since = now;
        progress.began.get_or_insert(now);
        self.handed.fetch_add(bytes as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error of a body that ends before its end; it makes the connection close.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut before its end")]
pub(super) struct Cut;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn flow() -> Flow {
        Flow::new(Arc::default())
    }

    fn open(flow: &Flow) -> Poll<bool> {
        let opened = flow.poll_open(&Context::from_waker(Waker::noop()));
        opened.map(|opened| opened.is_ok())
    }

    fn hand(flow: &Flow, last: bool) -> Poll<bool> {
        flow.poll_hand(1, last).map(|handed| handed.is_ok())
    }

    #[test]
    fn a_body_is_cut_or_whole_and_never_both() {
        let whole = flow();
        assert_eq!(hand(&whole, true), Poll::Ready(true));
        assert!(!whole.cut());
        assert_eq!(whole.progress().stage, Stage::Whole);

        let cut = flow();
        assert_eq!(hand(&cut, false), Poll::Ready(true));
        assert!(cut.cut());
        assert_eq!(hand(&cut, true), Poll::Ready(false));
        assert_eq!(open(&cut), Poll::Ready(false));
        assert!(cut.cut());
    }

    #[test]
    fn a_body_is_held_by_any_answer_but_a_success() {
        let flow = flow();
        flow.answered(200);
        assert_eq!(open(&flow), Poll::Ready(true));
        flow.answered(413);
        assert_eq!(open(&flow), Poll::Pending);
        assert_eq!(hand(&flow, true), Poll::Pending);
        assert!(flow.cut());
        assert_eq!(open(&flow), Poll::Ready(false));
    }

    #[tokio::test]
    async fn a_cut_wakes_the_connection_that_a_held_body_keeps_waiting() {
        let flow = Arc::new(flow());
        flow.answered(413);
        let polled = Arc::clone(&flow);
        let waiting = tokio::spawn(std::future::poll_fn(move |cx| polled.poll_open(cx)));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert!(flow.cut());
        let woken = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(woken.expect("woken").expect("ends").is_err());
    }

    #[test]
    fn only_a_fresh_body_is_withdrawn() {
        let fresh = flow();
        assert!(fresh.withdraw());
        assert_eq!(hand(&fresh, false), Poll::Ready(false));
        let begun = flow();
        assert_eq!(hand(&begun, false), Poll::Ready(true));
        assert!(!begun.withdraw());
        assert_eq!(hand(&begun, true), Poll::Ready(true));
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_is_timed_from_its_own_beginning() {
        let flow = flow();
        let second = Duration::from_secs(1);
        let waits = || (flow.progress().waits_for, flow.progress().since.elapsed());
        assert_eq!(hand(&flow, false), Poll::Ready(true));
        tokio::time::advance(second).await;
        assert_eq!(waits(), (Party::Connection, second));
        assert_eq!(hand(&flow, false), Poll::Ready(true));
        assert_eq!(waits(), (Party::Connection, Duration::ZERO));
        tokio::time::advance(second).await;
        flow.wait_for(Party::Source);
        assert_eq!(waits(), (Party::Source, Duration::ZERO));
        tokio::time::advance(second).await;
        flow.wait_for(Party::Source);
        assert_eq!(waits(), (Party::Source, second));
        let began = flow.progress().began.map(|began| began.elapsed());
        assert_eq!(began, Some(3 * second));
    }
}
