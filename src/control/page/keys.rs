//! Who may look at the page: keys that are given out once, and those that a browser keeps.
//!
//! Owns:
//! - a key for the way in opens once, and only soon after it was asked for over the socket;
//! - a browser's key holds while it is used; all of them end with the daemon;
//! - only hashes are kept, of a bounded number.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::hash::hash_of;

/// How long a way in is open.
const ONCE_HOLDS: Duration = Duration::from_secs(60);
/// How long a browser's key holds from its last use.
const KEY_HOLDS: Duration = Duration::from_secs(24 * 3_600);
/// Ways in, and browsers, at once; of more the oldest ones are forgotten.
const MOST: usize = 64;
/// Random bytes of a key.
const KEY_BYTES: usize = 32;

/// How much time has passed since some moment; time that the machine slept counts where it can.
pub(in crate::control) type Passed = Box<dyn Fn() -> Duration + Send + Sync>;

/// The clock that goes on while the machine sleeps.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SLEEPLESS: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SLEEPLESS: ClockId = ClockId::Monotonic;

/// The keys that hold now.
pub(in crate::control) struct Keys {
    passed: Passed,
    kept: Mutex<Kept>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Kept {
    once: Vec<Key>,
    browsers: Vec<Key>,
}

/// What is compared says nothing of the key itself, however long that takes.
struct Key {
    hash: [u8; 32],
    until: Duration,
}

impl Default for Keys {
    fn default() -> Keys {
        Keys::by(passed())
    }
}

impl Keys {
    /// By another clock.
    pub(in crate::control) fn by(passed: Passed) -> Keys {
        Keys { passed, kept: Mutex::default() }
    }

    /// A key that lets one in, once and soon.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub(in crate::control) fn offer(&self) -> io::Result<String> {
        let once = random(KEY_BYTES)?;
        let until = (self.passed)() + ONCE_HOLDS;
        keep(&mut self.lock().once, &once, until);
        Ok(once)
    }

    /// The key of a browser that shows what [`Keys::offer`] gave; none if that was used, or is too
    /// old.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub(in crate::control) fn enter(&self, once: &str) -> io::Result<Option<String>> {
        let now = (self.passed)();
        let mut kept = self.lock();
        let hash = hash_of(once.as_bytes());
        let at = kept.once.iter().position(|key| key.hash == hash);
        let Some(at) = at else { return Ok(None) };
        if kept.once.remove(at).until < now {
            return Ok(None);
        }
        let key = random(KEY_BYTES)?;
        keep(&mut kept.browsers, &key, now + KEY_HOLDS);
        Ok(Some(key))
    }

    /// Whether a browser's key holds; it holds on from now.
    pub(in crate::control) fn knows(&self, key: &str) -> bool {
        let now = (self.passed)();
        let mut kept = self.lock();
        kept.browsers.retain(|key| key.until >= now);
        let hash = hash_of(key.as_bytes());
        let found = kept.browsers.iter_mut().find(|key| key.hash == hash);
        found.map(|key| key.until = now + KEY_HOLDS).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(keys: &mut Vec<Key>, key: &str, until: Duration) {
    if keys.len() == MOST {
        // The one that was not used for longest.
        let oldest = keys.iter().enumerate().min_by_key(|(_, key)| key.until);
        if let Some((at, _)) = oldest {
            keys.remove(at);
        }
    }
    keys.push(Key { hash: hash_of(key.as_bytes()), until });
}

/// So many bytes from the system's source of randomness, in hex.
///
/// # Errors
/// If it has none to give.
pub(in crate::control) fn random(bytes: usize) -> io::Result<String> {
    let mut random = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn passed() -> Passed {
    Box::new(|| {
        let time = clock_gettime(SLEEPLESS);
        let (seconds, rest) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
        Duration::new(seconds.unwrap_or_default(), rest.unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Keys, and the seconds of their clock.
    fn keys() -> (Keys, Arc<AtomicU64>) {
        let seconds = Arc::new(AtomicU64::new(1_000));
        let clock = Arc::clone(&seconds);
        let passed = move || Duration::from_secs(clock.load(Ordering::Relaxed));
        (Keys::by(Box::new(passed)), seconds)
    }

    #[test]
    fn a_way_in_opens_once() {
        let (keys, _) = keys();
        let once = keys.offer().unwrap();
        assert_eq!(once.len(), 64);
        assert!(!keys.knows(&once), "it is no browser's key");
        let key = keys.enter(&once).unwrap().unwrap();
        assert_ne!(key, once);
        assert!(keys.knows(&key));
        assert_eq!(keys.enter(&once).unwrap(), None, "a second time");
        assert_eq!(keys.enter(&key).unwrap(), None, "a browser's key is no way in");
        assert_eq!(keys.enter("").unwrap(), None);
        assert!(!keys.knows(""));
    }

    #[test]
    fn a_way_in_is_open_for_a_minute() {
        let (keys, seconds) = keys();
        let (one, two) = (keys.offer().unwrap(), keys.offer().unwrap());
        assert_ne!(one, two);
        seconds.fetch_add(60, Ordering::Relaxed);
        assert!(keys.enter(&one).unwrap().is_some());
        seconds.fetch_add(1, Ordering::Relaxed);
        assert_eq!(keys.enter(&two).unwrap(), None);
    }

    #[test]
    fn a_browsers_key_holds_for_a_day_from_its_last_use() {
        let (keys, seconds) = keys();
        let key = keys.enter(&keys.offer().unwrap()).unwrap().unwrap();
        for _ in 0..3 {
            seconds.fetch_add(24 * 3_600, Ordering::Relaxed);
            assert!(keys.knows(&key));
        }
        seconds.fetch_add(24 * 3_600 + 1, Ordering::Relaxed);
        assert!(!keys.knows(&key));
        seconds.fetch_sub(2, Ordering::Relaxed);
        assert!(!keys.knows(&key), "it is forgotten");
    }

    #[test]
    fn so_many_keys_are_kept_and_no_more() {
        let (keys, seconds) = keys();
        let enter = || keys.enter(&keys.offer().unwrap()).unwrap().unwrap();
        let (first, second) = (enter(), enter());
        seconds.fetch_add(1, Ordering::Relaxed);
        assert!(keys.knows(&first));
        for _ in 0..MOST - 1 {
            enter();
        }
        assert!(keys.knows(&first), "it was used");
        assert!(!keys.knows(&second), "it was not used for longest");
        let offers: Vec<String> = (0..=MOST).map(|_| keys.offer().unwrap()).collect();
        assert_eq!(keys.enter(&offers[0]).unwrap(), None);
        assert!(keys.enter(&offers[MOST]).unwrap().is_some());
    }
}
