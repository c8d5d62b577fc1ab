//! How a TOML value becomes a setting, and how each kind of setting is described.
//!
//! Owns: relative paths and `~` are resolved here and nowhere else.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use toml::de::DeValue;

use super::error::quoted;
use super::types::{
    AfterUpload, BadValue, BaseUrl, Choice, Email, Existing, HOOK_PLACEHOLDERS, HeartbeatUrl,
    Incomplete, LogFormat, LogLevel, Mode, NameTemplate, OnChange, SendFacts, parse_duration,
    parse_size, placeholders,
};
use crate::planner::{Condition, Conditions};
use crate::rules;

/// What paths in a file are relative to.
#[derive(Debug, Clone, Default)]
pub(super) struct Base {
    pub(super) directory: PathBuf,
    pub(super) home: Option<PathBuf>,
}

impl Base {
    /// The absolute path that a text of the configuration means.
    pub(super) fn absolute(&self, text: &str) -> Result<PathBuf, BadValue> {
        if text.is_empty() {
            return Err(BadValue::new("it is empty"));
        }
        if text.contains('\0') {
            return Err(BadValue::new("it has a NUL inside"));
        }
        let path = match text.strip_prefix('~') {
            None => self.directory.join(text),
            Some(rest) if rest.is_empty() || rest.starts_with('/') => match &self.home {
                Some(home) => home.join(rest.trim_start_matches('/')),
                None => return Err(BadValue::new("there is no home directory")),
            },
            Some(_) => return Err(BadValue::new("only ~ and ~/… stand for a home directory")),
        };
        Ok(tidy(&path))
    }
}

/// A path without `.` and doubled slashes; `..` stays, because a link may come before it.
pub(super) fn tidy(path: &Path) -> PathBuf {
    path.components().collect()
}

