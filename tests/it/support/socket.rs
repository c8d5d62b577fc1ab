//! The control socket, as any program uses it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use super::{PATIENCE, Taxiway};

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The status is this one.
    #[track_caller]
    pub fn is(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The objects of its lines.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        let object = |line: &str| serde_json::from_str(line).expect("an object");
        self.text.lines().map(object).collect()
    }

    /// The only object.
    #[track_caller]
    pub fn object(&self) -> Value {
        let mut objects = self.objects();
        assert_eq!(objects.len(), 1, "{self:?}");
        objects.remove(0)
    }
}

fn connect(taxiway: &Taxiway) -> UnixStream {
    let socket = taxiway.state_dir().join("control.sock");
    let stream = UnixStream::connect(socket).expect("the socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

/// `GET /path` or `POST /path`, and a body.
#[track_caller]
pub fn ask(taxiway: &Taxiway, request: &str, body: &str) -> Answer {
    let mut stream = connect(taxiway);
    // Of 1.0, so that the answer comes without chunks.
    let text = format!("{request} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, text) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, text: text.to_owned() }
}

/// Somebody who listens to the events.
pub struct Listener {
    lines: Receiver<String>,
    /// What was heard so far.
    pub events: Vec<Value>,
    /// Lines that are no events.
    pub comments: Vec<String>,
}

impl Listener {
    /// Listens when this returns.
    #[track_caller]
    pub fn start(taxiway: &Taxiway) -> Listener {
        let mut listener = Listener::deaf(taxiway).listen();
        while listener.comments.is_empty() {
            listener.take();
        }
        listener
    }

    /// One who does not read what is said.
    pub fn deaf(taxiway: &Taxiway) -> Deaf {
        let mut stream = connect(taxiway);
        stream.write_all(b"GET /v1/events HTTP/1.0\r\n\r\n").expect("sent");
        Deaf(stream)
    }

    #[track_caller]
    fn take(&mut self) -> bool {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => match line.strip_prefix("data: ") {
                Some(json) => self.events.push(serde_json::from_str(json).expect("an event")),
                None if line.is_empty() => {}
                None => self.comments.push(line),
            },
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return false,
            Err(error) => panic!("nothing is heard: {error}; {:#?}", self.events),
        }
        true
    }

    /// Listens to the end.
    #[track_caller]
    pub fn ends(&mut self) {
        while self.take() {}
    }
}

/// One who does not read what is said, yet.
pub struct Deaf(UnixStream);

impl Deaf {
    /// Reads from now on.
    pub fn listen(self) -> Listener {
        let (to, lines) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(self.0).lines().map_while(Result::ok);
            // The head comes first.
            for line in lines.skip_while(|line| !line.is_empty()) {
                if to.send(line).is_err() {
                    return;
                }
            }
        });
        Listener { lines, events: Vec::new(), comments: Vec::new() }
    }
}
