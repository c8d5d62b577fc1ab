//! The configuration of a running `taxiway run`, and how it becomes another.
//!
//! Owns:
//! - what is read again is proved first, as at a start: what is not sound changes nothing;
//! - it holds for the session, the token and the control socket, or for none of them.

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::config::{Config, Folder, SERVICE_VARIABLE, Sources, changes};
use crate::control::{self, Refusal};
use crate::daemon::{Message, Reload, SetupError, client};
use crate::ledger::LedgerError;
use crate::supervisor::Supervisor;

use super::args::Common;
use super::closed::refuse_closed;
use super::key::Holder;
use super::key::Key;
use super::service::refuse_hidden;
use super::session::sandbox_accounts;
use super::{Exit, Failure, load_from, log, output, run};

/// How long a session that is about to begin is waited for.
const SESSION_PATIENCE: Duration = Duration::from_secs(10);

/// What a running daemon goes by.
pub struct Reloader {
    common: Common,
    /// What the process was started with, which stays.
    sources: Sources,
    /// Of the server in use.
    base_url: String,
    /// What a sandbox inside this process has, if that is the server.
    accounts: Option<Vec<String>>,
    holder: Holder,
    config: watch::Sender<Arc<Config>>,
    session: Mutex<Option<Sender<Message>>>,
    begun: Condvar,
    turn: Mutex<()>,
    supervisor: Supervisor,
}

impl Reloader {
    /// With what the start read.
    pub fn new(
        common: &Common,
        sources: Sources,
        config: Config,
        key: Key,
        base_url: &str,
        supervisor: Supervisor,
    ) -> Arc<Reloader> {
        Arc::new(Reloader {
            common: common.clone(),
            sources,
            base_url: base_url.to_owned(),
            accounts: common.sandbox.then(|| sandbox_accounts(&config)),
            holder: Holder::of(key),
            config: watch::Sender::new(Arc::new(config)),
            session: Mutex::default(),
            begun: Condvar::new(),
            turn: Mutex::default(),
            supervisor,
        })
    }

    /// The configuration that holds.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// The same, and word of each change.
    pub fn configs(&self) -> watch::Receiver<Arc<Config>> {
        self.config.subscribe()
    }

    /// The key in use.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// From now on this session takes over what is read.
    pub fn tell(&self, session: Sender<Message>) {
        *lock(&self.session) = Some(session);
        self.begun.notify_all();
    }

    /// Reads the configuration again. Says what changed, a line each.
    pub fn reload(&self) -> Result<Vec<String>, Failure> {
        let _turn = lock(&self.turn);
        let _told = self.supervisor.reloading();
        let sandbox = self.common.sandbox;
        let config = load_from(&self.sources, sandbox)?;
        run::refuse_nothing(&config)?;
        let (config, before) = (Arc::new(config.config), self.config());
        let server = |config: &Config| config.api.base_url.as_str().to_owned();
        let (remembered, asked) = (server(&before), server(&config));
        if !sandbox && remembered != asked {
            return Err(LedgerError::OtherServer { remembered, asked }.into());
        }
        self.refuse_stranger(&config)?;
        self.refuse_unseen(&before, &config)?;
        refuse_closed(&self.sources.environment, &config)?;
        let key = self.holder.found_again(&config, &self.sources.environment, sandbox)?;
        let other = is_another_way(&before, &config);
        let client = other.then(|| client(&config, &self.base_url)).transpose();
        let client = client.map_err(SetupError::from)?;
        let kept_out = run::kept_out(&config);
        self.hand_over(Reload { config: Arc::clone(&config), client, kept_out })?;
        self.holder.take(key);
        self.config.send_replace(Arc::clone(&config));
        log::follow(config.log);
        let changed = changes(&before, &config);
        self.say(&changed);
        if let Some(fixed) = log::fixed().filter(|_| before.log.level != config.log.level) {
            let level = config.log.level.as_str();
            tracing::warn!(
                "[log]: level = \"{level}\" is not used: {fixed} says how much is logged"
            );
        }
        Ok(changed)
    }

