//! The service manager that started this process, and what it is told: readiness, state, signs of
//! life.
//!
//! Owns:
//! - where no manager listens, nothing is said, and nothing costs anything;
//! - what is said holds nobody up, and ends nothing when it is not heard; what must not be lost on a
//!   manager that does not listen for a while is said once it does, in its order;
//! - a reload that is announced is always said to be over, however it ended;
//! - a sign of life is given by whoever calls [`Feeding::turn`], and by nobody else.
//!
//! Lines of our own instead of a crate: it is one datagram, and the crates for it take the variables
//! out of the environment, which no threads may be running for. Hooks get an environment without
//! them anyway.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How soon what a full socket did not take is said again.
const AGAIN: Duration = Duration::from_millis(200);
/// So much is kept for a manager that does not listen: each word but the state is said seldom.
const OWED_MOST: usize = 64;
/// How much longer a start is said to take, each time.
const LONGER: Duration = Duration::from_secs(120);
/// How often that is said.
const LONGER_EVERY: Duration = Duration::from_secs(30);
/// And how often at most: what takes more than an hour hangs.
const LONGER_MOST: u32 = 120;

/// Whoever started this process and wants to hear of it, if anybody does. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Supervisor(Option<Arc<Line>>);

#[derive(Debug)]
struct Line {
    socket: UnixDatagram,
    to: SocketAddr,
    watchdog: Option<Duration>,
    ready: AtomicBool,
    stopping: AtomicBool,
    /// The last state that was told, so that none is told twice.
    status: Mutex<String>,
    owed: Mutex<Owed>,
}

/// What the socket was too full for.
#[derive(Debug, Default)]
struct Owed {
    words: VecDeque<String>,
    /// A thread says it as soon as it can be said.
    is_seen_to: bool,
}

impl Supervisor {
    /// Of this process, as the environment says.
    pub fn of_process() -> Supervisor {
        let supervisor = Supervisor::found(|name| std::env::var_os(name), std::process::id());
        supervisor.unwrap_or_else(|error| {
            tracing::warn!("the service manager cannot be told anything: {error}");
            Supervisor::default()
        })
    }

