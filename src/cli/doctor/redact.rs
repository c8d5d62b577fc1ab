//! Takes out of a support bundle what is nobody's business: token, e-mails, names of files.
//!
//! Owns:
//! - the token is never in what comes out, whatever it stood in;
//! - a name is the same word throughout one bundle, and no word can be turned back into its name;
//! - where it is not certain that a text holds no path, the rest of the text is left out.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use secrecy::ExposeSecret;
use serde_json::Value;

use crate::secret::{Token, may_hold_token};

/// What stands for a path that is not known.
const SOME_PATH: &str = "(path)";
/// What stands for a value that is not on the list of those that may be shown.
const NOT_SHOWN: &str = "(not shown)";
/// Names that say nothing of their owner.
const PLAIN: [&str; 27] = [
    ".config",
    ".local",
    "Application Support",
    "Applications",
    "Library",
    "Users",
    "Volumes",
    "config",
    "config.toml",
    "control.sock",
    "etc",
    "home",
    "ledger.sqlite3",
    "lib",
    "lock",
    "media",
    "mnt",
    "root",
    "run",
    "sandbox",
    "srv",
    "state",
    "taxiway",
    "tmp",
    "token",
    "usr",
    "var",
];
/// Keys whose values are settings, numbers and words of the program.
const SETTINGS: [&str; 36] = [
    "at",
    "attempts",
    "base_url",
    "bytes_left",
    "bytes_per_second",
    "concurrency",
    "connect_timeout",
    "done",
    "exists",
    "existing",
    "flag",
    "follow_symlinks",
    "hidden",
    "incomplete",
    "kind",
    "last_scan_at",
    "line",
    "listen",
    "missed_by_events",
    "mode",
    "on_change",
    "pid",
    "poll_interval",
    "rate_limit",
    "recursive",
    "rescan_interval",
    "schema",
    "send",
    "sent",
    "settle",
    "sidecar",
    "size",
    "stall_timeout",
    "started_at",
    "state",
    "variable",
];
const MORE_SETTINGS: [&str; 17] = [
    "answer_timeout",
    "failed",
    "format",
    "heartbeat_interval",
    "held",
    "ignored",
    "level",
    "max_file_size",
    "media_type",
    "queued",
    "seen_at",
    "settling",
    "unknown",
    "until",
    "uploaded",
    "uploading",
    "version",
];

/// What has been taken out so far.
pub struct Redactor {
    token: Option<String>,
    home: Option<String>,
    /// The word for each name.
    words: BTreeMap<String, String>,
    /// Paths and names as they stood, and what stands for them.
    known: BTreeMap<String, String>,
}

impl Redactor {
    /// One that knows the token, and what is called `~`.
    pub fn new(token: Option<&Token>, home: Option<&Path>) -> Redactor {
        Redactor {
            token: token.map(|token| token.secret().expose_secret().to_owned()),
            home: home.map(|home| home.to_string_lossy().into_owned()),
            words: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }

    /// What stands for a path.
    pub fn path(&mut self, path: &str) -> String {
        let home = self.home.clone().filter(|home| Path::new(path).starts_with(home));
        let (mut shown, rest) = match &home {
            Some(home) => {
                ("~".to_owned(), Path::new(path).strip_prefix(home).unwrap_or(Path::new(path)))
            }
            None => (String::new(), Path::new(path)),
        };
        let names: Vec<String> = rest
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
                Component::ParentDir => Some("..".to_owned()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
            })
            .collect();
        for name in &names {
            if path.starts_with('/') || !shown.is_empty() {
                shown.push('/');
            }
            shown.push_str(&self.word(name));
        }
        if shown.is_empty() {
            shown.push('/');
        }
        if path.len() > 1 {
            self.known.insert(path.to_owned(), shown.clone());
        }
        shown
    }

