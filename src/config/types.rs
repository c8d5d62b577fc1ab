//! The values that settings can have, each a type that cannot be wrong.
//!
//! Owns:
//! - every e-mail is lower case, every base URL is https or stays on this machine;
//! - what a type prints is what it reads: `parse(x.to_string()) == x`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;
use thiserror::Error;

/// Why a text is not the value it should be: completes "`key` is …: ".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BadValue(pub(super) String);

impl BadValue {
    pub(super) fn new(why: impl Into<String>) -> BadValue {
        BadValue(why.into())
    }
}

/// An account's e-mail, in lower case: two spellings of one account are one value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// The e-mail in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = BadValue;

    /// Checks lightly: one `@` with something on both sides, no white space, no controls.
    fn from_str(text: &str) -> Result<Email, BadValue> {
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(BadValue::new("it has white space inside"));
        }
        match text.split('@').collect::<Vec<_>>()[..] {
            [name, host] if !name.is_empty() && !host.is_empty() => Ok(Email(text.to_lowercase())),
            _ => Err(BadValue::new("it is not NAME@HOST")),
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the API is: scheme, host, port and path, without a slash at the end. `https`, or `http`
/// to a loopback address, so that the token never crosses a network in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    text: String,
    /// Length of scheme, host and port within `text`.
    origin_len: usize,
}

impl BaseUrl {
    /// The API of useapi.net.
    pub const DEFAULT: &str = "https://api.useapi.net/v1/runwayml";

    /// The whole URL; a path such as `/assets/` goes right behind it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port only; `/v2/account` goes behind it.
    pub fn origin(&self) -> &str {
        &self.text[..self.origin_len]
    }
}

impl FromStr for BaseUrl {
    type Err = BadValue;

    /// Stricter than browsers: what they would repair is refused here, so that this reading and
    /// the HTTP client's cannot differ.
    fn from_str(text: &str) -> Result<BaseUrl, BadValue> {
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| BadValue::new("it has no scheme"))?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return Err(BadValue::new("its scheme is neither https nor http")),
        };
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(BadValue::new("a user or password does not belong in it"));
        }
        if path.contains(['?', '#']) {
            return Err(BadValue::new("a query or fragment does not belong in it"));
        }
        let (host, port) = host_and_port(authority)?;
        if scheme == "http" && !is_loopback(&host) {
            return Err(BadValue::new("http:// goes to a loopback address only"));
        }
        let path = path.trim_end_matches('/');
        check_path(path)?;
        let mut url = format!("{scheme}://{host}");
        if let Some(port) = port.filter(|port| *port != default_port) {
            url.push_str(&format!(":{port}"));
        }
        let origin_len = url.len();
        url.push_str(path);
        Ok(BaseUrl { text: url, origin_len })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Default for BaseUrl {
    fn default() -> BaseUrl {
        BaseUrl { text: BaseUrl::DEFAULT.to_owned(), origin_len: "https://api.useapi.net".len() }
    }
}

/// An address that is called to say that all is well: `https`, or `http` to a loopback address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeartbeatUrl(String);

impl HeartbeatUrl {
    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port: what follows is often as good as a password.
    pub fn origin(&self) -> &str {
        let host = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0[host..].find(['/', '?']).map_or(self.0.len(), |at| host + at);
        &self.0[..end]
    }
}

impl FromStr for HeartbeatUrl {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<HeartbeatUrl, BadValue> {
        let end = text.find('?').unwrap_or(text.len());
        let (address, query) = text.split_at(end);
        // Everything but the query is held to what holds for the API's address.
        address.parse::<BaseUrl>()?;
        let legal = |c: char| c.is_ascii_graphic() && !"\"<>\\^`{|}#".contains(c);
        if !query.chars().all(legal) {
            return Err(BadValue::new("its query has a character that must be %-encoded"));
        }
        if crate::secret::may_hold_token(text) {
            return Err(BadValue::new("the token does not belong in it"));
        }
        Ok(HeartbeatUrl(text.to_owned()))
    }
}

impl fmt::Display for HeartbeatUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), BadValue> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host = match bracketed {
        Some(inner) => match inner.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => return Err(BadValue::new("its host is not an IPv6 address")),
        },
        None => {
            let legal = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            if host.is_empty() || !host.chars().all(legal) {
                return Err(BadValue::new("its host is not a host name"));
            }
            host.to_ascii_lowercase()
        }
    };
    let port = match port.map(str::parse::<u16>) {
        None => None,
        Some(Ok(port)) if port != 0 => Some(port),
        Some(_) => return Err(BadValue::new("its port is not a number from 1 to 65535")),
    };
    Ok((host, port))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    }
}