    /// The same, for the control socket.
    pub fn as_asked(self: &Arc<Reloader>) -> control::Reload {
        let reloader = Arc::clone(self);
        Box::new(move || {
            let failed = |failure: Failure| {
                Refusal::of_exit(failure.exit as u8, failure.message, failure.hint)
            };
            reloader.reload().map_err(failed)
        })
    }

    /// Reads it again at each word, for as long as somebody may send one.
    pub fn listen(self: &Arc<Reloader>, words: Receiver<()>) -> std::io::Result<()> {
        let reloader = Arc::clone(self);
        std::thread::Builder::new().name("reload".into()).spawn(move || {
            for () in words {
                if let Err(Failure { message, hint, .. }) = reloader.reload() {
                    tracing::warn!("the configuration is kept as it was: {message}; hint: {hint}");
                }
            }
        })?;
        Ok(())
    }

    /// A sandbox has the accounts that it began with.
    fn refuse_stranger(&self, config: &Config) -> Result<(), Failure> {
        let Some(known) = &self.accounts else { return Ok(()) };
        let mut emails = config.folders.iter().filter_map(|folder| folder.email.as_ref());
        match emails.find(|email| !known.iter().any(|known| known == email.as_str())) {
            Some(email) => {
                let words = format!("the sandbox was started without the account {email}");
                Err(Failure::new(Exit::Config, words, "stop it, and run it again"))
            }
            None => Ok(()),
        }
    }

    /// The system's service does not see every folder.
    fn refuse_unseen(&self, before: &Config, config: &Config) -> Result<(), Failure> {
        let environment = &self.sources.environment;
        if environment.variable(SERVICE_VARIABLE).is_none_or(|kind| kind != "system") {
            return Ok(());
        }
        let known = |root| before.folders.iter().any(|folder| folder.root == root);
        let mut new = config.folders.iter().filter(|folder| !known(folder.root.clone()));
        new.try_for_each(|folder| refuse_hidden(&folder.root))?;
        let known = |target| before.folders.iter().any(|folder| folder.moves_to() == Some(target));
        let mut new = config.folders.iter().filter_map(Folder::moves_to);
        new.try_for_each(|target| if known(target) { Ok(()) } else { refuse_hidden(target) })
    }

    fn hand_over(&self, reload: Reload) -> Result<(), Failure> {
        let none = |session: &mut Option<_>| session.is_none();
        let session = lock(&self.session);
        let waited = self.begun.wait_timeout_while(session, SESSION_PATIENCE, none);
        let session = waited.unwrap_or_else(PoisonError::into_inner).0.clone();
        let (reply, answer) = std::sync::mpsc::channel();
        let message = Message::Reload(Box::new(reload), reply);
        let sent = session.is_some_and(|session| session.send(message).is_ok());
        match sent.then(|| answer.recv()) {
            Some(Ok(taken)) => Ok(taken?),
            // The session ends, and drops what it was asked.
            Some(Err(_)) | None => {
                let words = "the daemon is ending, or cannot write its ledger now";
                Err(Failure::new(Exit::Later, words, "taxiway status"))
            }
        }
    }

    fn say(&self, changed: &[String]) {
        let what = if changed.is_empty() { "nothing changed" } else { &changed.join("; ") };
        tracing::info!("the configuration was read again: {what}");
        if self.common.quiet == 0 && !self.common.json {
            output::tell(&format!("reloaded  {what}"));
        }
    }
}

/// Whether the way to the API is another. What a file of certificates holds may be, under the same
/// name.
fn is_another_way(before: &Config, now: &Config) -> bool {
    let way = |config: &Config| {
        let api = &config.api;
        let times = (api.connect_timeout, api.stall_timeout, api.answer_timeout);
        (times, api.ca_file.clone(), api.send)
    };
    way(before) != way(now) || now.api.ca_file.is_some()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
