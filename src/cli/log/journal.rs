//! systemd's journal, in its own language: an entry is a datagram of fields.
//!
//! Owns:
//! - nobody waits for a journal that does not read: what it has no room for is counted, and it is
//!   told how much that was as soon as it reads again;
//! - an entry that cannot go there is a line on stderr with its priority before it, which the journal
//!   reads as well: nothing is lost for want of a socket.
//!
//! Lines of our own instead of tracing-journald: what happens to files is no tracing event, and its
//! fields are not known when this is compiled.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Map, Value};

use super::{Severity, prioritised};

/// Where the journal takes entries.
const SOCKET: &str = "/run/systemd/journal/socket";
/// The longest value, in bytes: an entry has to fit into one datagram.
const LONGEST: usize = 16 * 1024;

/// The journal.
pub(super) struct Journal {
    place: PathBuf,
    socket: Option<UnixDatagram>,
    /// Entries that there was no room for, and that nothing was said of.
    lost: AtomicU64,
}

/// What became of an entry.
#[derive(PartialEq, Eq)]
enum Sent {
    Taken,
    /// There is no room for it now.
    Full,
    /// There is nobody who takes it.
    Refused,
}

impl Journal {
    /// The one of this machine.
    pub(super) fn of_system() -> Journal {
        Journal::at(place())
    }

    fn at(place: PathBuf) -> Journal {
        let socket = UnixDatagram::unbound().ok();
        let socket = socket.filter(|socket| socket.set_nonblocking(true).is_ok());
        Journal { place, socket, lost: AtomicU64::new(0) }
    }

    /// Writes an entry, and before it what is to be said of those that were lost.
    pub(super) fn write(&self, severity: Severity, message: &str, fields: &Map<String, Value>) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let entries = if lost == 1 { "1 entry".to_owned() } else { format!("{lost} entries") };
        let words = format!("{entries} of this log were lost: the journal did not read");
        if lost > 0 && !self.say(Severity::Warning, &words, &Map::new()) {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        } else if !self.say(severity, message, fields) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether it was taken, if not by the journal then by what the journal reads.
    fn say(&self, severity: Severity, message: &str, fields: &Map<String, Value>) -> bool {
        match self.send(&entry(severity, message, fields)) {
            Sent::Taken => true,
            Sent::Full => false,
            Sent::Refused if has_room(&std::io::stderr()) => {
                let _ = prioritised(severity, message);
                true
            }
            Sent::Refused => false,
        }
    }

    fn send(&self, entry: &[u8]) -> Sent {
        let Some(socket) = &self.socket else { return Sent::Refused };
        match socket.send_to(entry, &self.place) {
            Ok(_) => Sent::Taken,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Sent::Full,
            Err(_) => Sent::Refused,
        }
    }
}