    /// The word for a name; the ending stays, because it says what kind of file it is.
    fn word(&mut self, name: &str) -> String {
        if PLAIN.contains(&name) || name == ".." {
            return name.to_owned();
        }
        if let Some(word) = self.words.get(name) {
            return word.clone();
        }
        let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
        let plain = |ending: &&str| {
            ending.len() <= 5 && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let number = self.words.len() + 1;
        let word = match ending.filter(plain) {
            Some(ending) => format!("n{number}.{}", ending.to_lowercase()),
            None => format!("n{number}"),
        };
        self.words.insert(name.to_owned(), word.clone());
        if name.chars().count() >= 4 {
            self.known.insert(name.to_owned(), word.clone());
        }
        word
    }

    /// A text without what must not be in it.
    pub fn text(&self, text: &str) -> String {
        let mut shown = String::new();
        let mut plain = String::new();
        let mut rest = text;
        let mut cut = false;
        while let Some(c) = rest.chars().next() {
            let passed = &text[..text.len() - rest.len()];
            let before = passed.chars().next_back();
            let word = passed.rsplit(char::is_whitespace).next().unwrap_or_default();
            if let Some(token) = self.token.as_ref().filter(|token| rest.starts_with(*token)) {
                plain.push_str("(token)");
                rest = &rest[token.len()..];
            } else if let Some((known, word)) = self.known_at(rest, before) {
                shown.push_str(&emails_redacted(&std::mem::take(&mut plain)));
                shown.push_str(word);
                rest = &rest[known.len()..];
            } else if c == '/' && is_of_path(word, &rest[1..]) {
                cut = true;
                break;
            } else {
                plain.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        shown.push_str(&emails_redacted(&plain));
        if cut {
            shown.push_str(SOME_PATH);
        }
        // What was not known as the token may be one all the same.
        if may_hold_token(&shown) { NOT_SHOWN.to_owned() } else { shown }
    }

    /// A text in which what stands in quotes is somebody's, such as a pattern or a value.
    pub fn quoting(&self, text: &str) -> String {
        self.text(&without_quoted(&without_quoted(text, '`'), '"'))
    }

    /// An object with every value redacted by what its key says it is.
    pub fn value(&mut self, key: &str, value: &Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
            // What a program of the user's printed may hold anything.
            Value::Object(fields) if key == "errands" => {
                let mut fields = fields.clone();
                if let Some(Value::String(reason)) = fields.get_mut("reason") {
                    let kind = reason.split(':').next().unwrap_or_default();
                    *reason = format!("{kind}: {NOT_SHOWN}");
                }
                Value::Object(fields)
            }
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| {
                        // The value of a setting is known by the setting's name.
                        let of = if name == "value" { key } else { name };
                        (name.clone(), self.value(of, value))
                    })
                    .collect(),
            ),
            Value::Array(list) => match key {
                "on_uploaded" | "on_failed" => {
                    Value::String(format!("({} words, not shown)", list.len()))
                }
                _ => list.iter().map(|value| self.value(key, value)).collect(),
            },
            Value::String(text) => Value::String(self.string(key, text)),
        }
    }

    fn string(&mut self, key: &str, text: &str) -> String {
        match key {
            "path" | "token_file" | "ca_file" | "file" | "state_dir" => self.path(text),
            "after_upload" => match text.strip_prefix("move:") {
                Some(directory) => format!("move:{}", self.path(directory)),
                None => text.to_owned(),
            },
            "email" | "account" | "reason" => self.text(text),
            "include" | "exclude" => pattern(text),
            "name" => template(text),
            key if SETTINGS.contains(&key) || MORE_SETTINGS.contains(&key) => self.text(text),
            _ => NOT_SHOWN.to_owned(),
        }
    }

    /// The longest known path or name that a text begins with, and that ends where a name may.
    fn known_at<'a>(&'a self, text: &str, before: Option<char>) -> Option<(&'a str, &'a str)> {
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let mut longest: Option<(&str, &str)> = None;
        for (known, word) in &self.known {
            if longest.is_some_and(|(best, _)| best.len() >= known.len()) {
                continue;
            }
            let Some(after) = text.strip_prefix(known.as_str()) else { continue };
            let mut after = after.chars();
            let (next, then) = (after.next(), after.next());
            let goes_on = inside(next) || next == Some('-') || next == Some('.') && inside(then);
            if !goes_on && !inside(before) {
                longest = Some((known, word));
            }
        }
        longest
    }
}

/// An e-mail, or whatever looks like one, without its name: `m…@example.com`.
fn emails_redacted(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let ends = |c: char| c.is_whitespace() || "/:,;'\"<>()[]=`".contains(c);
        let begin = rest[..at]
            .rfind(ends)
            .map_or(0, |begin| begin + rest[begin..].chars().next().map_or(1, char::len_utf8));
        shown.push_str(&rest[..begin]);
        if let Some(first) = rest[begin..at].chars().next() {
            shown.push(first);
            shown.push('…');
        }
        shown.push('@');
        rest = &rest[at + 1..];
    }
    shown + rest
}

/// Whether a slash belongs to a path that somebody named, and not to the rest of an address, a type
/// or a unit. `word`: what stands before it in the same word.
fn is_of_path(word: &str, after: &str) -> bool {
    if after.is_empty() || after.starts_with(char::is_whitespace) {
        return false;
    }
    // The two slashes of `https://`, and all that follow in the same word.
    let of_address = word.contains("://")
        || word.ends_with(":/")
        || (word.ends_with("http:") || word.ends_with("https:")) && after.starts_with('/');
    let before: String = word.chars().rev().take_while(|c| c.is_alphanumeric()).collect();
    let before: String = before.chars().rev().collect();
    let plain = ["image", "video", "audio", "bytes", "kB", "MB", "GB", "KB", "KiB", "MiB", "GiB"];
    !of_address && !plain.contains(&before.as_str())
}

/// A text whose part between the first and the last of these marks is taken out.
fn without_quoted(text: &str, mark: char) -> String {
    match (text.find(mark), text.rfind(mark)) {
        (Some(first), Some(last)) if first < last => {
            format!("{}{mark}…{mark}{}", &text[..first], &text[last + mark.len_utf8()..])
        }
        (_, _) => text.to_owned(),
    }
}

