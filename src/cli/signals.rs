//! The signals of `taxiway run`: an end that is asked for, one that is wanted at once, and a
//! configuration that is to be read again.

use std::sync::mpsc::{Sender, SyncSender};
use std::time::{Duration, Instant};

use super::Failure;
use crate::daemon::Message;
use crate::ledger::LedgerError;
use crate::program;
use crate::supervisor::Supervisor;

/// Ctrl-C and `kill`: the first asks the session to end, the second ends the process. `kill -HUP`
/// has the configuration read again.
pub struct Stop {
    out: std::sync::Arc<std::sync::Mutex<Option<Sender<Message>>>>,
    asked: std::sync::Arc<(std::sync::Mutex<bool>, std::sync::Condvar)>,
}

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn listen(reload: SyncSender<()>, supervisor: Supervisor) -> Result<Stop, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = Stop { out: Default::default(), asked: Default::default() };
        let (out, asked) = (stop.out.clone(), stop.asked.clone());
        let signals = {
            let _inside = runtime.enter();
            use tokio::signal::unix::{SignalKind, signal};
            let interrupt = signal(SignalKind::interrupt())?;
            (interrupt, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?)
        };
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            let (mut interrupt, mut terminate, mut hangup) = signals;
            // On a terminal it says that the window was closed: nobody is left to end a run by hand.
            let of_window = std::io::IsTerminal::is_terminal(&std::io::stderr());
            let mut next = || {
                runtime.block_on(async {
                    loop {
                        tokio::select! {
                            _ = interrupt.recv() => break,
                            _ = terminate.recv() => break,
                            _ = hangup.recv() => {
                                if of_window {
                                    break;
                                }
                                // One that waits to be heard is as good as two.
                                let _ = reload.try_send(());
                            }
                        }
                    }
                });
            };
            next();
            supervisor.stopping();
            *lock(&asked.0) = true;
            asked.1.notify_all();
            if let Some(out) = lock(&out).as_ref() {
                // A session that has ended needs no telling.
                let _ = out.send(Message::Stop);
            }
            next();
            super::terminal::clear_at_once();
            program::end_all();
            std::process::exit(130);
        })?;
        Ok(stop)
    }

    /// From now on this session is told; at once, if the signal has come already.
    pub fn tell(&self, session: Sender<Message>) {
        *lock(&self.out) = Some(session.clone());
        // A signal that came before is passed on here, one that comes later by its thread; one
        // that comes between the two is told twice, which is as good as once.
        if *lock(&self.asked.0) {
            let _ = session.send(Message::Stop);
        }
    }

    /// Waits until the ledger may be writable again. True if the signal came, or has come before.
    /// Who waits on purpose does not hang.
    pub fn within(&self, pause: Duration, supervisor: &Supervisor, why: &LedgerError) -> bool {
        supervisor.status(&format!("{why}; trying again in {} s", pause.as_secs()));
        let mut feeding = supervisor.feeding();
        let until = Instant::now() + pause;
        let mut asked = lock(&self.asked.0);
        loop {
            feeding.turn();
            let left = until.saturating_duration_since(Instant::now());
            if *asked || left.is_zero() {
                return *asked;
            }
            let part = feeding.next().map_or(left, |next| next.min(left));
            let waited = self.asked.1.wait_timeout(asked, part);
            asked = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
