//! The control socket: what is answered, and what a client cannot do to the daemon.

use std::io::{Read, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::*;
use crate::config::{Config, Environment, Flags, Sources};
use crate::control::server::{Bounds, Server};
use crate::control::standing::Standing;
use crate::daemon::{Message, Tally};
use crate::engine::Input;
use crate::planner::Event;

/// A daemon without eyes and hands: a ledger on disk, its loop, and the socket beside it.
struct House {
    home: tempfile::TempDir,
    config: Config,
    server: Option<Server>,
    looped: Option<(Sender<Message>, JoinHandle<()>)>,
}

impl House {
    /// With one file that failed, `/d/f.png`, and one that is uploaded, `/d/u.png`.
    fn new() -> House {
        let mut house = House::empty();
        let ledger = house.ledger();
        ledger.folder(Path::new("/d")).unwrap();
        ledger.account(Some("a@x")).unwrap();
        write(&ledger, &[link("/d/f.png", 1), link("/d/u.png", 2), fail(1), uploaded(2)]);
        let (out, inbox) = channel();
        let looped = std::thread::spawn(move || {
            let mut engine = Engine::new(ledger, Limits::default(), Vec::new(), NOW).unwrap();
            while let Ok(Message::Ask(commands, reply)) = inbox.recv() {
                let asked = commands.into_iter().map(|command| Input::Event(Event::Asked(command)));
                engine.step(NOW, asked.collect()).unwrap();
                let _ = reply.send(());
            }
        });
        house.server.as_ref().unwrap().tell(out.clone());
        house.looped = Some((out, looped));
        house
    }

    /// With a socket, and no loop.
    fn empty() -> House {
        let home = tempfile::tempdir().unwrap();
        let place = |name: &str| Some(home.path().join(name));
        let environment = Environment {
            home: place(""),
            config_dir: place("config"),
            state_dir: place("state"),
            ..Environment::default()
        };
        std::fs::create_dir(home.path().join("state")).unwrap();
        let sources = Sources { environment, flags: Flags::default() };
        let config = Config::load(&sources).unwrap().config;
        let mut house = House { home, config, server: None, looped: None };
        house.open();
        house
    }

    fn place(&self) -> Place {
        Place::of(&self.config.state_dir, None)
    }

    fn configs(&self) -> tokio::sync::watch::Receiver<std::sync::Arc<Config>> {
        tokio::sync::watch::channel(std::sync::Arc::new(self.config.clone())).1
    }

    fn open(&mut self) {
        let bounds = Bounds {
            connections: 4,
            patience: Duration::from_millis(300),
            grace: Duration::from_millis(100),
        };
        let (configs, place) = (self.configs(), self.place());
        let server = Server::bounded(configs, no_reload(), place, self.standing(), bounds);
        self.server = Some(server.unwrap());
    }

    fn standing(&self) -> Standing {
        Standing::new(self.config.state_dir.join("ledger.sqlite3"), Tally::default())
    }

    fn ledger(&self) -> Ledger {
        let path = self.config.state_dir.join("ledger.sqlite3");
        Ledger::open(&path, "https://api.test", 7, NOW.wall).unwrap()
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.place().socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends these bytes, and reads until the end.
    fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        heard(stream)
    }

    /// A request with a body; status and body of the answer.
    fn post(&self, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        parsed(&self.say(format!("{head}{body}").as_bytes()))
    }

    fn get(&self, path: &str) -> (u16, String) {
        parsed(&self.say(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()))
    }

    fn state(&self, path: &str) -> State {
        let path_of = self.config.state_dir.join("ledger.sqlite3");
        let ledger = Ledger::read(&path_of).unwrap().unwrap();
        ledger.row_of(Path::new(path), true).unwrap().unwrap().state
    }
}

fn no_reload() -> Reload {
    Box::new(|| Ok(Vec::new()))
}

impl Drop for House {
    fn drop(&mut self) {
        self.server = None;
        if let Some((out, looped)) = self.looped.take() {
            drop(out);
            looped.join().unwrap();
        }
    }
}

fn heard(mut stream: UnixStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is cut ends what was heard so far.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

#[track_caller]
fn parsed(answer: &str) -> (u16, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

#[test]
fn a_wish_is_answered_once_it_is_on_disk() {
    let house = House::new();
    let (status, body) = house.post("/v1/retry", r#"{"paths":["/d/f.png"]}"#);
    assert_eq!(status, 200, "{body}");
    let row: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&row["path"], &row["state"]), (&"/d/f.png".into(), &"queued".into()), "{row}");
    assert_eq!(house.state("/d/f.png"), State::Queued);
    let (status, body) = house.post("/v1/retry", r#"{"all":true}"#);
    assert_eq!((status, body.as_str()), (200, "{\"schema\":1,\"retried\":0}\n"));
    let (status, body) =
        house.post("/v1/forget", r#"{"paths":["/d/u.png"],"email":null,"yes":true}"#);
    assert_eq!(status, 200, "{body}");
    assert_eq!(house.state("/d/u.png"), State::Queued);
}

#[test]
fn what_is_not_granted_is_an_error_object_with_its_status() {
    let house = House::new();
    let (status, body) = house.post("/v1/retry", r#"{"paths":["/d/u.png"]}"#);
    assert_eq!(status, 409);
    assert_eq!(
        body,
        "{\"schema\":1,\"error\":\"/d/u.png is not failed: it is uploaded as \
         user:1-runwayml:a@x-asset:2\",\"hint\":\"taxiway why /d/u.png\",\"exit\":1}\n"
    );
    for (path, body, status) in [
        ("/v1/retry", r#"{"paths":["/d/none.png"]}"#, 404),
        ("/v1/resolve", r#"{"paths":["/d/f.png"],"retry":true}"#, 409),
        ("/v1/forget", r#"{"paths":["/d/u.png"]}"#, 428),
        ("/v1/retry", r#"{"paths":["/d/f.png"],"force":true}"#, 400),
        ("/v1/retry", "[]", 400),
        ("/v1/retry", r#"{"paths":["/d/f.png","/d/u.png"]}"#, 207),
        ("/v1/nothing", "{}", 404),
        ("/v1/why", "{}", 405),
    ] {
        let (found, answer) = house.post(path, body);
        assert_eq!(found, status, "{path} {body}: {answer}");
        let last = answer.lines().last().unwrap();
        let object: serde_json::Value = serde_json::from_str(last).unwrap();
        assert_eq!(object.as_object().unwrap().len(), 4, "{answer}");
    }
    assert_eq!(house.state("/d/u.png"), State::Uploaded);
}

#[test]
fn a_history_is_told() {
    let house = House::new();
    let (status, body) = house.get("/v1/why?path=%2Fd%2Fu.png");
    assert_eq!(status, 200);
    let object: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(object["state"], "uploaded");
    assert_eq!(object["decisions"][0]["detail"], "told");
    assert_eq!(house.get("/v1/why?path=/d/none.png").0, 404);
    assert_eq!(house.get("/v1/why").0, 400);
}

#[test]
fn the_client_understands_the_server() {
    let house = House::new();
    let paths: Vec<PathBuf> = ["/d/u.png", "/d/f.png", "/d/none.png"].map(PathBuf::from).into();
    let answers = ask(&house.place(), &Wish::Retry { paths }).unwrap();
    let refused = |answer: &Answer| matches!(answer, Answer::Refused(_));
    assert_eq!(answers.iter().map(refused).collect::<Vec<_>>(), [true, false, true]);
    let many: Vec<PathBuf> = (0..250).map(|n| format!("/d/{n}.png").into()).collect();
    assert_eq!(ask(&house.place(), &Wish::Retry { paths: many }).unwrap().len(), 250);
    let refused = ask(&house.place(), &forget("/d/u.png", None, false)).unwrap();
    assert!(matches!(refused.as_slice(), [Answer::Refused(refusal)] if refusal.wants_a_yes()));
    let wrong = resolve("/d/u.png", None);
    assert_eq!(ask(&house.place(), &wrong).unwrap().len(), 1);
}

#[test]
fn nobody_but_us_reaches_it_and_it_goes_with_the_server() {
    let mut house = House::empty();
    let socket = house.place().socket;
    assert_eq!(socket, house.home.path().canonicalize().unwrap().join("state/control.sock"));
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    house.server = None;
    assert!(!socket.exists());
    let asked = ask(&house.place(), &Wish::RetryAll);
    assert!(matches!(asked, Err(ClientError::Nobody(_))), "{asked:?}");
    // What a killed process left is replaced, what is no socket is left alone.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(matches!(ask(&house.place(), &Wish::RetryAll), Err(ClientError::Nobody(_))));
    house.open();
    assert_eq!(house.get("/v1/nothing").0, 404);
    house.server = None;
    std::fs::write(&socket, "mine").unwrap();
    let error = Server::start(house.configs(), no_reload(), house.place(), house.standing());
    let error = error.unwrap_err();
    assert!(error.to_string().ends_with("control.sock is in the way"), "{error}");
    assert_eq!(std::fs::read(&socket).unwrap(), b"mine");
}

#[test]
fn a_wish_that_cannot_be_granted_now_says_so() {
    let house = House::empty();
    drop(house.ledger());
    // No session has begun.
    let (status, body) = house.post("/v1/retry", r#"{"all":true}"#);
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("\"exit\":75"), "{body}");
    // The session has ended.
    let (out, inbox) = channel();
    drop(inbox);
    house.server.as_ref().unwrap().tell(out);
    assert_eq!(house.post("/v1/retry", r#"{"all":true}"#).0, 503);
    // It ends while it is asked.
    let (out, inbox) = channel();
    house.server.as_ref().unwrap().tell(out);
    let ends = std::thread::spawn(move || drop(inbox.recv()));
    assert_eq!(house.post("/v1/retry", r#"{"all":true}"#).0, 503);
    ends.join().unwrap();
}

#[test]
fn garbage_and_silence_hurt_nobody() {
    let house = House::new();
    let retry = || house.post("/v1/retry", r#"{"paths":["/d/f.png"]}"#).0;
    assert!(house.say(b"\x00\xff\r\n\r\n").starts_with("HTTP/1.1 400"));
    let mut long = b"GET / HTTP/1.1\r\nX: ".to_vec();
    long.resize(64 * 1024, b'x');
    let mut stream = house.connect();
    // It may be cut off while it talks.
    let _ = stream.write_all(&long);
    assert!(!heard(stream).contains(" 200 "));
    let head = |rest: &str| format!("POST /v1/retry HTTP/1.1\r\nHost: x\r\n{rest}\r\n\r\n");
    let said = house.say(head("Content-Length: 2000000").as_bytes());
    assert!(said.starts_with("HTTP/1.1 413"));
    assert!(said.contains("the body is cut off, or has more than 1048576 bytes"), "{said}");
    let mut stream = house.connect();
    let body = format!("{{\"all\":true{}}}", " ".repeat(2_000_000));
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let _ = stream.write_all((head("Transfer-Encoding: chunked") + &chunk).as_bytes());
    assert!(!heard(stream).contains(" 200 "));
    // All places are taken by clients that say nothing, or half of it: for a while.
    let began = Instant::now();
    let mut silent: Vec<UnixStream> = (0..3).map(|_| house.connect()).collect();
    silent[1].write_all(b"POST /v1/re").unwrap();
    silent[2].write_all(head("Content-Length: 20").as_bytes()).unwrap();
    silent.push(house.connect());
    assert_eq!(retry(), 200);
    for stream in silent {
        heard(stream);
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(house.state("/d/f.png"), State::Queued);
}

#[test]
fn a_client_that_hangs_does_not_keep_the_server_from_ending() {
    let mut house = House::new();
    let _silent = house.connect();
    let mut half = house.connect();
    half.write_all(b"POST /v1/re").unwrap();
    let began = Instant::now();
    house.server = None;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
