//! A program that stays up: its events as they come, its end at the latest with the test's.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use serde_json::Value;

use super::PATIENCE;

enum Line {
    Out(String),
    Err(String),
}

/// A running program.
pub struct Daemon {
    child: Child,
    lines: Receiver<Line>,
    /// All events so far.
    pub events: Vec<Value>,
    /// Lines of stdout that are no JSON.
    pub printed: Vec<String>,
    /// Lines of stderr so far.
    pub told: Vec<String>,
    /// Events before this one have been waited for.
    next: usize,
}

impl Daemon {
    /// Starts it.
    pub fn start(mut command: Command) -> Daemon {
        let mut child = command.spawn().expect("the program");
        let (to, lines) = channel();
        let (out, err) =
            (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let also = to.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // A test that has ended listens no more.
                let _ = to.send(Line::Out(line));
            }
        });
        std::thread::spawn(move || {
            for line in BufReader::new(err).lines().map_while(Result::ok) {
                let _ = also.send(Line::Err(line));
            }
        });
        Daemon { child, lines, events: Vec::new(), printed: Vec::new(), told: Vec::new(), next: 0 }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next event of this name.
    #[track_caller]
    pub fn event(&mut self, name: &str) -> Value {
        self.until(name, |event| event["event"] == name)
    }

    /// Waits for the next event of this name and about this path.
    #[track_caller]
    pub fn event_of(&mut self, name: &str, path: &std::path::Path) -> Value {
        let path = path.to_string_lossy().into_owned();
        let what = format!("{name} of {path}");
        self.until(&what, |event| event["event"] == name && event["path"] == *path)
    }

    /// Waits longer than usual for the next event of this name.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub fn event_within(&mut self, name: &str, patience: std::time::Duration) -> Value {
        self.wait(name, |event| event["event"] == name, patience)
    }

    /// Waits for an event of each name and about each path, in whatever order they come.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub fn events_of(&mut self, wanted: &[(&str, &std::path::Path)]) {
        let from = self.next;
        let mut last = from;
        for (name, path) in wanted {
            self.next = from;
            self.event_of(name, path);
            last = last.max(self.next);
        }
        self.next = last;
    }

    /// Waits for a line of stderr.
    #[track_caller]
    pub fn until_told(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.told.iter().any(|line| line.contains(text)) {
            self.take(until, text);
        }
    }

    /// Waits for an event; what came before it has been waited for as well.
    #[track_caller]
    pub fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait(what, wanted, PATIENCE)
    }

    #[track_caller]
    fn wait(
        &mut self,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
        patience: std::time::Duration,
    ) -> Value {
        let until = Instant::now() + patience;
        loop {
            let found = self.events[self.next..].iter().position(&wanted);
            if let Some(at) = found {
                self.next += at + 1;
                return self.events[self.next - 1].clone();
            }
            self.take(until, what);
        }
    }

    /// Waits for the next line of stdout that is no event.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if !self.printed.is_empty() {
                return self.printed.remove(0);
            }
            self.take(until, "a line");
        }
    }

    #[track_caller]
    fn take(&mut self, until: Instant, what: &str) {
        let left = until.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(Line::Out(line)) => match serde_json::from_str(&line) {
                Ok(event) => self.events.push(event),
                Err(_) => self.printed.push(line),
            },
            Ok(Line::Err(line)) => self.told.push(line),
            Err(RecvTimeoutError::Timeout) => {
                panic!("waited in vain: {what}\n{:#?}\n{:#?}", self.events, self.told)
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait().expect("a status");
                let events = &self.events;
                panic!("ended ({status}) before: {what}\n{events:#?}\n{:#?}", self.told)
            }
        }
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for its end; gives its exit code, or 128 and the number of the signal that ended it.
    #[track_caller]
    pub fn ends(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                break status;
            }
            assert!(Instant::now() < until, "does not end: {:#?}\n{:#?}", self.events, self.told);
            std::thread::sleep(std::time::Duration::from_millis(2));
        };
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            match line {
                Line::Out(line) => match serde_json::from_str(&line) {
                    Ok(event) => self.events.push(event),
                    Err(_) => self.printed.push(line),
                },
                Line::Err(line) => self.told.push(line),
            }
        }
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
    }

    /// Ends it as Ctrl-C does.
    #[track_caller]
    pub fn stop(mut self) -> Vec<Value> {
        self.signal("INT");
        assert_eq!(self.ends(), 0, "{:#?}\n{:#?}", self.events, self.told);
        std::mem::take(&mut self.events)
    }

    /// Ends it as a power cut does. Gives what it said on stderr.
    pub fn kill(mut self) -> Vec<String> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if let Line::Err(line) = line {
                self.told.push(line);
            }
        }
        std::mem::take(&mut self.told)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to one process.
pub fn signal(pid: u32, name: &str) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
    let signal = match name {
        "HUP" => rustix::process::Signal::HUP,
        "INT" => rustix::process::Signal::INT,
        "TERM" => rustix::process::Signal::TERM,
        "KILL" => rustix::process::Signal::KILL,
        "STOP" => rustix::process::Signal::STOP,
        "CONT" => rustix::process::Signal::CONT,
        other => panic!("signal {other}"),
    };
    rustix::process::kill_process(pid, signal).expect("the process");
}