fn check_path(path: &str) -> Result<(), BadValue> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:@".contains(c);
    if !path.chars().all(legal) {
        return Err(BadValue::new("its path has a character that must be %-encoded"));
    }
    if path.split('/').any(|part| part == "." || part == "..") {
        return Err(BadValue::new("its path has . or .. in it"));
    }
    Ok(())
}

/// The name an asset gets: text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTemplate(String);

impl NameTemplate {
    /// What may stand in braces.
    pub const PLACEHOLDERS: [&str; 5] = ["file_name", "stem", "ext", "relative_path", "hash8"];

    /// The template as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for NameTemplate {
    fn default() -> NameTemplate {
        NameTemplate("{file_name}".to_owned())
    }
}

impl FromStr for NameTemplate {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<NameTemplate, BadValue> {
        if text.trim().is_empty() {
            return Err(BadValue::new("it is empty"));
        }
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let inside = rest[at..].strip_prefix('{').and_then(|t| t.split_once('}'));
            let Some((placeholder, after)) = inside else {
                return Err(BadValue::new("a brace has no partner"));
            };
            if !NameTemplate::PLACEHOLDERS.contains(&placeholder) {
                let placeholder = crate::text::escaped(placeholder);
                let why = format!("{{{placeholder}}} is not a placeholder");
                return Err(BadValue(why));
            }
            rest = after;
        }
        Ok(NameTemplate(text.to_owned()))
    }
}

/// What may stand in braces in an argument of `on_uploaded` and `on_failed`.
pub const HOOK_PLACEHOLDERS: [&str; 10] = [
    "event",
    "path",
    "account",
    "hash",
    "media_type",
    "asset_id",
    "asset_url",
    "name",
    "state",
    "reason",
];

/// Each `{word}` of an argument, with its place. Other braces, as JSON has them, are just braces.
pub fn placeholders(argument: &str) -> impl Iterator<Item = (std::ops::Range<usize>, &str)> {
    argument.match_indices('{').filter_map(|(at, _)| {
        let inside = &argument[at + 1..];
        let end = inside.find('}')?;
        let word = &inside[..end];
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let named = !word.is_empty() && word.chars().all(plain);
        named.then_some((at..at + end + 2, word))
    })
}

/// What happens to a file that nobody writes any more although its end is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomplete {
    /// At rest but incomplete for so long: it fails, with the reason.
    FailAfter(Duration),
    /// At rest but incomplete for so long: it is uploaded as it is.
    SendAfter(Duration),
}

impl Incomplete {
    /// How long a file may be at rest and incomplete before anything happens.
    pub const DEFAULT_AFTER: Duration = Duration::from_secs(600);
}

/// What becomes of a file once it is uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterUpload {
    /// It stays where it is.
    Keep,
    /// It is moved into this directory (absolute).
    Move(PathBuf),
    /// It goes to the trash of the desktop.
    Trash,
}

/// Which media facts go out with an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendFacts {
    /// `width`, in pixels.
    pub width: bool,
    /// `height`, in pixels.
    pub height: bool,
    /// `duration`, in seconds.
    pub duration: bool,
}

/// A setting that is one of a few words.
pub(super) trait Choice: Copy + PartialEq + 'static {
    /// Every choice with its word.
    const ALL: &'static [(&'static str, Self)];

    /// The word of this choice.
    fn word(self) -> &'static str {
        let known = Self::ALL.iter().find(|(_, choice)| *choice == self);
        known.map_or("", |(word, _)| word)
    }
}

/// What happens to files that lay in a folder before taxiway saw it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// They are uploaded like all others.
    Upload,
    /// They are left alone until they change.
    Ignore,
}

impl Choice for Existing {
    const ALL: &'static [(&'static str, Existing)] =
        &[("upload", Existing::Upload), ("ignore", Existing::Ignore)];
}

/// What happens when an uploaded file gets other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnChange {
    /// It is uploaded as a new asset.
    Upload,
    /// The first upload stands.
    Ignore,
}

impl Choice for OnChange {
    const ALL: &'static [(&'static str, OnChange)] =
        &[("upload", OnChange::Upload), ("ignore", OnChange::Ignore)];
}

