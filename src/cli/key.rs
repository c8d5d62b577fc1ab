//! The token in use: found at the start, and looked for again while it may be another.
//!
//! Owns:
//! - a keyring is asked only by who may wait for it, and by nobody while nothing is to be sent: each
//!   use of a token asks if the last answer is a few seconds old, and so does a daemon that waits for
//!   another one;
//! - a token that was good stays in use until there is another, whatever becomes of its source;
//! - who only wants to know which token is in use never waits for somebody who asks for one.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::api;
use crate::config::{Config, Environment};
use crate::daemon::{self, Message, TokenNews, TokenWatch};
use crate::secret::keyring::Trouble;
use crate::secret::{Found, Token, TokenError, TokenSource};
use crate::stamp::Stamp;

use super::Failure;
use super::session::SANDBOX_TOKEN;

/// For how long an answer of a keyring holds: less than the pause before a refused token is tried once
/// more, so that it may be another by then; with a daemon's pause between two looks, less than the
/// 5 s that are promised.
const HOLDS: Duration = Duration::from_millis(1_500);
/// The same of one that let a question wait in vain: uploads with the token in hand are not to wait
/// for it again and again.
const SILENCE_HOLDS: Duration = Duration::from_secs(60);

/// The token, and where it came from.
pub struct Key {
    held: Held,
    terms: Arc<Terms>,
    /// When it was last asked for, and the version of its file then, if it has one.
    asked: Instant,
    tried: Option<Stamp>,
    was_silent: bool,
}

/// Where a token is looked for.
#[derive(Debug)]
struct Terms {
    environment: Environment,
    token_file: PathBuf,
}

#[derive(Debug, Clone)]
enum Held {
    /// A sandbox needs none.
    Sandbox,
    Token(Found),
    /// The keyring may have one, and does not tell; or there was trouble with what it told since.
    Kept(TokenError),
}

impl Key {
    /// Finds the token; a sandbox needs none.
    ///
    /// # Errors
    /// If there is none, or none that can be had now.
    pub fn find(config: &Config, environment: &Environment, sandbox: bool) -> Result<Key, Failure> {
        let key = Key::find_or_wait(config, environment, sandbox)?;
        match key.held {
            Held::Kept(error) => Err(error.into()),
            Held::Sandbox | Held::Token(_) => Ok(key),
        }
    }

    /// The same for who can wait until a keyring is opened.
    ///
    /// # Errors
    /// If there is no token, or none that can be used.
    pub fn find_or_wait(
        config: &Config,
        environment: &Environment,
        sandbox: bool,
    ) -> Result<Key, Failure> {
        let terms = Arc::new(Terms {
            environment: environment.clone(),
            token_file: config.api.token_file.clone(),
        });
        let found = if sandbox { None } else { Some(terms.find()) };
        let held = match found {
            None => Held::Sandbox,
            Some(Ok(found)) => {
                if let Some(warning) = found.warning() {
                    tracing::warn!("{warning}");
                }
                Held::Token(found)
            }
            Some(Err(error @ TokenError::Kept { .. })) => Held::Kept(error),
            Some(Err(error)) => return Err(error.into()),
        };
        Ok(Key { held, terms, asked: Instant::now(), tried: None, was_silent: false })
    }

    /// Which source is in use, in words.
    pub fn source(&self) -> String {
        match &self.held {
            Held::Token(found) => found.source.to_string(),
            Held::Kept(_) => TokenSource::Keyring(self.terms.environment.keyring).to_string(),
            Held::Sandbox => "the sandbox".into(),
        }
    }

    /// See [`Holder::watch`].
    pub fn watch(self) -> (daemon::TokenSource, TokenWatch) {
        Holder::of(self).watch()
    }

    fn token(&self) -> Option<&Token> {
        match &self.held {
            Held::Token(found) => Some(&found.token),
            Held::Sandbox | Held::Kept(_) => None,
        }
    }

    fn lack(&self) -> Option<String> {
        match &self.held {
            Held::Kept(TokenError::Kept { trouble, .. }) => Some(trouble.to_string()),
            Held::Kept(error) => Some(error.to_string()),
            Held::Sandbox | Held::Token(_) => None,
        }
    }

    fn is_of_keyring(&self) -> bool {
        match &self.held {
            Held::Token(found) => matches!(found.source, TokenSource::Keyring(_)),
            Held::Kept(_) => true,
            Held::Sandbox => false,
        }
    }

    /// What has to be looked at to know whether the token may be another; none if it cannot be, or
    /// was asked for a moment ago. `silence`: how long a keyring is left alone that did not answer.
    fn question(&self, silence: Duration) -> Option<Question> {
        let file = match &self.held {
            Held::Sandbox => return None,
            Held::Token(found) => match &found.source {
                TokenSource::Environment(_) | TokenSource::Credential(_) => return None,
                TokenSource::Keyring(_) => None,
                TokenSource::File(_) => Some((found.source.clone(), found.stamp)),
            },
            Held::Kept(_) => None,
        };
        let holds = if self.was_silent { silence } else { HOLDS };
        let is_old = self.asked.elapsed() >= holds;
        let (tried, terms) = (self.tried, Arc::clone(&self.terms));
        (is_old || file.is_some()).then_some(Question { file, tried, is_old, terms })
    }

