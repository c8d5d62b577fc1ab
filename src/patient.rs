//! Questions to disks that may never answer: whoever asks a server that is gone is held for ever, and
//! no signal helps.
//!
//! Owns:
//! - who asks waits for [`PATIENCE`] at most, whatever the disk does;
//! - nobody waits for a place that somebody waits for already, so that threads do not pile up, and
//!   ten folders on a disk that hangs cost no more time than one;
//! - once such a place answers after all, it is told.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an answer may take. A disk that has to spin up needs less.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Who waits in vain, for all the process.
static VAIN: Mutex<Vain> = Mutex::new(Vain { asked: Vec::new(), told: None, missed: false });

struct Vain {
    /// Questions that were not answered in time, each with the place where it still waits.
    asked: Vec<Arc<Asked>>,
    told: Option<Box<dyn Fn() + Send>>,
    /// Something was not asked, or not answered, because of such a place.
    missed: bool,
}

/// A question that is being asked, from within.
#[derive(Debug, Default)]
pub struct Asked {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    place: PathBuf,
    given_up: bool,
}

/// Asks on a thread of its own. None if there is no answer in time, or no thread.
pub fn ask<T: Send + 'static>(question: impl FnOnce(&Asked) -> T + Send + 'static) -> Option<T> {
    ask_for(PATIENCE, question)
}

/// Has this done whenever places answer that have not answered in time, if anything was missed for
/// it; in place of what was to be done before.
pub fn when_answered(told: impl Fn() + Send + 'static) {
    lock(&VAIN).told = Some(Box::new(told));
}

fn ask_for<T: Send + 'static>(
    patience: Duration,
    question: impl FnOnce(&Asked) -> T + Send + 'static,
) -> Option<T> {
    let asked = Arc::new(Asked::default());
    let (own, (to, answer)) = (Arc::clone(&asked), channel());
    let answers = move || {
        let found = question(&own);
        // Whoever asked may have given up.
        let _ = to.send(found);
        own.moves();
    };
    let thread = std::thread::Builder::new().name("disk".into()).spawn(answers);
    if thread.is_err() {
        return None;
    }
    match answer.recv_timeout(patience) {
        Ok(found) => Some(found),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => {
            let mut vain = lock(&VAIN);
            let mut state = lock(&asked.state);
            if let Ok(found) = answer.try_recv() {
                return Some(found);
            }
            state.given_up = true;
            vain.asked.push(Arc::clone(&asked));
            vain.missed = true;
            None
        }
    }
}

impl Asked {
    /// This, or what is below it, is looked at next. False if it is not to be: another waits for it
    /// in vain.
    pub fn may_look(&self, place: &Path) -> bool {
        self.moves();
        place.clone_into(&mut lock(&self.state).place);
        let mut vain = lock(&VAIN);
        let silent = vain.asked.iter().any(|asked| asked.waits_at(place));
        vain.missed |= silent;
        !silent
    }

    /// Whether it waits for this place, or for one above it.
    fn waits_at(&self, place: &Path) -> bool {
        let state = lock(&self.state);
        !state.place.as_os_str().is_empty() && place.starts_with(&state.place)
    }

    /// What was looked at has answered.
    fn moves(&self) {
        if !std::mem::take(&mut lock(&self.state).given_up) {
            return;
        }
        let mut vain = lock(&VAIN);
        vain.asked.retain(|asked| !std::ptr::eq(Arc::as_ptr(asked), self));
        if std::mem::take(&mut vain.missed)
            && let Some(told) = &vain.told
        {
            told();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(10);
    const LATE: Duration = Duration::from_secs(3_600);

    #[test]
    fn an_answer_is_given_on_and_one_that_never_comes_is_not_waited_for() {
        assert_eq!(ask_for(LATE, |asked| asked.may_look(Path::new("/test-well/a"))), Some(true));
        let (speak, silence) = channel::<()>();
        let (ends, end) = channel();
        let (begun, begins) = channel();
        let silent = move |asked: &Asked| {
            asked.may_look(Path::new("/test-dead"));
            let _ = begun.send(());
            let _ = silence.recv();
            // It goes on from there, and nothing else of it is in anybody's way.
            let _ = ends.send(asked.may_look(Path::new("/test-dead/below")));
        };
        assert_eq!(ask_for(SOON, silent), None);
        // However late its thread began.
        begins.recv().expect("it looks");
        let may_look =
            |place: &'static str| ask_for(LATE, |asked| asked.may_look(Path::new(place)));
        for (place, expected) in
            [("/test-dead", false), ("/test-dead/x/y", false), ("/test-deadline", true)]
        {
            assert_eq!(may_look(place), Some(expected), "{place}");
        }
        let (tell, told) = channel();
        when_answered(move || {
            let _ = tell.send(());
        });
        drop(speak);
        assert_eq!(end.recv(), Ok(true));
        told.recv().expect("it is told");
        assert_eq!(may_look("/test-dead/x"), Some(true));
    }
}
