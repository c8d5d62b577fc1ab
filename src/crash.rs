//! Places where a build for tests can be made to die, as by `kill -9`.
//!
//! Owns: what is released has no such place.

/// Ends the process here, without a word and without clean-up, if `TAXIWAY_TEST_DIE_AT` says
/// `PLACE:N` and this is the N-th time that PLACE is passed. Does nothing in what is released.
pub fn point(place: &'static str) {
    #[cfg(debug_assertions)]
    death::point(place);
    #[cfg(not(debug_assertions))]
    let _ = place;
}

#[cfg(debug_assertions)]
mod death {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Death {
        place: String,
        passages: u64,
    }

    static DEATH: OnceLock<Option<Death>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);

    pub(super) fn point(place: &'static str) {
        let Some(death) = DEATH.get_or_init(asked_for) else { return };
        if death.place == place && PASSED.fetch_add(1, Ordering::Relaxed) + 1 >= death.passages {
            // Nothing else is as sudden: no destructor runs, no buffer is written out.
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
            // The other threads die with this one; none of them is to see it go on.
            std::thread::park();
        }
    }

    fn asked_for() -> Option<Death> {
        let text = std::env::var("TAXIWAY_TEST_DIE_AT").ok()?;
        let (place, passages) = text.split_once(':')?;
        Some(Death { place: place.to_owned(), passages: passages.parse().ok()? })
    }
}