    /// Takes in what was found, unless something else holds by now.
    fn take_in(&mut self, question: &Question, found: Result<Found, TokenError>) {
        if !Arc::ptr_eq(&self.terms, &question.terms) {
            return;
        }
        self.asked = Instant::now();
        self.tried = question.file.as_ref().and_then(|(source, _)| source.stamp());
        self.was_silent = matches!(&found, Err(TokenError::Kept { trouble: Trouble::Silent, .. }));
        match (&self.held, found) {
            (_, Ok(found)) => self.held = Held::Token(found),
            (Held::Kept(_), Err(error)) => self.held = Held::Kept(error),
            // A screen that is locked locks keyrings: nobody has to do anything about that.
            (_, Err(error @ TokenError::Kept { .. })) if self.is_of_keyring() => {
                tracing::debug!("{error}; the one that it gave before stays in use");
            }
            (_, Err(error)) => tracing::warn!("the token cannot be read any more: {error}"),
        }
    }
}

impl Terms {
    fn find(&self) -> Result<Found, TokenError> {
        self.environment.token(Some(&self.token_file))
    }
}

/// What is to be looked at.
struct Question {
    /// A file, and its version when the token was read from it.
    file: Option<(TokenSource, Option<Stamp>)>,
    /// Its version when it was last read in vain.
    tried: Option<Stamp>,
    /// The last answer is not of a moment ago.
    is_old: bool,
    terms: Arc<Terms>,
}

impl Question {
    /// Looks. None: nothing is another.
    fn answer(&self) -> Option<Result<Found, TokenError>> {
        let goes_on = match &self.file {
            None => self.is_old,
            Some((source, read)) => {
                let now = source.stamp();
                now != *read && (self.is_old || now != self.tried)
            }
        };
        goes_on.then(|| self.terms.find())
    }
}

/// Who holds the key in use, which a reload may change.
#[derive(Clone)]
pub struct Holder(Arc<Hold>);

struct Hold {
    key: Mutex<Key>,
    /// Held by who asks, so that nobody asks twice.
    turn: Mutex<()>,
    /// Somebody looks on behalf of a loop that must not wait.
    looks: AtomicBool,
    session: Mutex<Option<Sender<Message>>>,
}

impl Holder {
    /// With this key.
    pub fn of(key: Key) -> Holder {
        Holder(Arc::new(Hold {
            key: Mutex::new(key),
            turn: Mutex::default(),
            looks: AtomicBool::new(false),
            session: Mutex::default(),
        }))
    }

    /// Takes another key.
    pub fn take(&self, key: Key) {
        *self.key() = key;
    }

    /// The key under another configuration. A keyring that is locked by now gave its token before.
    ///
    /// # Errors
    /// See [`Key::find_or_wait`]; also if a keyring would have to be waited for that was not in use.
    pub fn found_again(
        &self,
        config: &Config,
        environment: &Environment,
        sandbox: bool,
    ) -> Result<Key, Failure> {
        let mut key = Key::find_or_wait(config, environment, sandbox)?;
        if let Held::Kept(error) = &key.held {
            let now = self.key();
            if !now.is_of_keyring() {
                return Err(error.clone().into());
            }
            key.held = now.held.clone();
        }
        Ok(key)
    }

    /// Which source is in use, in words.
    pub fn source(&self) -> String {
        self.key().source()
    }

    /// From now on this session is told when the token is another.
    pub fn tell(&self, session: Sender<Message>) {
        *lock(&self.0.session) = Some(session);
    }

    /// Two ways to ask for the token: as it is now, which may take as long as a keyring may; and at
    /// once, what has become of it since that was last asked.
    pub fn watch(&self) -> (daemon::TokenSource, TokenWatch) {
        let (holder, asked) = (self.clone(), self.clone());
        let mut last = self.key().token().cloned();
        let mut told: Option<String> = None;
        let news = Box::new(move || {
            let (token, lack) = asked.state();
            asked.look();
            if lack != told {
                told.clone_from(&lack);
                if let Some(reason) = lack {
                    return TokenNews::Missing(reason);
                }
            }
            if token == last {
                return TokenNews::Same;
            }
            last = token;
            TokenNews::Another
        });
        let sandbox = Token::parse(SANDBOX_TOKEN).ok().and_then(|token| sendable(&token));
        let token = move || {
            holder.refresh(SILENCE_HOLDS);
            let key = holder.key();
            match &key.held {
                Held::Sandbox => sandbox.clone(),
                Held::Token(found) => sendable(&found.token),
                Held::Kept(_) => None,
            }
        };
        (Box::new(token), news)
    }

    /// Looks whether there is another token by now, and waits for the answer.
    fn refresh(&self, silence: Duration) {
        let _turn = lock(&self.0.turn);
        let Some(question) = self.key().question(silence) else { return };
        if let Some(found) = question.answer() {
            self.key().take_in(&question, found);
        }
    }

    /// The same, without waiting: the session is told.
    fn look(&self) {
        if self.key().question(HOLDS).is_none() || self.0.looks.swap(true, Ordering::AcqRel) {
            return;
        }
        let holder = self.clone();
        let looks = move || {
            let before = holder.state();
            holder.refresh(HOLDS);
            holder.0.looks.store(false, Ordering::Release);
            if holder.state() != before
                && let Some(session) = &*lock(&holder.0.session)
            {
                // One that has ended needs no token.
                let _ = session.send(Message::Token);
            }
        };
        if std::thread::Builder::new().name("token".into()).spawn(looks).is_err() {
            self.0.looks.store(false, Ordering::Release);
        }
    }

    fn state(&self) -> (Option<Token>, Option<String>) {
        let key = self.key();
        (key.token().cloned(), key.lack())
    }

    fn key(&self) -> MutexGuard<'_, Key> {
        lock(&self.0.key)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sendable(token: &Token) -> Option<api::Token> {
    api::Token::parse(token.secret()).ok()
}
