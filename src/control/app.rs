//! What all answers are made from: the ledger, the loop, and who listens.
//!
//! Owns:
//! - a wish is judged by the ledger, granted by the loop, and answered after that is on disk;
//! - what reads from disk holds up nobody who does not.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::{broadcast, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::page::Page;
use super::refusal::{No, Refusal};
use super::standing::Standing;
use super::status::Status;
use super::stream::{BEHIND_MOST, Heard};
use super::wish::{Answer, Judged, Wish};
use crate::config::Config;
use crate::daemon::lock::ledger_path;
use crate::daemon::{Clock, Message, View, Wanted};
use crate::ledger::{Ledger, LedgerError};
use crate::planner::{Command, Wall};

/// How long the loop may take to grant a wish.
const GRANT_PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: &str = "taxiway status";

/// Has the configuration read again, and says what changed, a line each.
pub type Reload = Box<dyn Fn() -> Result<Vec<String>, Refusal> + Send + Sync>;

/// What all answers are made from.
pub(super) struct App {
    config: watch::Receiver<Arc<Config>>,
    reload: Reload,
    /// One reload at a time waits for the loop.
    reloading: tokio::sync::Mutex<()>,
    ledger: PathBuf,
    pub(super) patience: Duration,
    /// None until the first session begins.
    session: watch::Sender<Option<Sender<Message>>>,
    heard: broadcast::Sender<Arc<Heard>>,
    pub(super) standing: Standing,
    pub(super) page: Page,
    /// The server ends.
    ended: CancellationToken,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

impl App {
    pub(super) fn new(
        config: watch::Receiver<Arc<Config>>,
        reload: Reload,
        standing: Standing,
        patience: Duration,
        ended: CancellationToken,
    ) -> App {
        let ledger = ledger_path(&config.borrow().state_dir);
        App {
            config,
            reload,
            reloading: tokio::sync::Mutex::default(),
            ledger,
            patience,
            session: watch::Sender::default(),
            heard: broadcast::Sender::new(BEHIND_MOST),
            standing,
            page: Page::default(),
            ended,
        }
    }

    /// The wall clock.
    pub(super) fn now(&self) -> Wall {
        Clock::start().now().wall
    }

    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// The configuration, and word of each time that it is read again.
    pub(super) fn configs(&self) -> watch::Receiver<Arc<Config>> {
        self.config.clone()
    }

    /// Comes when the server ends.
    pub(super) async fn ends(&self) {
        self.ended.cancelled().await;
    }

    /// The same, for whoever outlives this.
    pub(super) fn end(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Whether anybody listens.
    pub(super) fn has_listeners(&self) -> bool {
        self.heard.receiver_count() > 0
    }

    /// Tells whoever listens.
    pub(super) fn hear(&self, heard: Heard) {
        // Without a listener there is nobody to tell.
        let _ = self.heard.send(Arc::new(heard));
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<Heard>> {
        self.heard.subscribe()
    }

    /// How things stand.
    pub(super) async fn view(&self) -> Result<View, Refusal> {
        let (reply, view) = oneshot::channel();
        self.send(Message::View(reply)).await?;
        replied(view).await
    }

    /// Hands files over to the loop; on disk when this returns.
    pub(super) async fn hand_over(&self, files: Vec<Wanted>) -> Result<(), Refusal> {
        let (reply, done) = oneshot::channel();
        self.send(Message::Push(files, reply)).await?;
        replied(done).await
    }

    async fn send(&self, message: Message) -> Result<(), Refusal> {
        let session = self.session().await;
        let sent = session.is_some_and(|session| session.send(message).is_ok());
        if sent { Ok(()) } else { Err(not_now()) }
    }

    pub(super) fn tell(&self, session: Sender<Message>) {
        self.session.send_replace(Some(session));
    }

    /// The session that is or was; waits for the first one to begin.
    async fn session(&self) -> Option<Sender<Message>> {
        let mut session = self.session.subscribe();
        let begun = timeout(self.patience, session.wait_for(Option::is_some)).await;
        begun.ok()?.ok()?.clone()
    }

    /// Has the loop grant commands, in one step that is on disk when this returns.
    pub(super) async fn grant(&self, commands: Vec<Command>) -> Result<(), Refusal> {
        let (reply, granted) = oneshot::channel();
        self.send(Message::Ask(commands, reply)).await?;
        replied(granted).await
    }
}

async fn replied<T>(reply: oneshot::Receiver<T>) -> Result<T, Refusal> {
    match timeout(GRANT_PATIENCE, reply).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(_)) => Err(not_now()),
        Err(_) => Err(Refusal::new(No::NotNow, "the daemon is busy, and may still do it", AGAIN)),
    }
}

pub(super) fn not_now() -> Refusal {
    Refusal::new(No::NotNow, "the daemon is ending, or cannot write its ledger now", AGAIN)
}

/// The ledger, to be read; none if there is none yet.
pub(super) fn read_ledger(app: &App) -> Result<Option<Ledger>, Refusal> {
    Ledger::read(&app.ledger).map_err(unreadable)
}

/// How things stand at this moment.
pub(super) fn status_of(app: &App, view: &View) -> Result<Status, Refusal> {
    match app.ledger.exists() {
        true => app.standing.status(view).map_err(unreadable),
        false => Err(not_now()),
    }
}

/// Has the configuration read again; gives what changed.
pub(super) async fn reload_now(app: &Arc<App>) -> Result<Vec<String>, Refusal> {
    let _turn = app.reloading.lock().await;
    blocking(app, |app| (app.reload)()).await
}

/// Has a wish judged and granted.
pub(super) async fn wished(
    app: Arc<App>,
    wish: impl FnOnce(&App) -> Result<Wish, Refusal> + Send + 'static,
) -> Result<Vec<Answer>, Refusal> {
    let judged = blocking(&app, move |app| {
        let wish = wish(app)?;
        let ledger = read_ledger(app)?;
        wish.judge(ledger.as_ref(), true).map_err(unreadable)
    });
    let judged: Judged = judged.await?;
    if !judged.commands.is_empty() {
        app.grant(judged.commands.clone()).await?;
    }
    blocking(&app, move |app| {
        let ledger = read_ledger(app)?;
        judged.answers(ledger.as_ref(), true).map_err(unreadable)
    })
    .await
}

/// Runs something that reads from disk, where it holds nobody up.
pub(super) async fn blocking<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let app = Arc::clone(app);
    let done = tokio::task::spawn_blocking(move || work(&app)).await;
    done.unwrap_or_else(|_| {
        let words = "answering failed inside taxiway; please report this";
        Err(Refusal::new(No::Broken, words, "taxiway --version"))
    })
}

pub(super) fn unreadable(error: LedgerError) -> Refusal {
    Refusal::new(No::Broken, error.to_string(), error.hint())
}
