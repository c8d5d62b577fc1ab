//! The daemon's side of the control socket, and of TCP beside it: connections, and what bounds them.
//!
//! Owns:
//! - it has a thread of its own, and nothing that a client does or leaves undone reaches the loop
//!   but whole wishes: requests are bounded in number, size and time;
//! - users of this machine who are not ours take up half of the places of TCP at most;
//! - the socket is there while the server is, is ours alone or our group's, and what a dead process left in its
//!   place is taken away by whoever holds the lock.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener as Listener;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::app::{App, Reload};
use super::guard::{self, Guard};
use super::heartbeat;
use super::page::{self, Moving};
use super::place::Place;
use super::routes;
use super::standing::Standing;
use super::stream::{Endless, Heard};
use super::tcp;
use super::whence::{Owner, Whence};
use crate::config::Config;
use crate::daemon::Message;

/// The configuration that holds.
type Configs = watch::Receiver<Arc<Config>>;

/// How long to wait after a failed `accept`, which is nearly always a lack of descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// The most that a request's head may have, in bytes.
const HEAD_MOST: usize = 16 * 1024;
/// Ledgers read, and questions to disks waited for, at once: more than the page takes up.
const BLOCKING_MOST: usize = 8;

/// What bounds a client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Connections at once; further ones wait.
    pub(super) connections: usize,
    /// How long a head, a body, or the reading of an answer may take.
    pub(super) patience: Duration,
    /// How long answers may take that are under way when the server ends.
    pub(super) grace: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            connections: 64,
            patience: Duration::from_secs(10),
            grace: Duration::from_millis(500),
        }
    }
}

/// The control socket, served. Ends when it is dropped, and takes the socket away.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    socket: PathBuf,
    cancel: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens for questions about the ledger of this configuration, whose lock the caller holds:
    /// on the socket, and where the configuration says so, as it does at each time.
    ///
    /// # Errors
    /// If the socket cannot be had.
    pub fn start(
        config: Configs,
        reload: Reload,
        place: Place,
        standing: Standing,
    ) -> io::Result<Server> {
        Server::bounded(config, reload, place, standing, Bounds::default())
    }

    pub(super) fn bounded(
        config: Configs,
        reload: Reload,
        place: Place,
        standing: Standing,
        bounds: Bounds,
    ) -> io::Result<Server> {
        place.prepare()?;
        let listener = listen(&place.socket, place.mode())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(BLOCKING_MOST)
            .thread_name("control")
            .enable_all()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            UnixListener::from_std(listener)?
        };
        let cancel = CancellationToken::new();
        let app = Arc::new(App::new(config, reload, standing, bounds.patience, cancel.clone()));
        let door = Door { router: routes::of_socket(Arc::clone(&app)), guard: None };
        let socket = serve(listener, door, bounds, cancel.clone());
        let beside = tcp::listen(Arc::clone(&app), bounds, cancel.clone());
        let for_page = tcp::listen_for_page(Arc::clone(&app), bounds, cancel.clone());
        let beating = heartbeat::beat(Arc::clone(&app));
        let serving = async { tokio::join!(socket, beside, for_page, beating) };
        tidy(app.config())?;
        let thread = std::thread::Builder::new().name("control".into()).spawn(move || {
            runtime.block_on(serving);
            runtime.shutdown_background();
        })?;
        Ok(Server { app, socket: place.socket, cancel, thread: Some(thread) })
    }

    /// Whether anybody listens to what happens.
    pub fn has_listeners(&self) -> bool {
        self.app.has_listeners()
    }

    /// Tells whoever listens.
    pub fn hear(&self, heard: Heard) {
        self.app.hear(heard);
    }

    /// From now on wishes go to this session.
    pub fn tell(&self, session: Sender<Message>) {
        self.app.tell(session);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // First: whoever comes now finds nobody, and asks the lock.
        let _ = std::fs::remove_file(&self.socket);
        self.cancel.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Removes what drops of dead processes left, beside everything else: a disk may hang.
fn tidy(config: Arc<Config>) -> io::Result<()> {
    let tidied = std::thread::Builder::new().name("leftovers".into()).spawn(move || {
        let roots: Vec<PathBuf> = config.folders.iter().map(|folder| folder.root.clone()).collect();
        page::tidy(&config.state_dir, &roots, SystemTime::now());
    });
    tidied.map(drop)
}

/// Binds the socket, in place of one that nobody listens to any more.
fn listen(socket: &Path, mode: u32) -> io::Result<Listener> {
    match std::fs::symlink_metadata(socket) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(socket)?,
        Ok(_) => {
            let why = format!("{} is in the way", crate::text::shown(socket));
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        Err(_) => {}
    }
    let listener = Listener::bind(socket)?;
    // Until here the directory alone keeps others out, and it is ours.
    std::fs::set_permissions(socket, Permissions::from_mode(mode))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// What connections come in by.
pub(super) trait Listen {
    /// One of them.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next one, and where it comes from.
    fn next(&self) -> impl Future<Output = io::Result<(Self::Stream, Whence)>> + Send;
}

impl Listen for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<(UnixStream, Whence)> {
        let stream = self.accept().await?.0;
        let user = stream.peer_cred().ok().map(|who| who.uid());
        Ok((stream, Whence::Socket(user)))
    }
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<(TcpStream, Whence)> {
        let (stream, other) = self.accept().await?;
        let here = stream.local_addr()?;
        Ok((stream, Whence::Tcp(other, here)))
    }
}

/// What a request comes to, and who may come in.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) router: Router,
    /// None where the system itself keeps others out.
    pub(super) guard: Option<Arc<Guard>>,
}

