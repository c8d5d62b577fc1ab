//! What goes over the control socket: a wish as a path and a JSON object, an answer as lines of
//! JSON.
//!
//! Owns:
//! - a field that is not known is an error, and so is one that is missing;
//! - a path is absolute, and one that is not UTF-8 goes as its bytes in hex.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::refusal::{No, Refusal};
use super::wish::{Answer, Wish, asset};
use crate::config::Email;
use crate::daemon::keyed;

/// Files named in one request, at most: they are granted in one step.
pub(super) const PATHS_MOST: usize = 1_000;

/// Which wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Retry,
    Resolve,
    Forget,
}

impl Call {
    /// The path that it is sent to.
    pub(super) fn path(self) -> &'static str {
        match self {
            Call::Retry => "/v1/retry",
            Call::Resolve => "/v1/resolve",
            Call::Forget => "/v1/forget",
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RetryBody {
    paths: Vec<String>,
    paths_hex: Vec<String>,
    all: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ResolveBody {
    paths: Vec<String>,
    paths_hex: Vec<String>,
    uploaded: Option<String>,
    retry: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ForgetBody {
    paths: Vec<String>,
    paths_hex: Vec<String>,
    email: Option<String>,
    yes: bool,
}

/// Reads a request's body.
///
/// # Errors
/// What is wrong with it.
pub(super) fn wish(call: Call, body: &[u8]) -> Result<Wish, Refusal> {
    match call {
        Call::Retry => {
            let RetryBody { paths, paths_hex, all } = read(body)?;
            match (files(paths, paths_hex)?, all) {
                (paths, true) if paths.is_empty() => Ok(Wish::RetryAll),
                (paths, false) if !paths.is_empty() => Ok(Wish::Retry { paths }),
                (_, _) => Err(senseless("either paths are named, or all is true")),
            }
        }
        Call::Resolve => {
            let ResolveBody { paths, paths_hex, uploaded, retry } = read(body)?;
            let path = one(files(paths, paths_hex)?)?;
            let uploaded = match (uploaded, retry) {
                (Some(text), false) => Some(asset(&text).map_err(|why| senseless(&why))?),
                (None, true) => None,
                (_, _) => return Err(senseless("either uploaded is an assetId, or retry is true")),
            };
            Ok(Wish::Resolve { path, uploaded })
        }
        Call::Forget => {
            let ForgetBody { paths, paths_hex, email, yes } = read(body)?;
            let path = one(files(paths, paths_hex)?)?;
            let email = email.map(|email| email.parse::<Email>()).transpose();
            let email = email.map_err(|why| senseless(&format!("email: {why}")))?;
            let email = email.map(|email| email.as_str().to_owned());
            Ok(Wish::Forget { path, email, yes })
        }
    }
}

/// Writes a request: the call, and its body.
pub(super) fn request(wish: &Wish) -> (Call, String) {
    let (paths, paths_hex) = named(wish.paths());
    match wish {
        Wish::Retry { .. } | Wish::RetryAll => {
            let all = *wish == Wish::RetryAll;
            (Call::Retry, written(&RetryBody { paths, paths_hex, all }))
        }
        Wish::Resolve { uploaded, .. } => {
            let uploaded = uploaded.as_ref().map(|asset| asset.asset_id.clone());
            let retry = uploaded.is_none();
            (Call::Resolve, written(&ResolveBody { paths, paths_hex, uploaded, retry }))
        }
        Wish::Forget { email, yes, .. } => {
            let (email, yes) = (email.clone(), *yes);
            (Call::Forget, written(&ForgetBody { paths, paths_hex, email, yes }))
        }
    }
}

/// The answers as status and lines: one a file, in the order of the request.
pub(super) fn lines(answers: &[Answer]) -> (u16, String) {
    let granted = answers.iter().any(|answer| matches!(answer, Answer::Granted(_)));
    let refused = answers.iter().find_map(|answer| match answer {
        Answer::Refused(refusal) => Some(refusal.status),
        Answer::Granted(_) => None,
    });
    let status = match (granted, refused) {
        (_, None) => 200,
        (false, Some(status)) => status,
        (true, Some(_)) => 207,
    };
    let line = |answer: &Answer| match answer {
        Answer::Granted(object) => format!("{object}\n"),
        Answer::Refused(refusal) => written(refusal) + "\n",
    };
    (status, answers.iter().map(line).collect())
}

/// Reads the answers of a response; none if it is nothing of ours.
pub(super) fn answers(status: u16, body: &str) -> Option<Vec<Answer>> {
    let read = |line: &str| {
        let value: Value = serde_json::from_str(line).ok()?;
        if value.get("error").is_none() {
            return value.is_object().then(|| Answer::Granted(line.to_owned()));
        }
        let mut refusal: Refusal = serde_json::from_value(value).ok()?;
        refusal.status = status;
        Some(Answer::Refused(refusal))
    };
    body.lines().map(read).collect()
}

/// The path that a question is about: `path=…`, percent-encoded.
///
/// # Errors
/// What is wrong with it.
pub(super) fn path_asked(query: &str) -> Result<PathBuf, Refusal> {
    let path = parameters(query, &["path"])?.into_iter().next();
    let (_, path) = path.ok_or_else(|| senseless("the parameter path is missing"))?;
    file(PathBuf::from(OsString::from_vec(path)))
}

/// The parameters of a query, percent-decoded; each is one of `known`, and comes at most once.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parameters<'a>(
    query: &str,
    known: &[&'a str],
) -> Result<Vec<(&'a str, Vec<u8>)>, Refusal> {
    let mut found: Vec<(&str, Vec<u8>)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(key) = known.iter().find(|known| **known == key) else {
            let known = known.join(", ");
            return Err(senseless(&format!("unknown parameter {key:?}: there is {known}")));
        };
        if found.iter().any(|(other, _)| other == key) {
            return Err(senseless(&format!("{key} comes more than once")));
        }
        let value = decoded(value);
        let value = value.ok_or_else(|| senseless(&format!("{key} is not percent-encoded")))?;
        found.push((key, value));
    }
    Ok(found)
}

/// Reads a body that may be left out.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read_or_default<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Refusal> {
    if body.is_empty() { Ok(T::default()) } else { read(body) }
}

/// A time such as `30s`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn duration(text: &str) -> Result<std::time::Duration, Refusal> {
    crate::config::parse_duration(text).map_err(|why| senseless(&format!("a time: {why}")))
}

/// Reads a body.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    // A list of values would be taken for the fields in their order.
    if body.trim_ascii_start().first().is_some_and(|byte| *byte != b'{') {
        return Err(senseless("the body is not a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| senseless(&format!("the body: {error}")))
}

pub(super) fn written(value: &impl Serialize) -> String {
    // Strings, numbers and nulls: there is nothing in it that has no JSON.
    serde_json::to_string(value).unwrap_or_default()
}

pub(super) fn senseless(words: &str) -> Refusal {
    Refusal::new(No::Senseless, crate::text::escaped(words), "taxiway --help")
}

/// The files that a body names.
///
/// # Errors
/// What is wrong with them.
pub(super) fn files(paths: Vec<String>, paths_hex: Vec<String>) -> Result<Vec<PathBuf>, Refusal> {
    if paths.len() + paths_hex.len() > PATHS_MOST {
        return Err(senseless(&format!("more than {PATHS_MOST} paths")));
    }
    let exact = paths_hex.iter().map(|hex| {
        let bytes = bytes(hex).ok_or_else(|| senseless("paths_hex: not hex digits"))?;
        Ok(PathBuf::from(OsString::from_vec(bytes)))
    });
    let all = paths.into_iter().map(|path| Ok(PathBuf::from(path))).chain(exact);
    all.map(|path| file(path?)).collect()
}

fn file(path: PathBuf) -> Result<PathBuf, Refusal> {
    if !path.is_absolute() {
        return Err(senseless(&format!("{:?} is not an absolute path", path.to_string_lossy())));
    }
    keyed(&path).map_err(|error| senseless(&crate::text::reason(&error)))
}

fn one(mut paths: Vec<PathBuf>) -> Result<PathBuf, Refusal> {
    match (paths.pop(), paths.is_empty()) {
        (Some(path), true) => Ok(path),
        (_, _) => Err(senseless("paths must name exactly one file")),
    }
}

/// Paths as text, or all of them as hex if one is no text: so their order is kept.
fn named(paths: &[PathBuf]) -> (Vec<String>, Vec<String>) {
    let text: Option<Vec<String>> =
        paths.iter().map(|path| path.to_str().map(str::to_owned)).collect();
    match text {
        Some(text) => (text, Vec::new()),
        None => (Vec::new(), paths.iter().map(|path| hex(path)).collect()),
    }
}

fn hex(path: &Path) -> String {
    path.as_os_str().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
        _ => None,
    };
    pairs.map(byte).collect()
}

fn digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Percent-decoded; `+` is a space, as forms and most libraries write it.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'%' => (digit(rest.next()?)? << 4) | digit(rest.next()?)?,
            b'+' => b' ',
            other => other,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_reads_back_as_it_was_written() {
        let odd = PathBuf::from(OsString::from_vec(b"/d/\xff \n.gif".to_vec()));
        let id = asset("user:1-runwayml:me@x-asset:1").unwrap();
        for wish in [
            Wish::RetryAll,
            Wish::Retry { paths: vec!["/d/a.gif".into(), "/d/b c.gif".into()] },
            Wish::Retry { paths: vec!["/d/a.gif".into(), odd.clone()] },
            Wish::Resolve { path: odd.clone(), uploaded: Some(id) },
            Wish::Resolve { path: "/d/a.gif".into(), uploaded: None },
            Wish::Forget { path: odd, email: Some("me@x".into()), yes: true },
            Wish::Forget { path: "/d/a.gif".into(), email: None, yes: false },
        ] {
            let (call, body) = request(&wish);
            assert_eq!(super::wish(call, body.as_bytes()), Ok(wish), "{body}");
        }
    }

    #[test]
    fn a_body_that_says_something_else_is_refused() {
        for (call, body, words) in [
            (Call::Retry, "", "the body: EOF while parsing a value at line 1 column 0"),
            (Call::Retry, "[[], [], true]", "the body is not a JSON object"),
            (Call::Retry, "{}", "either paths are named, or all is true"),
            (
                Call::Retry,
                r#"{"paths":["/a"],"all":true}"#,
                "either paths are named, or all is true",
            ),
            (Call::Retry, r#"{"paths":["a"]}"#, "\"a\" is not an absolute path"),
            (Call::Retry, r#"{"paths_hex":["2"]}"#, "paths_hex: not hex digits"),
            (
                Call::Retry,
                r#"{"path":"/a"}"#,
                "the body: unknown field `path`, expected one of `paths`, `paths_hex`, `all` \
                 at line 1 column 7",
            ),
            (
                Call::Resolve,
                r#"{"paths":["/a"]}"#,
                "either uploaded is an assetId, or retry is true",
            ),
            (
                Call::Resolve,
                r#"{"paths":["/a"],"uploaded":"1"}"#,
                "an assetId has the form user:…-runwayml:EMAIL-asset:…",
            ),
            (Call::Resolve, r#"{"retry":true}"#, "paths must name exactly one file"),
            (Call::Forget, r#"{"paths":["/a","/b"]}"#, "paths must name exactly one file"),
            (Call::Forget, r#"{"paths":["/a"],"email":"me"}"#, "email: it is not NAME@HOST"),
        ] {
            let refusal = wish(call, body.as_bytes()).unwrap_err();
            assert_eq!((refusal.error.as_str(), refusal.status), (words, 400), "{body}");
        }
    }

    #[test]
    fn a_path_is_asked_for_percent_encoded() {
        let asked = |query: &str| path_asked(query).map_err(|refusal| refusal.error);
        assert_eq!(asked("path=/d/a%20b+c%2B.gif"), Ok("/d/a b c+.gif".into()));
        let exact = PathBuf::from(OsString::from_vec(b"/d/\xff".to_vec()));
        assert_eq!(asked("path=%2Fd%2f%FF"), Ok(exact));
        assert_eq!(asked(""), Err("the parameter path is missing".into()));
        assert_eq!(asked("path=/%2"), Err("path is not percent-encoded".into()));
        assert_eq!(asked("path=a"), Err("\"a\" is not an absolute path".into()));
        assert!(asked("path=/a&path=/b").is_err() && asked("file=/a").is_err());
    }

    #[test]
    fn answers_keep_their_order_and_the_status_says_the_most_it_can() {
        let granted = || Answer::Granted("{\"schema\":1,\"path\":\"/a\"}".into());
        let refused = |no| Answer::Refused(Refusal::of_file(no, Path::new("/b"), "no", "hint"));
        for (given, status) in [
            (vec![granted(), granted()], 200),
            (vec![refused(No::Unknown)], 404),
            (vec![refused(No::OtherState)], 409),
            (vec![granted(), refused(No::Unknown)], 207),
        ] {
            let (told, body) = lines(&given);
            assert_eq!(told, status);
            let read = answers(told, &body).unwrap();
            assert_eq!(read.len(), given.len());
            assert_eq!(read[0], given[0], "{body}");
        }
        assert_eq!(answers(200, "<html>"), None);
    }
}
