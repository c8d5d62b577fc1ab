//! Places where a build for tests can be made to die, as by `kill -9`, or to hang.
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

/// Hangs here for as long as there is a file FILE, if `TAXIWAY_TEST_HANG_AT` says `PLACE:FILE`;
/// while it hangs, there is a file `FILE.hangs`. Does nothing in what is released.
pub fn hang(place: &'static str) {
    #[cfg(debug_assertions)]
    hang::here(place);
    #[cfg(not(debug_assertions))]
    let _ = place;
}

#[cfg(debug_assertions)]
mod hang {
    use std::path::PathBuf;
    use std::sync::OnceLock;
    use std::time::Duration;

    static HANG: OnceLock<Option<(String, PathBuf)>> = OnceLock::new();

    pub(super) fn here(place: &'static str) {
        let Some((_, file)) = HANG.get_or_init(asked_for).as_ref().filter(|(at, _)| at == place)
        else {
            return;
        };
        if !file.exists() {
            return;
        }
        let mut sign = file.clone().into_os_string();
        sign.push(".hangs");
        // What the test waits for in vain fails it.
        let _ = std::fs::write(&sign, b"");
        while file.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = std::fs::remove_file(&sign);
    }

    fn asked_for() -> Option<(String, PathBuf)> {
        let text = std::env::var("TAXIWAY_TEST_HANG_AT").ok()?;
        let (place, file) = text.split_once(':')?;
        Some((place.to_owned(), file.into()))
    }
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