pub(super) async fn serve(
    listener: impl Listen,
    door: Door,
    bounds: Bounds,
    cancel: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(bounds.connections));
    // Who does not come in can still stand in the door.
    let of_others = Arc::new(Semaphore::new(bounds.connections.div_ceil(2)));
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, from, place)) => {
                let owner = from.owner();
                let among = match door.guard.is_some() && owner.is_another() {
                    true => Arc::clone(&of_others).try_acquire_owned().map(Some),
                    false => Ok(None),
                };
                let Ok(among) = among else { continue };
                let (door, cancel) = (door.clone(), cancel.clone());
                tasks.spawn(async move {
                    let _places = (place, among);
                    connection(stream, owner, door, bounds, cancel).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket cannot accept a connection");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
    tasks.close();
    tasks.wait().await;
}

/// The next connection, once there is a place for it.
async fn accept<L: Listen>(
    listener: &L,
    places: &Arc<Semaphore>,
) -> io::Result<(L::Stream, Whence, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, from) = listener.next().await?;
    Ok((stream, from, place))
}

/// Serves one request.
async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    owner: Owner,
    door: Door,
    bounds: Bounds,
    cancel: CancellationToken,
) {
    let answered = Arc::new(Notify::new());
    let told = Arc::clone(&answered);
    let moving = Arc::new(OnceLock::<Moving>::new());
    let moves = Arc::clone(&moving);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        let (Door { router, guard }, told) = (door.clone(), Arc::clone(&told));
        let moves = Arc::clone(&moves);
        async move {
            let admitted = guard.as_ref().map_or(Ok(()), |guard| guard.admit(&request, owner));
            request.extensions_mut().insert(owner);
            let is_tcp = guard.is_some();
            if let Some(guard) = guard {
                request.extensions_mut().insert(guard);
            }
            let mut response = match admitted {
                Ok(()) => router.oneshot(request.map(Body::new)).await,
                Err(refusal) => Ok(guard::kept_out(&refusal, request.uri().path())),
            };
            if is_tcp {
                response = response.map(guard::sealed);
            }
            let long = response.as_ref().ok().and_then(|it| it.extensions().get::<Moving>());
            if let Some(long) = long {
                // The only request of this connection.
                let _ = moves.set(long.clone());
            }
            let endless = |response: &axum::response::Response| {
                response.extensions().get::<Endless>().is_some()
            };
            if !response.as_ref().is_ok_and(endless) {
                told.notify_one();
            }
            response
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.patience)
        .max_buf_size(HEAD_MOST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let unread = async {
        answered.notified().await;
        let moved = || moving.get().map_or(0, |moving| moving.0.load(Ordering::Relaxed));
        loop {
            let before = moved();
            sleep(bounds.patience).await;
            if moved() == before {
                break;
            }
        }
    };
    tokio::select! {
        // Clients go away all the time.
        served = serving.as_mut() => if let Err(error) = served {
            tracing::debug!(%error, "a connection to the control socket ended early");
        },
        () = unread => tracing::debug!("a client of the control socket does not read its answer"),
        () = cancel.cancelled() => {
            serving.as_mut().graceful_shutdown();
            let _ = timeout(bounds.grace, serving).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::control::page::Keys;

    /// Connections as they are made by these users.
    struct Knocks(Mutex<Vec<(DuplexStream, Whence)>>);

    impl Listen for Knocks {
        type Stream = DuplexStream;

        async fn next(&self) -> io::Result<(DuplexStream, Whence)> {
            let next = self.0.lock().unwrap().pop();
            match next {
                Some(next) => Ok(next),
                None => std::future::pending().await,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_only_stands_in_the_door_leaves_room_for_those_who_come_in() {
        let us = rustix::process::geteuid().as_raw();
        let users = [us + 1, us + 1, us + 2, us + 1, us + 2, us];
        let pairs = users.map(|user| {
            let (here, there) = duplex(64 * 1_024);
            (there, (here, Whence::Socket(Some(user))))
        });
        let (mut clients, mut knocks): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        knocks.reverse();
        let address = "127.0.0.1:7447".parse().unwrap();
        let guard = Some(Arc::new(Guard::of_page(address, Arc::<Keys>::default())));
        let door = Door { router: Router::new(), guard };
        let bounds = Bounds { connections: 4, ..Bounds::default() };
        let cancel = CancellationToken::new();
        let serving = tokio::spawn(serve(Knocks(Mutex::new(knocks)), door, bounds, cancel.clone()));
        let began = Instant::now();
        let mut ours = clients.pop().unwrap();
        let head = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:7447\r\n\r\n";
        ours.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        ours.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "it came in: {answer}");
        assert_eq!(began.elapsed(), Duration::ZERO, "nobody had to lose patience for it");
        // Two are waited for; further ones are sent away.
        for turned_away in &mut clients[2..] {
            assert_eq!(turned_away.read(&mut [0]).await.unwrap(), 0);
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        cancel.cancel();
        serving.await.unwrap();
    }
}