/// Whether a line can be written there without a wait.
fn has_room(to: &impl AsFd) -> bool {
    let mut polled = [PollFd::new(to, PollFlags::OUT)];
    poll(&mut polled, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// Whether stderr is the stream that this variable names, which a service's is: `DEVICE:INODE`.
pub(super) fn is_stderr(stream: Option<&OsStr>) -> bool {
    let named = stream.and_then(OsStr::to_str).and_then(|stream| stream.split_once(':'));
    let Some((device, inode)) = named else { return false };
    let stderr = rustix::fs::fstat(std::io::stderr());
    stderr.is_ok_and(|stat| {
        // As texts: the numbers are of other types elsewhere.
        device == stat.st_dev.to_string() && inode == stat.st_ino.to_string()
    })
}

fn place() -> PathBuf {
    #[cfg(debug_assertions)]
    if let Some(place) = std::env::var_os("TAXIWAY_TEST_JOURNAL") {
        return place.into();
    }
    SOCKET.into()
}

fn entry(severity: Severity, message: &str, fields: &Map<String, Value>) -> Vec<u8> {
    let mut entry = Vec::new();
    put(&mut entry, "MESSAGE", message);
    put(&mut entry, "PRIORITY", &(severity as u8).to_string());
    put(&mut entry, "SYSLOG_IDENTIFIER", "taxiway");
    for (key, value) in fields {
        let value = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let key: String = key.chars().map(plain).take(50).collect();
        put(&mut entry, &format!("TAXIWAY_{key}"), &value);
    }
    entry
}

/// A field; one whose value has several lines says how long it is.
fn put(entry: &mut Vec<u8>, key: &str, value: &str) {
    let end = value.floor_char_boundary(LONGEST);
    let value = &value[..end];
    entry.extend(key.as_bytes());
    if value.contains('\n') {
        entry.push(b'\n');
        entry.extend((value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend(value.as_bytes());
    entry.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entry_has_a_field_a_line_and_says_how_long_what_has_several_lines_is() {
        let Value::Object(fields) =
            json!({ "asset_id": "a", "size": 3, "reason": null, "x.y": "1\n2" })
        else {
            panic!("an object")
        };
        let entry = entry(Severity::Warning, "failed  /a", &fields);
        let expected: &[u8] = b"MESSAGE=failed  /a\nPRIORITY=4\nSYSLOG_IDENTIFIER=taxiway\n\
            TAXIWAY_ASSET_ID=a\nTAXIWAY_SIZE=3\nTAXIWAY_X_Y\n\x03\0\0\0\0\0\0\x001\n2\n";
        assert_eq!(String::from_utf8_lossy(&entry), String::from_utf8_lossy(expected));
    }

    #[test]
    fn a_journal_that_does_not_read_holds_nobody_up_and_is_told_how_much_it_missed() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().join("journal");
        let reader = UnixDatagram::bind(&place).expect("a socket");
        reader.set_nonblocking(true).expect("a mode");
        let read = || {
            let mut buffer = [0; 1_024];
            let entries = std::iter::from_fn(|| {
                let read = reader.recv(&mut buffer).ok()?;
                let entry = String::from_utf8_lossy(&buffer[..read]).into_owned();
                Some(entry.lines().next().unwrap_or_default().to_owned())
            });
            entries.collect::<Vec<String>>()
        };
        let journal = std::sync::Arc::new(Journal::at(place));
        // From a thread, so that an entry that waits fails this test, and does not hang it.
        let (done, end) = std::sync::mpsc::channel();
        let writes = std::sync::Arc::clone(&journal);
        std::thread::spawn(move || {
            for at in 0..10_000 {
                writes.write(Severity::Info, &at.to_string(), &Map::new());
            }
            done.send(()).expect("a listener");
        });
        end.recv_timeout(std::time::Duration::from_secs(60)).expect("it waits for nobody");
        let taken = read().len();
        journal.write(Severity::Info, "on", &Map::new());
        journal.write(Severity::Info, "and on", &Map::new());
        let lost = 10_000 - taken;
        let words =
            format!("MESSAGE={lost} entries of this log were lost: the journal did not read");
        assert_eq!(read(), [&*words, "MESSAGE=on", "MESSAGE=and on"]);
    }

    #[test]
    fn what_a_full_pipe_has_no_room_for_is_not_waited_for() {
        let (read, mut write) = std::io::pipe().expect("a pipe");
        assert!(has_room(&write));
        // It takes 64 KiB, and is full from then on: this is as much.
        std::io::Write::write_all(&mut write, &[0; 65_536]).expect("written");
        assert!(!has_room(&write));
        drop(read);
    }

    #[test]
    fn a_long_value_is_cut_between_letters() {
        let mut entry = Vec::new();
        put(&mut entry, "MESSAGE", &"ä".repeat(LONGEST));
        assert_eq!(entry.len(), "MESSAGE=\n".len() + LONGEST);
    }

    #[test]
    fn stderr_is_the_journals_only_if_the_variable_names_that_very_stream() {
        let stat = rustix::fs::fstat(std::io::stderr()).expect("stderr");
        let of = |text: String| is_stderr(Some(OsStr::new(&text)));
        assert!(of(format!("{}:{}", stat.st_dev, stat.st_ino)));
        assert!(!of(format!("{}:{}", stat.st_dev, stat.st_ino + 1)));
        assert!(!of("journal".to_owned()));
        assert!(!is_stderr(None));
    }
}
