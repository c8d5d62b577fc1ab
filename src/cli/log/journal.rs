//! systemd's journal, in its own language: an entry is a datagram of fields.
//!
//! Owns:
//! - an entry that the journal does not take is a line on stderr with its priority before it, which
//!   the journal reads as well: nothing is lost for want of a socket.
//!
//! Lines of our own instead of tracing-journald: what happens to files is no tracing event, and its
//! fields are not known when this is compiled.

use std::ffi::OsStr;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

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
}

impl Journal {
    /// The one of this machine.
    pub(super) fn of_system() -> Journal {
        let place = place();
        let socket = UnixDatagram::unbound().ok();
        Journal { place, socket }
    }

    /// Writes an entry.
    pub(super) fn write(&self, severity: Severity, message: &str, fields: &Map<String, Value>) {
        let entry = entry(severity, message, fields);
        let taken = match &self.socket {
            Some(socket) => socket.send_to(&entry, &self.place).is_ok(),
            None => false,
        };
        if !taken {
            let _ = prioritised(severity, message);
        }
    }
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