/// A pattern, if it is about an ending only.
fn pattern(pattern: &str) -> String {
    let ending = pattern.strip_prefix("*.").unwrap_or_default();
    let plain = !ending.is_empty() && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { pattern.to_owned() } else { NOT_SHOWN.to_owned() }
}

/// A template of names, if nothing but placeholders says anything in it.
fn template(template: &str) -> String {
    let outside = template.split('{').flat_map(|part| part.rsplit('}').next());
    let plain = outside.flat_map(str::chars).all(|c| "-_. ".contains(c));
    if plain { template.to_owned() } else { NOT_SHOWN.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redactor() -> Redactor {
        let token = Token::parse("user:1-secret").expect("a token");
        Redactor::new(Some(&token), Some(Path::new("/home/me")))
    }

    #[test]
    fn a_path_becomes_words_that_stay_the_same() {
        let mut redactor = redactor();
        for (path, shown) in [
            ("/home/me/My Pics/cat.PNG", "~/n1/n2.png"),
            ("/home/me/My Pics", "~/n1"),
            ("/mnt/My Pics/cat.PNG", "/mnt/n1/n2.png"),
            ("/home/me/.config/taxiway/token", "~/.config/taxiway/token"),
            ("/home/me", "~"),
            ("/", "/"),
            ("drafts/cat.PNG", "n3/n2.png"),
            ("/home/meadow", "/home/n4"),
        ] {
            assert_eq!(redactor.path(path), shown);
        }
    }

    #[test]
    fn a_text_loses_what_is_known_and_everything_behind_what_is_not() {
        let mut redactor = redactor();
        redactor.path("/home/me/My Pics/cat of Ann.png");
        redactor.path("/home/me/My Pics");
        for (text, shown) in [
            (
                "same content as /home/me/My Pics/cat of Ann.png: kept",
                "same content as ~/n1/n2.png: kept",
            ),
            ("cat of Ann.png is too large", "n2.png is too large"),
            ("mkdir -p '/home/me/My Pics'", "mkdir -p '~/n1'"),
            ("/home/me/My Pics/other name.png: denied", "~/n1(path)"),
            ("/home/me/My Pictures: denied", "(path)"),
            ("denied: /elsewhere/a b.png: no", "denied: (path)"),
            ("video/mp4, 8 MB/s, 1 / 2", "video/mp4, 8 MB/s, 1 / 2"),
            ("see folder/x y.png", "see folder(path)"),
            ("(/x y.png)", "((path)"),
            (
                "https://api.useapi.net/v1/runwayml answers",
                "https://api.useapi.net/v1/runwayml answers",
            ),
            (
                "Account me.too+x@example.com in error state",
                "Account m…@example.com in error state",
            ),
            ("a@b.c, dü@e.f", "a…@b.c, d…@e.f"),
            ("concatenate", "concatenate"),
            ("the token user:1-secret is refused", "the token (token) is refused"),
            ("user:12-other is refused", NOT_SHOWN),
            ("", ""),
        ] {
            assert_eq!(redactor.text(text), shown, "{text}");
        }
        assert_eq!(
            redactor.quoting("excluded by `cl`ient/*` in \"x\" or so"),
            "excluded by `…` in \"…\" or so"
        );
    }

    #[test]
    fn of_a_configuration_only_what_is_known_is_shown() {
        let mut redactor = redactor();
        let shown = redactor.value(
            "",
            &json!({
                "file": {"path": "/home/me/c.toml"},
                "api": {
                    "email": {"value": "me@b.c", "from": {"kind": "file", "file": "/home/me/c.toml", "line": 2}},
                    "concurrency": {"value": 4, "from": {"kind": "default"}},
                    "invented": {"value": "me", "from": {"kind": "default"}},
                },
                "folders": [{
                    "path": {"value": "/home/me/Ann"},
                    "include": {"value": ["*.png", "ann/*"]},
                    "on_uploaded": {"value": ["curl", "-H", "Authorization: x"]},
                    "after_upload": {"value": "move:/home/me/Ann"},
                    "settle": {"value": "2s"},
                    "name": {"value": "{stem}-{hash8}.{ext}"},
                }, {
                    "name": {"value": "ann-{stem}"},
                }],
            }),
        );
        assert_eq!(
            shown,
            json!({
                "file": {"path": "~/n1.toml"},
                "api": {
                    "email": {"value": "m…@b.c", "from": {"kind": "file", "file": "~/n1.toml", "line": 2}},
                    "concurrency": {"value": 4, "from": {"kind": "default"}},
                    "invented": {"value": NOT_SHOWN, "from": {"kind": "default"}},
                },
                "folders": [{
                    "path": {"value": "~/n2"},
                    "include": {"value": ["*.png", NOT_SHOWN]},
                    "on_uploaded": {"value": "(3 words, not shown)"},
                    "after_upload": {"value": "move:~/n2"},
                    "settle": {"value": "2s"},
                    "name": {"value": "{stem}-{hash8}.{ext}"},
                }, {
                    "name": {"value": NOT_SHOWN},
                }],
            })
        );
    }
}
