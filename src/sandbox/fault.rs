//! What can go wrong, and for which requests: the nouns.
//!
//! Owns: the closed list of faults. How one is spelled is `grammar`'s matter, when one fires is
//! that of `faults`.
use std::fmt;
use std::time::Duration;

use axum::http::StatusCode;

/// One thing that goes wrong. Made from a text as [`FAULTS`](super::FAULTS) and
/// [`OPTIONS`](super::OPTIONS) describe it, and shown as that text.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub(super) spec: String,
    pub(super) kind: Kind,
    pub(super) when: When,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spec)
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// TCP reset once this many bytes of the body were read.
    ResetAfter(u64),
    /// Nothing is read or answered any more once this many bytes of the body were read.
    StallAfter(u64),
    /// At most so many bytes of the body are read a second.
    Bandwidth(u64),
    /// A larger body is refused.
    MaxSize(u64),
    /// Another answer than the documented one.
    Answer(Answer),
    /// The answer waits.
    SlowAnswer(Duration),
    /// The server's clock is ahead, or behind if negative.
    Clock(jiff::SignedDuration),
    /// The list, or an entry of it, is not what it should be.
    List(ListFault),
}

/// Another answer than the documented one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) what: What,
    /// Whether an upload is stored all the same.
    pub(super) stored: bool,
    /// Whether the answer goes out before the body is read.
    pub(super) early: bool,
}

/// What is answered instead.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// An error.
    Status(StatusAnswer),
    /// 402, as without a subscription.
    Subscription,
    /// 596, for one account only.
    BrokenAccount(String),
    /// Nothing: the connection is reset.
    Lost,
    /// 200 with a body that is no JSON.
    Malformed,
    /// 200 without `assetId`.
    Incomplete,
}

/// An error answer, in one of the shapes seen in the field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StatusAnswer {
    pub(super) status: StatusCode,
    pub(super) form: Form,
    /// `Retry-After: SECONDS`
    pub(super) retry_after_s: Option<u32>,
    /// `Retry-After: DATE`, so many seconds from now
    pub(super) retry_after_date_s: Option<u32>,
    /// `"retryAfter": SECONDS` in the JSON
    pub(super) retry_after_field_s: Option<u32>,
}

/// The shape of an error's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `{"error":"…","code":N}`
    Json,
    /// `{"error":{"message":"…"},"code":N}`
    Object,
    /// `{"error":"…"}`
    NoCode,
    /// `error code: N`, as plain text
    Text,
    /// a page, as proxies send it
    Html,
    /// no body
    Empty,
}

/// How a list is wrong.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ListFault {
    /// Assets younger than this are not listed.
    Lag(Duration),
    /// The order is arbitrary, and always the same for one seed.
    Reorder,
    /// Uploads are not listed.
    Blind,
    /// `fileSize` is missing.
    NoSize,
    /// `url` is missing.
    NoUrl,
    /// Names are not those sent.
    Rename(Rename),
}

/// How a listed name differs from the one sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rename {
    /// The extension of the type is appended, unless the name has it: `cat` becomes `cat.png`.
    Extension,
    /// The extension is cut off: `cat.png` becomes `cat`.
    Stem,
    /// The stem grows: `cat.png` becomes `cat-1.png`.
    Suffix,
}

/// Which requests a fault is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct When {
    pub(super) calls: Vec<Call>,
    pub(super) name: Option<Pattern>,
    pub(super) skip: u64,
    pub(super) every: u64,
    pub(super) times: Option<u64>,
    pub(super) probability: Option<f64>,
    pub(super) seed: u64,
    pub(super) each_name: bool,
}

impl When {
    /// For no request.
    pub(super) fn never() -> When {
        When {
            calls: Vec::new(),
            name: None,
            skip: 0,
            every: 1,
            times: None,
            probability: None,
            seed: 0,
            each_name: false,
        }
    }
}

/// The calls of the API that the sandbox answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Call {
    /// `POST /assets`
    Upload,
    /// `GET /assets`
    List,
    /// `GET /assets/ASSETID`
    Asset,
    /// `DELETE /assets/ASSETID`
    Delete,
    /// `GET /accounts`
    Accounts,
    /// `GET /v2/account`
    Account,
    /// `GET /features`
    Features,
    /// `GET` of the `url` of an asset
    File,
    /// Anything else: 404 and 405.
    Other,
}

impl Call {
    /// Every call that a fault can be for.
    pub(super) const NAMED: [Call; 8] = [
        Call::Upload,
        Call::List,
        Call::Asset,
        Call::Delete,
        Call::Accounts,
        Call::Account,
        Call::Features,
        Call::File,
    ];

    /// The name of the call in faults and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Call::Upload => "upload",
            Call::List => "list",
            Call::Asset => "asset",
            Call::Delete => "delete",
            Call::Accounts => "accounts",
            Call::Account => "account",
            Call::Features => "features",
            Call::File => "file",
            Call::Other => "other",
        }
    }
}

/// A glob over the whole name if it holds `*` or `?`, else a part of the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(pub(super) String);

impl Pattern {
    /// Whether the name is meant.
    pub(super) fn matches(&self, name: &str) -> bool {
        if !self.0.contains(['*', '?']) {
            return name.contains(&self.0);
        }
        let pattern: Vec<char> = self.0.chars().collect();
        let name: Vec<char> = name.chars().collect();
        // The last star, and how much of the name it has swallowed so far.
        let mut star: Option<(usize, usize)> = None;
        let (mut at, mut seen) = (0, 0);
        while seen < name.len() {
            match pattern.get(at) {
                Some('*') => {
                    star = Some((at, seen));
                    at += 1;
                }
                Some(&c) if c == '?' || c == name[seen] => {
                    at += 1;
                    seen += 1;
                }
                _ => {
                    let Some((star_at, swallowed)) = star else {
                        return false;
                    };
                    star = Some((star_at, swallowed + 1));
                    at = star_at + 1;
                    seen = swallowed + 1;
                }
            }
        }
        pattern[at..].iter().all(|&c| c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_part_or_a_glob() {
        let matches = |pattern: &str, name: &str| Pattern(pattern.to_owned()).matches(name);
        assert!(matches("cat", "a cat.png"));
        assert!(!matches("cat", "dog.png"));
        assert!(matches("*.png", "a cat.png"));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(matches("?at.*", "cat.é"));
        assert!(matches("*", ""));
        assert!(!matches("*.png", "cat.png.jpg"));
        assert!(!matches("cat?", "cat"));
    }
}