    /// As these variables say: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    fn found(variable: impl Fn(&str) -> Option<OsString>, pid: u32) -> io::Result<Supervisor> {
        let named = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let Some(name) = named else { return Ok(Supervisor::default()) };
        let number = |name| variable(name).and_then(|text| text.to_str()?.parse::<u64>().ok());
        let ours = number("WATCHDOG_PID").is_none_or(|of| of == u64::from(pid));
        let watchdog = number("WATCHDOG_USEC").filter(|usec| ours && *usec > 0);
        let socket = UnixDatagram::unbound()?;
        // The loop that does the work is among those who speak.
        socket.set_nonblocking(true)?;
        Ok(Supervisor(Some(Arc::new(Line {
            socket,
            to: address(&name)?,
            watchdog: watchdog.map(Duration::from_micros),
            ready: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            status: Mutex::default(),
            owed: Mutex::default(),
        }))))
    }

    /// Whether anybody listens.
    pub fn listens(&self) -> bool {
        self.0.is_some()
    }

    /// It is up: files are uploaded, and questions answered.
    pub fn ready(&self) {
        if let Some(line) = &self.0
            && !line.ready.swap(true, Ordering::AcqRel)
        {
            line.say("READY=1");
        }
    }

    /// How it stands, in one line; said if it is another than the last one.
    pub fn status(&self, text: &str) {
        if let Some(line) = self.0.as_ref().filter(|line| !line.stopping.load(Ordering::Acquire)) {
            line.status(text);
        }
    }

    /// It begins to end. What it is doing otherwise is told no more.
    pub fn stopping(&self) {
        if let Some(line) = &self.0
            && !line.stopping.swap(true, Ordering::AcqRel)
        {
            line.say("STOPPING=1");
            line.status("stopping: no upload begins, and those that are whole have their answer");
        }
    }

    /// It reads its configuration again, until what this gives is dropped. Before it was ready it
    /// has nothing to be ready again from.
    pub fn reloading(&self) -> Reloading {
        let line = self.0.as_ref().filter(|line| line.ready.load(Ordering::Acquire));
        if let Some(line) = line {
            let now = clock_gettime(ClockId::Monotonic);
            let usec = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
            line.say(&format!("RELOADING=1\nMONOTONIC_USEC={usec}"));
        }
        Reloading(line.cloned())
    }

    /// What is done now may take longer than a start usually does, until what this gives is dropped.
    pub fn takes_long(&self, doing: &str) -> TakesLong {
        let Some(line) = self.0.clone() else { return TakesLong { _done: None } };
        line.status(doing);
        let (done, wait) = channel::<()>();
        let more = move || {
            // A stop has its own time.
            let stops = || line.stopping.load(Ordering::Acquire);
            for _ in (0..LONGER_MOST).take_while(|_| !stops()) {
                line.whisper(&format!("EXTEND_TIMEOUT_USEC={}", LONGER.as_micros()));
                if wait.recv_timeout(LONGER_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        // Without a thread the start has the time that it usually has.
        let _ = std::thread::Builder::new().name("patience".into()).spawn(more);
        TakesLong { _done: Some(done) }
    }

    /// Signs of life, for the one loop that is to be restarted when it does not turn.
    pub fn feeding(&self) -> Feeding {
        let every = self.0.as_ref().and_then(|line| line.watchdog);
        Feeding { supervisor: self.clone(), every, fed: None }
    }
}

/// The configuration is being read again.
#[derive(Debug)]
pub struct Reloading(Option<Arc<Line>>);

impl Drop for Reloading {
    fn drop(&mut self) {
        if let Some(line) = &self.0 {
            line.say("READY=1");
        }
    }
}

/// Something takes its time.
#[derive(Debug)]
pub struct TakesLong {
    _done: Option<Sender<()>>,
}

/// Signs of life of a loop.
#[derive(Debug)]
pub struct Feeding {
    supervisor: Supervisor,
    every: Option<Duration>,
    fed: Option<Instant>,
}

impl Feeding {
    /// Of a loop that nobody watches.
    pub fn none() -> Feeding {
        Supervisor::default().feeding()
    }

    /// The loop turns. Says so once a quarter of the time is over, so that one that turns all the
    /// time says it seldom.
    pub fn turn(&mut self) {
        let (Some(every), Some(line)) = (self.every, &self.supervisor.0) else { return };
        if self.fed.is_none_or(|fed| fed.elapsed() >= every / 4) {
            line.whisper("WATCHDOG=1");
            self.fed = Some(Instant::now());
        }
    }

    /// How long until the loop has to turn again: half of the time.
    pub fn next(&self) -> Option<Duration> {
        let every = self.every?;
        let since = self.fed.map_or(every, |fed| fed.elapsed());
        Some((every / 2).saturating_sub(since))
    }
}

impl Line {
    /// Says what has to be heard, now or as soon as it can be.
    fn say(self: &Arc<Line>, words: &str) {
        let mut owed = lock(&self.owed);
        if owed.words.is_empty() && self.send(words) {
            return;
        }
        // Of all states only the last is of interest.
        if words.starts_with("STATUS=") {
            owed.words.retain(|words| !words.starts_with("STATUS="));
        }
        if owed.words.len() < OWED_MOST {
            owed.words.push_back(words.to_owned());
        }
        if !owed.is_seen_to {
            let line = Arc::clone(self);
            let again = move || {
                while line.is_owing() {
                    std::thread::sleep(AGAIN);
                }
            };
            // Without a thread it is said with what is said next.
            let thread = std::thread::Builder::new().name("manager".into()).spawn(again);
            owed.is_seen_to = thread.is_ok();
        }
    }

    /// Says what will be said again in any case.
    fn whisper(self: &Arc<Line>, words: &str) {
        if lock(&self.owed).words.is_empty() {
            self.send(words);
        }
    }

    /// Whether anything is left to be said.
    fn is_owing(&self) -> bool {
        let mut owed = lock(&self.owed);
        while let Some(words) = owed.words.front() {
            if !self.send(words) {
                return true;
            }
            owed.words.pop_front();
        }
        owed.is_seen_to = false;
        false
    }

    /// False if there is no room for it. A manager that is not there hears nothing, and never will.
    fn send(&self, words: &str) -> bool {
        match self.socket.send_to_addr(words.as_bytes(), &self.to) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                tracing::debug!("the service manager does not hear {words:?}: {error}");
                true
            }
            Ok(_) => true,
        }
    }

    fn status(self: &Arc<Line>, text: &str) {
        let text = text.replace('\n', " ");
        let mut last = lock(&self.status);
        if *last != text {
            self.say(&format!("STATUS={text}"));
            *last = text;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A path, or a name that begins with `@` and is in no file system.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(name),
        #[cfg(target_os = "linux")]
        [b'@', hidden @ ..] => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(hidden)
        }
        _ => {
            let name = crate::text::escaped(&name.to_string_lossy());
            let words = format!("NOTIFY_SOCKET={name} is no socket that can be reached");
            Err(io::Error::new(io::ErrorKind::Unsupported, words))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manager of this name, and the variables that name it.
    fn manager(
        name: &OsStr,
        more: &[(&str, &str)],
    ) -> (UnixDatagram, impl Fn(&str) -> Option<OsString> + use<>) {
        let socket = UnixDatagram::bind_addr(&address(name).expect("an address")).expect("bound");
        socket.set_nonblocking(true).expect("a mode");
        let mut variables = vec![("NOTIFY_SOCKET".to_owned(), name.to_owned())];
        variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
        let of = move |name: &str| {
            variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        (socket, of)
    }

    fn heard(socket: &UnixDatagram) -> Vec<String> {
        let mut words = Vec::new();
        let mut buffer = [0; 1_024];
        while let Ok(read) = socket.recv(&mut buffer) {
            words.push(String::from_utf8_lossy(&buffer[..read]).into_owned());
        }
        words
    }

    #[test]
    fn a_manager_hears_of_readiness_once_of_each_state_once_and_nothing_but_the_end_after_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let (socket, variables) = manager(directory.path().join("notify").as_os_str(), &[]);
        let supervisor = Supervisor::found(variables, 1).expect("a supervisor");
        drop(supervisor.reloading());
        assert_eq!(heard(&socket), [""; 0], "it was not ready yet");
        supervisor.ready();
        supervisor.status("all done");
        supervisor.status("all done");
        supervisor.status("one\ntwo");
        supervisor.ready();
        assert_eq!(heard(&socket), ["READY=1", "STATUS=all done", "STATUS=one two"]);
        let reloading = supervisor.reloading();
        let words = heard(&socket);
        let usec = words[0].strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("a time");
        assert!(usec.parse::<u64>().is_ok_and(|usec| usec > 0), "{words:?}");
        drop(reloading);
        assert_eq!(heard(&socket), ["READY=1"]);
        supervisor.stopping();
        supervisor.stopping();
        supervisor.status("all done");
        let words = "STATUS=stopping: no upload begins, and those that are whole have their answer";
        assert_eq!(heard(&socket), ["STOPPING=1", words]);
    }

    #[test]
    fn a_start_that_takes_long_says_so_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let (socket, variables) = manager(directory.path().join("notify").as_os_str(), &[]);
        let supervisor = Supervisor::found(variables, 1).expect("a supervisor");
        let long = supervisor.takes_long("opening the ledger");
        socket.set_nonblocking(false).expect("a mode");
        let mut buffer = [0; 100];
        let mut next = || {
            let read = socket.recv(&mut buffer).expect("a word");
            String::from_utf8_lossy(&buffer[..read]).into_owned()
        };
        assert_eq!(next(), "STATUS=opening the ledger");
        assert_eq!(next(), "EXTEND_TIMEOUT_USEC=120000000");
        drop(long);
    }

    #[test]
    fn a_manager_that_does_not_listen_holds_nobody_up_and_hears_all_that_matters_once_it_does() {
        let directory = tempfile::tempdir().expect("a directory");
        let name = directory.path().join("notify");
        let variables = [("WATCHDOG_USEC", "3600000000")];
        let (socket, variables) = manager(name.as_os_str(), &variables);
        let supervisor = Supervisor::found(variables, 1).expect("a supervisor");
        let others = UnixDatagram::unbound().expect("a socket");
        others.set_nonblocking(true).expect("a mode");
        let noise = std::iter::repeat_with(|| others.send_to(b"NOISE=1", &name).is_ok());
        let noise = noise.take_while(|sent| *sent).count();
        // From a thread, so that a word that waits fails this test, and does not hang it.
        let (done, end) = channel();
        let speaks = supervisor.clone();
        std::thread::spawn(move || {
            speaks.ready();
            for state in 0..1_000 {
                speaks.status(&format!("uploading {state}"));
                speaks.feeding().turn();
            }
            drop(speaks.reloading());
            done.send(()).expect("a listener");
        });
        end.recv_timeout(Duration::from_secs(60)).expect("it waits for nobody");
        socket.set_nonblocking(false).expect("a mode");
        let mut buffer = [0; 100];
        let mut next = || {
            let read = socket.recv(&mut buffer).expect("a word");
            String::from_utf8_lossy(&buffer[..read]).into_owned()
        };
        for _ in 0..noise {
            assert_eq!(next(), "NOISE=1");
        }
        assert_eq!([next(), next()], ["READY=1", "STATUS=uploading 999"]);
        assert!(next().starts_with("RELOADING=1\nMONOTONIC_USEC="));
        assert_eq!(next(), "READY=1");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_manager_without_a_place_in_the_file_system_is_reached_too() {
        let name = format!("@taxiway-test-{}", std::process::id());
        let (socket, variables) = manager(OsStr::new(&name), &[]);
        Supervisor::found(variables, 1).expect("a supervisor").ready();
        assert_eq!(heard(&socket), ["READY=1"]);
    }

    #[test]
    fn a_loop_is_watched_if_the_time_is_meant_for_this_process() {
        let directory = tempfile::tempdir().expect("a directory");
        let name = directory.path().join("notify");
        let (socket, variables) = manager(name.as_os_str(), &[("WATCHDOG_USEC", "3600000000")]);
        let mut feeding = Supervisor::found(variables, 7).expect("a supervisor").feeding();
        assert_eq!(feeding.next(), Some(Duration::ZERO), "at once");
        feeding.turn();
        feeding.turn();
        assert_eq!(heard(&socket), ["WATCHDOG=1"], "not at each turn");
        let half = Duration::from_secs(1_800);
        assert!(feeding.next().is_some_and(|next| next <= half && next > half * 9 / 10));
        let of = |pid: &str| {
            let name = directory.path().join(pid);
            let more = [("WATCHDOG_USEC", "3600000000"), ("WATCHDOG_PID", pid)];
            let (_socket, variables) = manager(name.as_os_str(), &more);
            Supervisor::found(variables, 7).expect("a supervisor").feeding().next()
        };
        assert_eq!(of("7"), Some(Duration::ZERO));
        assert_eq!(of("8"), None, "meant for another process");
        assert_eq!(Feeding::none().next(), None);
    }

    #[test]
    fn where_nobody_listens_nothing_is_said() {
        let none = Supervisor::found(|_| None, 1).expect("none");
        assert!(!none.listens());
        none.ready();
        none.stopping();
        let odd = |_: &str| Some(OsString::from("vsock:2:1234"));
        let error = Supervisor::found(odd, 1).expect_err("no socket").to_string();
        assert_eq!(error, "NOTIFY_SOCKET=vsock:2:1234 is no socket that can be reached");
    }
}
