//! The control socket of a running daemon: open from the start on, or as soon as it can be.
//!
//! Owns:
//! - files are uploaded also without it;
//! - the service manager hears of readiness when the ledger and the socket are open, and not before:
//!   without the socket `systemctl reload` would fail, and nobody could ask.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::config::Environment;
use crate::control::{Place, Server, Standing};
use crate::daemon::Message;
use crate::supervisor::Supervisor;

use super::reload::Reloader;

/// How soon a socket that could not be opened is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// The socket, there or not.
pub struct Listening {
    door: Arc<Door>,
    /// Whose end is the end of the tries.
    _open: Option<Sender<()>>,
    tries: Option<JoinHandle<()>>,
}

struct Door {
    server: OnceLock<Server>,
    supervisor: Supervisor,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The session that is or was.
    session: Option<Sender<Message>>,
    is_up: bool,
    /// Why there is no socket.
    why: Option<String>,
}

impl Listening {
    /// Opens it, now or later.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start(
        reloader: &Arc<Reloader>,
        environment: &Environment,
        standing: &Standing,
        supervisor: &Supervisor,
    ) -> std::io::Result<Listening> {
        let (server, state, supervisor) = (OnceLock::new(), Mutex::default(), supervisor.clone());
        let door = Arc::new(Door { server, supervisor, state });
        let (reloader, standing) = (Arc::clone(reloader), standing.clone());
        let runtime_dir = environment.runtime_dir.clone();
        let open = {
            let standing = standing.clone();
            move || {
                let state_dir = reloader.config().state_dir.clone();
                let place = Place::of(&state_dir, runtime_dir.as_deref());
                Server::start(reloader.configs(), reloader.as_asked(), place, standing.clone())
            }
        };
        if let Err(error) = open().map(|server| door.opened(server)) {
            let why = crate::text::reason(&error);
            tracing::warn!("no control socket: {why}; retry, resolve and forget find nobody");
            lock(&door.state).why = Some(why);
            let (to_end, end) = channel();
            let tried = Arc::clone(&door);
            let tries = move || tried.try_until(&end, open, &standing);
            let tries = std::thread::Builder::new().name("socket".into()).spawn(tries)?;
            return Ok(Listening { door, _open: Some(to_end), tries: Some(tries) });
        }
        Ok(Listening { door, _open: None, tries: None })
    }

    /// Who answers, if anybody can be asked.
    pub fn server(&self) -> Option<&Server> {
        self.door.server.get()
    }

    /// From now on wishes go to this session.
    pub fn tell(&self, session: Sender<Message>) {
        let mut state = lock(&self.door.state);
        if let Some(server) = self.server() {
            server.tell(session.clone());
        }
        state.session = Some(session);
    }

    /// The ledger is open. The service manager is told once the socket is, too.
    pub fn ready(&self) {
        let mut state = lock(&self.door.state);
        state.is_up = true;
        if self.server().is_some() {
            self.door.supervisor.ready();
        }
    }

    /// What says that there is no socket, while there is none.
    pub fn missing(&self) -> impl Fn() -> Option<String> + Send + use<> {
        let door = Arc::downgrade(&self.door);
        move || {
            let why = lock(&door.upgrade()?.state).why.clone()?;
            Some(format!("no control socket: {why}"))
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self._open.take());
        if let Some(tries) = self.tries.take() {
            let _ = tries.join();
        }
    }
}

impl Door {
    fn opened(&self, server: Server) {
        let mut state = lock(&self.state);
        if let Some(session) = &state.session {
            server.tell(session.clone());
        }
        state.why = None;
        let _ = self.server.set(server);
        if state.is_up {
            self.supervisor.ready();
        }
    }

    /// Tries again until it is open, or nobody needs it any more.
    fn try_until(
        &self,
        end: &Receiver<()>,
        open: impl Fn() -> std::io::Result<Server>,
        standing: &Standing,
    ) {
        // It is being started until then, and that takes as long as it takes.
        let _long = self.supervisor.takes_long("waiting for the control socket");
        while end.recv_timeout(AGAIN) == Err(RecvTimeoutError::Timeout) {
            match open() {
                Ok(server) => {
                    self.opened(server);
                    tracing::info!("the control socket is open");
                    // What is told of the state changes with it.
                    standing.tally().stepped(&[], true);
                    return;
                }
                Err(error) => lock(&self.state).why = Some(crate::text::reason(&error)),
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