/// A kind of setting: what it must be, and how it is read.
pub(super) struct Kind<T> {
    pub(super) expected: &'static str,
    pub(super) read: fn(&DeValue<'_>, &Base) -> Result<T, Wrong>,
}

/// Why a value is refused.
pub(super) struct Wrong {
    /// The part that is wrong, if it is not the whole value.
    pub(super) found: Option<String>,
    /// The reason, if it is not plain from what is found and what is expected.
    pub(super) why: Option<String>,
}

impl Wrong {
    const PLAIN: Wrong = Wrong { found: None, why: None };
}

impl From<BadValue> for Wrong {
    fn from(bad: BadValue) -> Wrong {
        Wrong { found: None, why: Some(bad.0) }
    }
}

pub(super) const BOOL: Kind<bool> =
    Kind { expected: "true or false", read: |value, _| value.as_bool().ok_or(Wrong::PLAIN) };
pub(super) const CONCURRENCY: Kind<usize> = Kind {
    expected: "a whole number from 1 to 64",
    read: |value, _| {
        let integer = value.as_integer().ok_or(Wrong::PLAIN)?;
        let number = usize::from_str_radix(integer.as_str(), integer.radix());
        let number = number.ok().filter(|number| (1..=64).contains(number));
        number.ok_or(Wrong::PLAIN)
    },
};
pub(super) const DURATION: Kind<Duration> = Kind {
    expected: "a duration from 10ms to 8760h, such as \"90s\" or \"1h 30min\"",
    read: |value, _| Ok(parse_duration(string(value)?)?),
};
pub(super) const INCOMPLETE: Kind<Incomplete> = Kind {
    expected: "a duration from 10ms to 8760h, such as \"10min\", or \"send\"",
    read: |value, _| match string(value)? {
        "send" => Ok(Incomplete::SendAfter(Incomplete::DEFAULT_AFTER)),
        text => Ok(Incomplete::FailAfter(parse_duration(text)?)),
    },
};
pub(super) const SIZE: Kind<Option<NonZeroU64>> = Kind {
    expected: "a size, such as \"2GB\" or \"512MiB\"",
    read: |value, _| Ok(NonZeroU64::new(parse_size(string(value)?)?)),
};
pub(super) const RATE: Kind<Option<NonZeroU64>> = Kind {
    expected: "a size per second, such as \"8MB/s\"",
    read: |value, _| {
        let per_second = string(value)?.trim().strip_suffix("/s");
        let size = per_second.ok_or(BadValue::new("it does not end with /s"))?;
        Ok(NonZeroU64::new(parse_size(size)?))
    },
};
pub(super) const EMAIL: Kind<Option<Email>> =
    Kind { expected: "an e-mail address", read: |value, _| parsed(value).map(Some) };
pub(super) const BASE_URL: Kind<BaseUrl> = Kind {
    expected: "an https:// URL, or http:// to a loopback address",
    read: |value, _| parsed(value),
};
pub(super) const NAME: Kind<NameTemplate> = Kind {
    expected: "text with {file_name}, {stem}, {ext}, {relative_path} or {hash8}",
    read: |value, _| parsed(value),
};
pub(super) const LISTEN: Kind<Option<SocketAddr>> = Kind {
    expected: "a loopback address with a port, such as \"127.0.0.1:7447\"",
    read: |value, _| {
        let address: Option<SocketAddr> = string(value)?.parse().ok();
        let address = address.filter(|address| address.ip().is_loopback() && address.port() != 0);
        address.map(Some).ok_or(Wrong::PLAIN)
    },
};
pub(super) const HEARTBEAT_URL: Kind<Option<HeartbeatUrl>> = Kind {
    expected: "an https:// URL, or http:// to a loopback address",
    read: |value, _| parsed(value).map(Some),
};
pub(super) const PATH: Kind<Option<PathBuf>> = Kind {
    expected: "a path: absolute, beginning with ~/, or relative to this file",
    read: |value, base| Ok(Some(base.absolute(string(value)?)?)),
};
pub(super) const TOKEN_FILE: Kind<PathBuf> = Kind {
    expected: "the path of a file that holds the token",
    read: |value, base| {
        let text = string(value)?;
        if crate::secret::may_hold_token(text) {
            return Err(BadValue::new("it looks like the token itself").into());
        }
        Ok(base.absolute(text)?)
    },
};
pub(super) const EXISTING: Kind<Existing> =
    Kind { expected: "\"upload\" or \"ignore\"", read: |value, _| choice(value) };
pub(super) const ON_CHANGE: Kind<OnChange> =
    Kind { expected: "\"upload\" or \"ignore\"", read: |value, _| choice(value) };
pub(super) const MODE: Kind<Mode> =
    Kind { expected: "\"auto\", \"events\" or \"poll\"", read: |value, _| choice(value) };
pub(super) const LOG_FORMAT: Kind<LogFormat> = Kind {
    expected: "\"auto\", \"text\", \"json\" or \"journal\"",
    read: |value, _| choice(value),
};
pub(super) const LOG_LEVEL: Kind<LogLevel> = Kind {
    expected: "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
    read: |value, _| choice(value),
};
pub(super) const AFTER_UPLOAD: Kind<AfterUpload> = Kind {
    expected: "\"keep\", \"trash\" or \"move:DIR\"",
    read: |value, base| match string(value)? {
        "keep" => Ok(AfterUpload::Keep),
        "trash" => Ok(AfterUpload::Trash),
        other => match other.strip_prefix("move:") {
            Some(directory) => Ok(AfterUpload::Move(base.absolute(directory)?)),
            None => Err(Wrong::PLAIN),
        },
    },
};
pub(super) const SEND: Kind<SendFacts> = Kind {
    expected: "a list of \"width\", \"height\" and \"duration\"",
    read: |value, _| {
        let mut send = SendFacts { width: false, height: false, duration: false };
        for (fact, element) in strings(value)? {
            match fact {
                "width" => send.width = true,
                "height" => send.height = true,
                "duration" => send.duration = true,
                _ => return Err(element),
            }
        }
        Ok(send)
    },
};
pub(super) const CONDITIONS: Kind<Conditions> = Kind {
    expected: "a list of \"battery\" and \"metered\"",
    read: |value, _| {
        let mut conditions = Conditions::NONE;
        for (word, element) in strings(value)? {
            match Condition::ALL.into_iter().find(|condition| condition.as_str() == word) {
                Some(condition) => conditions = conditions.with(condition, true),
                None => return Err(element),
            }
        }
        Ok(conditions)
    },
};
pub(super) const PATTERNS: Kind<Vec<String>> = Kind {
    expected: "a list of gitignore-style patterns",
    read: |value, _| {
        let mut patterns = Vec::new();
        for (pattern, element) in strings(value)? {
            rules::check_pattern(pattern)
                .map_err(|bad| Wrong { why: Some(bad.to_string()), ..element })?;
            patterns.push(pattern.to_owned());
        }
        Ok(patterns)
    },
};
pub(super) const COMMAND: Kind<Vec<String>> = Kind {
    expected: "a program and its arguments as a list, without a shell",
    read: |value, base| {
        let mut words: Vec<String> = Vec::new();
        for (word, element) in strings(value)? {
            let unknown = placeholders(word).find(|(_, name)| !HOOK_PLACEHOLDERS.contains(name));
            if let Some((_, name)) = unknown {
                let known = HOOK_PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(" ");
                let why = format!("{{{name}}} is not a placeholder; there are {known}");
                return Err(Wrong { why: Some(why), ..element });
            }
            words.push(word.to_owned());
        }
        match words.first_mut() {
            Some(program) if !program.is_empty() => {
                // The one word of which it is certain that it names a file.
                if program.starts_with("~/") {
                    *program = base.absolute(program)?.to_string_lossy().into_owned();
                }
                Ok(words)
            }
            _ => Err(BadValue::new("it names no program").into()),
        }
    },
};

/// What stands in the file, in words.
pub(super) fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(_) => "a date or time".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn string<'v>(value: &'v DeValue<'_>) -> Result<&'v str, Wrong> {
    value.as_str().ok_or(Wrong::PLAIN)
}

/// The texts of a list, each with the refusal to use if it is that one that is wrong.
fn strings<'v>(value: &'v DeValue<'_>) -> Result<Vec<(&'v str, Wrong)>, Wrong> {
    let list = value.as_array().ok_or(Wrong::PLAIN)?;
    let mut texts = Vec::with_capacity(list.len());
    for element in list.iter() {
        let refusal = Wrong { found: Some(found(element.get_ref())), why: None };
        match element.get_ref().as_str() {
            Some(text) => texts.push((text, refusal)),
            None => return Err(refusal),
        }
    }
    Ok(texts)
}

fn parsed<T: FromStr<Err = BadValue>>(value: &DeValue<'_>) -> Result<T, Wrong> {
    Ok(string(value)?.parse()?)
}

fn choice<T: Choice>(value: &DeValue<'_>) -> Result<T, Wrong> {
    let word = string(value)?;
    let known = T::ALL.iter().find(|(known, _)| *known == word);
    known.map(|(_, choice)| *choice).ok_or(Wrong::PLAIN)
}
