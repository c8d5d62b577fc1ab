//! Places for uploads: who has one sends, the others wait in the order in which they came.
//!
//! Owns:
//! - at most as many have a place as [`Pace`] allows, but for those who had one when it became
//!   fewer;
//! - nobody wakes only to look at the pace: it is looked at when an upload ends, and by whoever
//!   waits for a place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::gauge::Gauge;
use super::pace::{Moved, Pace};
use crate::planner::{NotSent, Outcome, RefusalKind};

/// How often whoever waits for a place looks at the pace, so that long uploads do not keep it.
const LOOKS: Duration = Duration::from_secs(1);

/// The least that a time-out lasts.
const TIMED_OUT: Duration = Duration::from_secs(5);

/// The places; clones are the same.
#[derive(Debug, Clone)]
pub struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    semaphore: Semaphore,
    began: Instant,
    gauge: Gauge,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    /// Places that exist, free or taken.
    places: usize,
    /// All of them were taken at the last look, or have been since.
    full: bool,
    stored: u64,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place<'a> {
    places: &'a Places,
    permit: Option<SemaphorePermit<'a>>,
    since: Duration,
}

impl Places {
    /// At most `most` places; `gauge` counts what goes out.
    pub fn new(most: usize, gauge: Gauge) -> Places {
        let pace = Pace::new(most, Duration::ZERO);
        let places = pace.allowed();
        Places(Arc::new(Shared {
            semaphore: Semaphore::new(places),
            began: Instant::now(),
            gauge,
            state: Mutex::new(State { pace, places, full: false, stored: 0 }),
        }))
    }

    /// Another number is configured. Uploads that go out keep their places.
    pub fn set_most(&self, most: usize) {
        let mut state = self.state();
        state.pace.set_most(most);
        self.fit(&mut state);
    }

    /// How many may go out at once for now.
    pub fn allowed(&self) -> usize {
        self.state().pace.allowed()
    }

