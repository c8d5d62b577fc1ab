//! Who may look at the page: keys that are given out once, and those that a browser keeps.
//!
//! Owns:
//! - a key for the way in opens once, only soon after it was asked for over the socket, and only for
//!   the user who asked;
//! - a browser's key holds while it is used, for one user; all of them end with the address that they
//!   open, which may be somebody else's after that;
//! - only hashes are kept, of a bounded number.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::control::whence::Owner;
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
    /// Whose processes may show it; None for everybody's.
    user: Option<u32>,
}

impl Key {
    fn is_for(&self, owner: Owner) -> bool {
        match (self.user, owner) {
            (_, Owner::Gone) => false,
            (None, _) | (_, Owner::Untold) => true,
            // Root may do all of this anyway, and relays connections into virtual machines.
            (Some(user), Owner::User(other)) => other == user || other == 0,
        }
    }
}

/// What comes of showing a key for the way in.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::control) enum Entered {
    /// The browser's own key.
    In(String),
    /// The key was used, or is too old.
    Used,
    /// It is another user's, and goes on to be.
    Foreign,
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

    /// A key that lets one in, once and soon. What root asked for may be for anybody.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub(in crate::control) fn offer(&self, asked: Owner) -> io::Result<String> {
        let once = random(KEY_BYTES)?;
        let until = (self.passed)() + ONCE_HOLDS;
        let user = match asked {
            Owner::User(0) | Owner::Gone | Owner::Untold => None,
            Owner::User(user) => Some(user),
        };
        keep(&mut self.lock().once, &once, until, user);
        Ok(once)
    }

    /// The key of a browser that shows what [`Keys::offer`] gave.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub(in crate::control) fn enter(&self, once: &str, owner: Owner) -> io::Result<Entered> {
        let now = (self.passed)();
        let mut kept = self.lock();
        let hash = hash_of(once.as_bytes());
        let at = kept.once.iter().position(|key| key.hash == hash);
        let Some(at) = at else { return Ok(Entered::Used) };
        if !kept.once[at].is_for(owner) {
            return Ok(Entered::Foreign);
        }
        let once = kept.once.remove(at);
        if once.until < now {
            return Ok(Entered::Used);
        }
        let user = match owner {
            Owner::User(user) => once.user.or(Some(user)),
            Owner::Gone | Owner::Untold => once.user,
        };
        let key = random(KEY_BYTES)?;
        keep(&mut kept.browsers, &key, now + KEY_HOLDS, user);
        Ok(Entered::In(key))
    }

    /// Whether a browser's key holds for whoever shows it; it holds on from now.
    pub(in crate::control) fn knows(&self, key: &str, owner: Owner) -> bool {
        let now = (self.passed)();
        let mut kept = self.lock();
        kept.browsers.retain(|key| key.until >= now);
        let hash = hash_of(key.as_bytes());
        let found = kept.browsers.iter_mut().find(|key| key.hash == hash);
        let found = found.filter(|key| key.is_for(owner));
        found.map(|key| key.until = now + KEY_HOLDS).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(keys: &mut Vec<Key>, key: &str, until: Duration, user: Option<u32>) {
    if keys.len() == MOST {
        // The one that was not used for longest.
        let oldest = keys.iter().enumerate().min_by_key(|(_, key)| key.until);
        if let Some((at, _)) = oldest {
            keys.remove(at);
        }
    }
    keys.push(Key { hash: hash_of(key.as_bytes()), until, user });
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

    const US: Owner = Owner::User(1_000);

    fn into(entered: io::Result<Entered>) -> String {
        match entered {
            Ok(Entered::In(key)) => key,
            other => panic!("{other:?}"),
        }
    }

    fn enter(keys: &Keys) -> String {
        into(keys.enter(&keys.offer(US).unwrap(), US))
    }

    #[test]
    fn a_key_is_of_no_use_to_another_user() {
        let (keys, _) = keys();
        let (other, root) = (Owner::User(1_001), Owner::User(0));
        let once = keys.offer(US).unwrap();
        for foreign in [other, Owner::Gone] {
            assert_eq!(keys.enter(&once, foreign).unwrap(), Entered::Foreign, "{foreign:?}");
        }
        let key = into(keys.enter(&once, US));
        for (owner, is_known) in
            [(US, true), (other, false), (root, true), (Owner::Gone, false), (Owner::Untold, true)]
        {
            assert_eq!(keys.knows(&key, owner), is_known, "{owner:?}");
        }
        // What root asked for is for whoever comes first, and then for nobody else.
        let key = into(keys.enter(&keys.offer(root).unwrap(), other));
        assert!(keys.knows(&key, other) && !keys.knows(&key, US));
        let key = into(keys.enter(&keys.offer(US).unwrap(), Owner::Untold));
        assert!(keys.knows(&key, US) && !keys.knows(&key, other));
    }

    #[test]
    fn a_way_in_opens_once() {
        let (keys, _) = keys();
        let once = keys.offer(US).unwrap();
        assert_eq!(once.len(), 64);
        assert!(!keys.knows(&once, US), "it is no browser's key");
        let key = into(keys.enter(&once, US));
        assert_ne!(key, once);
        assert!(keys.knows(&key, US));
        assert_eq!(keys.enter(&once, US).unwrap(), Entered::Used, "a second time");
        assert_eq!(keys.enter(&key, US).unwrap(), Entered::Used, "a browser's key is no way in");
        assert_eq!(keys.enter("", US).unwrap(), Entered::Used);
        assert!(!keys.knows("", US));
    }

    #[test]
    fn a_way_in_is_open_for_a_minute() {
        let (keys, seconds) = keys();
        let (one, two) = (keys.offer(US).unwrap(), keys.offer(US).unwrap());
        assert_ne!(one, two);
        seconds.fetch_add(60, Ordering::Relaxed);
        into(keys.enter(&one, US));
        seconds.fetch_add(1, Ordering::Relaxed);
        assert_eq!(keys.enter(&two, US).unwrap(), Entered::Used);
    }

    #[test]
    fn a_browsers_key_holds_for_a_day_from_its_last_use() {
        let (keys, seconds) = keys();
        let key = enter(&keys);
        for _ in 0..3 {
            seconds.fetch_add(24 * 3_600, Ordering::Relaxed);
            assert!(keys.knows(&key, US));
        }
        seconds.fetch_add(24 * 3_600 + 1, Ordering::Relaxed);
        assert!(!keys.knows(&key, US));
        seconds.fetch_sub(2, Ordering::Relaxed);
        assert!(!keys.knows(&key, US), "it is forgotten");
    }

    #[test]
    fn so_many_keys_are_kept_and_no_more() {
        let (keys, seconds) = keys();
        let (first, second) = (enter(&keys), enter(&keys));
        seconds.fetch_add(1, Ordering::Relaxed);
        assert!(keys.knows(&first, US));
        for _ in 0..MOST - 1 {
            enter(&keys);
        }
        assert!(keys.knows(&first, US), "it was used");
        assert!(!keys.knows(&second, US), "it was not used for longest");
        let offers: Vec<String> = (0..=MOST).map(|_| keys.offer(US).unwrap()).collect();
        assert_eq!(keys.enter(&offers[0], US).unwrap(), Entered::Used);
        into(keys.enter(&offers[MOST], US));
    }
}