/// How changes in a folder are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// By events where the file system delivers them, by polling where not.
    Auto,
    /// By events.
    Events,
    /// By a scan each `poll_interval`.
    Poll,
}

impl Choice for Mode {
    const ALL: &'static [(&'static str, Mode)] =
        &[("auto", Mode::Auto), ("events", Mode::Events), ("poll", Mode::Poll)];
}

/// In which form a daemon logs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// To the journal if stderr goes there, else as text.
    #[default]
    Auto,
    /// Lines for people, on stderr.
    Text,
    /// An object a line, on stderr.
    Json,
    /// To systemd's journal.
    Journal,
}

impl Choice for LogFormat {
    const ALL: &'static [(&'static str, LogFormat)] = &[
        ("auto", LogFormat::Auto),
        ("text", LogFormat::Text),
        ("json", LogFormat::Json),
        ("journal", LogFormat::Journal),
    ];
}

/// How much a daemon logs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What ends the daemon, or breaks a promise.
    Error,
    /// And what a person should look at.
    #[default]
    Warn,
    /// And what is done.
    Info,
    /// And why.
    Debug,
    /// And everything that happens.
    Trace,
}

impl Choice for LogLevel {
    const ALL: &'static [(&'static str, LogLevel)] = &[
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
}

impl LogLevel {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

/// Shortest time that a setting can name.
const SHORTEST: Duration = Duration::from_millis(10);
/// Longest time that a setting can name: a year, so that sums of times never overflow.
const LONGEST: Duration = Duration::from_secs(8760 * 3600);

/// Reads a duration such as `2s`, `500ms`, `10min` or `1h 30min`, from 10ms to 8760h (a year).
pub fn parse_duration(text: &str) -> Result<Duration, BadValue> {
    let read: SignedDuration =
        text.trim().parse().map_err(|_| BadValue::new("it is not a number with a unit"))?;
    match Duration::try_from(read) {
        Ok(duration) if duration < SHORTEST => Err(BadValue::new("it is shorter than 10ms")),
        Ok(duration) if duration > LONGEST => Err(BadValue::new("it is longer than 8760h")),
        Ok(duration) => Ok(duration),
        Err(_) => Err(BadValue::new("it is negative")),
    }
}

/// Writes a duration so that [`parse_duration`] reads the same one: `1h 30min`.
pub fn duration_text(duration: Duration) -> String {
    const UNITS: [(u128, &str); 6] = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "min"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let mut left = duration.as_nanos();
    let mut parts = Vec::new();
    for (nanos, unit) in UNITS {
        if left >= nanos {
            parts.push(format!("{}{unit}", left / nanos));
            left %= nanos;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// Reads a size in bytes, above zero: `2GB`, `512KiB` (MB = 10⁶, MiB = 2²⁰).
pub(super) fn parse_size(text: &str) -> Result<u64, BadValue> {
    let size: ByteSize =
        text.trim().parse().map_err(|_| BadValue::new("it is not a number with a unit"))?;
    match size.as_u64() {
        0 => Err(BadValue::new("it is zero")),
        u64::MAX => Err(BadValue::new("it is too large")),
        bytes => Ok(bytes),
    }
}

/// Writes a size in bytes exactly, in the unit with the shortest number.
pub(super) fn size_text(bytes: u64) -> String {
    const UNITS: [(u64, &str); 8] = [
        (1 << 40, "TiB"),
        (1_000_000_000_000, "TB"),
        (1 << 30, "GiB"),
        (1_000_000_000, "GB"),
        (1 << 20, "MiB"),
        (1_000_000, "MB"),
        (1 << 10, "KiB"),
        (1_000, "KB"),
    ];
    let exact = UNITS.iter().find(|(unit, _)| bytes.is_multiple_of(*unit));
    match exact {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_braces_is_a_placeholder_and_other_braces_are_braces() {
        let found = |argument| placeholders(argument).map(|(_, word)| word).collect::<Vec<_>>();
        assert_eq!(found("{asset_id}"), ["asset_id"]);
        assert_eq!(found("id={asset_id},{path}"), ["asset_id", "path"]);
        assert_eq!(found(r#"{"text": "{name}"}"#), ["name"]);
        assert_eq!(found("{} {a b} {Path} {unclosed"), [""; 0]);
        assert_eq!(found(r#"{"a":{"b":1}}"#), [""; 0]);
    }
}