    /// Waits for a place.
    pub async fn take(&self) -> Option<Place<'_>> {
        let waits = self.0.semaphore.acquire();
        tokio::pin!(waits);
        let permit = loop {
            tokio::select! {
                biased;
                permit = &mut waits => break permit.ok()?,
                () = tokio::time::sleep(LOOKS) => self.look(),
            }
        };
        let mut state = self.state();
        if !state.full && self.is_full() {
            // What went out before, at leisure, says nothing of how fast it can go.
            state.full = true;
            let moved = self.moved(&state);
            state.pace.look(self.now(), moved, None);
        }
        drop(state);
        Some(Place { places: self, permit: Some(permit), since: self.now() })
    }

    fn look(&self) {
        let mut state = self.state();
        self.look_at(&mut state);
        self.fit(&mut state);
    }

    fn look_at(&self, state: &mut State) {
        state.full = self.is_full();
        let sending = state.full.then(|| self.0.gauge.unfinished());
        let moved = self.moved(state);
        state.pace.look(self.now(), moved, sending);
    }

    fn is_full(&self) -> bool {
        self.0.semaphore.available_permits() == 0
    }

    fn moved(&self, state: &State) -> Moved {
        Moved { bytes: self.0.gauge.moved(), stored: state.stored }
    }

    /// Makes as many places as are allowed, or takes away those that are free.
    fn fit(&self, state: &mut State) {
        let allowed = state.pace.allowed();
        if allowed != state.places {
            tracing::debug!("uploads at once: {allowed}, after {}", state.places);
        }
        if allowed > state.places {
            self.0.semaphore.add_permits(allowed - state.places);
            state.places = allowed;
        }
        while allowed < state.places {
            // Whoever has one of the others gives it up when it ends.
            let Ok(free) = self.0.semaphore.try_acquire() else { break };
            free.forget();
            state.places -= 1;
        }
    }

    fn now(&self) -> Duration {
        self.0.began.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// The upload of `bytes` bytes ended like this; `waited` for its answer, if there was one.
    pub fn learn(&self, outcome: &Outcome, bytes: u64, waited: Option<Duration>) {
        let places = self.places;
        let mut state = places.state();
        match outcome {
            Outcome::Stored(_) => {
                state.stored += 1;
                if let Some(waited) = waited {
                    state.pace.answered(self.since, places.now(), bytes, waited);
                }
            }
            // What ends sooner is no time-out: a server that stumbles, a connection that broke.
            Outcome::Unknown { .. } | Outcome::NotSent(NotSent::Broken { .. })
                if places.now().saturating_sub(self.since) >= TIMED_OUT =>
            {
                state.pace.too_much(self.since, places.now());
            }
            Outcome::Refused(refusal) => {
                if let RefusalKind::Rate { .. } = refusal.kind {
                    state.pace.too_much(self.since, places.now());
                }
            }
            // Nothing of this says that fewer would do better.
            Outcome::Unknown { .. }
            | Outcome::NotSent(
                NotSent::Broken { .. }
                | NotSent::Offline(_)
                | NotSent::SourceChanged
                | NotSent::SourceGone
                | NotSent::SourceUnreadable { .. }
                | NotSent::Withdrawn,
            ) => {}
        }
        places.look_at(&mut state);
        places.fit(&mut state);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.places.state();
        if state.pace.allowed() < state.places
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
            state.places -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::{Asset, Refusal};

    fn stored() -> Outcome {
        Outcome::Stored(Asset { asset_id: "a".into(), url: None })
    }

    fn slow_down() -> Outcome {
        let kind = RefusalKind::Rate { retry_after_ms: None };
        Outcome::Refused(Refusal { kind, status: 429, message: "slow down".into() })
    }

    /// Takes every place that is free.
    async fn all(places: &Places) -> Vec<Place<'_>> {
        let mut taken = Vec::new();
        while places.0.semaphore.available_permits() > 0 {
            taken.extend(places.take().await);
        }
        taken
    }

    #[tokio::test]
    async fn fewer_places_are_taken_away_from_nobody_and_given_to_nobody() {
        let places = Places::new(16, Gauge::default());
        places.state().pace.set_most(16);
        let two = all(&places).await;
        assert_eq!(two.len(), 2);
        two[0].learn(&slow_down(), 1, None);
        assert_eq!((places.allowed(), two.len()), (1, 2));
        let mut two = two.into_iter();
        drop(two.next());
        assert_eq!(places.0.semaphore.available_permits(), 0, "that place is gone");
        drop(two.next());
        assert_eq!(all(&places).await.len(), 1);
    }

    #[tokio::test]
    async fn a_signal_of_those_under_way_counts_once_and_a_limit_holds_at_once() {
        let places = Places::new(16, Gauge::default());
        {
            let taken = all(&places).await;
            taken.iter().for_each(|place| place.learn(&slow_down(), 1, None));
            assert_eq!(places.allowed(), 1);
            places.set_most(1);
        }
        assert_eq!((places.allowed(), all(&places).await.len()), (1, 1));
    }

    #[tokio::test]
    async fn a_stretch_begins_when_the_last_place_is_taken() {
        let places = Places::new(8, Gauge::default());
        let one = places.take().await;
        let before = places.state().pace.stretch();
        std::thread::sleep(Duration::from_millis(2));
        let two = places.take().await;
        assert!(places.state().pace.stretch() > before);
        drop((one, two));
    }

    #[tokio::test]
    async fn places_come_while_uploads_go_well_and_all_are_taken() {
        let places = Places::new(8, Gauge::default());
        let until = Instant::now() + Duration::from_secs(30);
        while places.allowed() == 2 && Instant::now() < until {
            let taken = all(&places).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
            taken.iter().for_each(|place| place.learn(&stored(), 1, Some(Duration::ZERO)));
        }
        assert!(places.allowed() > 2, "it never grew");
        assert_eq!(all(&places).await.len(), places.allowed());
    }
}
