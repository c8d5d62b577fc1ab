//! What servers and errors say, as one line that a terminal can show.
//!
//! Owns:
//! - a line is at most [`LINE_MOST`] characters, with every control and direction mark escaped;
//! - nothing of a request (address, headers) gets into the words of an error.

use std::error::Error;
use std::io::ErrorKind;

use super::wire::Complaint;

/// Longest line, in characters.
pub(super) const LINE_MOST: usize = 300;

/// Any text as one line: white space runs become one space, controls are escaped.
pub(super) fn line(text: &str) -> String {
    let mut line = String::new();
    let mut length = 0;
    for (index, word) in text.split_whitespace().enumerate() {
        let space = if index == 0 { "" } else { " " };
        for piece in space.chars().chain(word.chars()).map(shown) {
            length += piece.chars().count();
            if length >= LINE_MOST {
                line.push('…');
                return line;
            }
            line.push_str(&piece);
        }
    }
    line
}

/// The server's words out of a body that may be JSON, HTML or plain text; empty if it has none.
pub(super) fn of_body(body: &[u8]) -> String {
    if let Ok(complaint) = serde_json::from_slice::<Complaint>(body) {
        let said = said(&complaint.error).or_else(|| said(&complaint.message));
        if let Some(words) = said {
            return line(&words);
        }
    }
    // More than a line's worth is only needed to get past the head of a page.
    let text = String::from_utf8_lossy(&body[..body.len().min(16 * 1024)]);
    let start = text.trim_start();
    if start.starts_with('<') { line(&of_html(start)) } else { line(&text) }
}

/// What went wrong between us and the server: the innermost cause, without the request.
pub(super) fn of_error(error: &dyn Error) -> String {
    let innermost = causes(error).last().map(ToString::to_string);
    let innermost = innermost.unwrap_or_else(|| "the request failed".into());
    // The number is another on every system, and says nothing that the words do not.
    let words = match innermost.find(" (os error ") {
        Some(end) => &innermost[..end],
        None => &innermost,
    };
    lower(&line(words))
}

/// Why no connection came about, naming which of its steps failed.
pub(super) fn of_connect(error: &dyn Error, timed_out: bool) -> String {
    let chain: Vec<String> = causes(error).map(|cause| cause.to_string().to_lowercase()).collect();
    let says = |word: &str| chain.iter().any(|cause| cause.contains(word));
    let cause = of_error(error);
    if says("tunnel error") || says("proxy") || says("socks") {
        format!("the proxy failed: {cause}")
    } else if says("dns error") || says("failed to lookup address") {
        format!("the name look-up (DNS) failed: {cause}")
    } else if says("certificate") {
        format!("the TLS certificate is not accepted: {cause}")
    } else if tls(error) || says("tls") || says("handshake") {
        format!("TLS failed: {cause}")
    } else if timed_out {
        "no connection within the connect time-out".into()
    } else {
        format!("no TCP connection: {cause}")
    }
}

/// rustls reports a broken handshake as "invalid data"; TCP never does.
fn tls(error: &dyn Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == ErrorKind::InvalidData)
}

/// Everything below `error`, which itself names the request. An `io::Error` around another error
/// does not give that one as its source, so it is asked for it.
fn causes<'a>(error: &'a (dyn Error + 'a)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| {
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        match wrapped {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => cause.source(),
        }
    })
}

/// A text, or the text inside an object; anything else that is there as JSON.
pub(super) fn said(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::Null => None,
        Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
        Value::Object(fields) => ["message", "error", "detail", "description"]
            .iter()
            .find_map(|name| fields.get(*name)?.as_str())
            .map(str::to_owned)
            .or_else(|| (!fields.is_empty()).then(|| value.to_string())),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => Some(value.to_string()),
    }
}

/// A page's title, else its text without tags, scripts and styles.
fn of_html(page: &str) -> String {
    if let Some(title) = element(page, "title").filter(|title| !title.trim().is_empty()) {
        return entities(title);
    }
    let mut text = String::new();
    let mut rest = page;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        text.push(' ');
        let tag = &rest[open..];
        let hidden = ["script", "style"].iter().find(|name| starts_with(&tag[1..], name));
        let end = match hidden {
            Some(name) => find(tag, &format!("</{name}")).unwrap_or(tag.len()),
            None => 0,
        };
        rest = match tag[end..].find('>') {
            Some(close) => &tag[end + close + 1..],
            None => "",
        };
    }
    text.push_str(rest);
    entities(&text)
}

fn element<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let tag = &page[find(page, &format!("<{name}"))?..];
    let inner = &tag[tag.find('>')? + 1..];
    Some(&inner[..find(inner, &format!("</{name}"))?])
}

/// Like `str::find`, but for ASCII of either case.
fn find(text: &str, what: &str) -> Option<usize> {
    text.as_bytes()
        .windows(what.len())
        .position(|window| window.eq_ignore_ascii_case(what.as_bytes()))
}

fn starts_with(text: &str, what: &str) -> bool {
    let start = text.as_bytes().get(..what.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(what.as_bytes()))
}

fn entities(text: &str) -> String {
    let pairs = [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// A character as it may be shown: controls and marks that turn or hide text are escaped.
fn shown(c: char) -> String {
    if misleads(c) { c.escape_unicode().to_string() } else { c.to_string() }
}

/// Controls, and marks that turn or hide the text beside them.
pub(super) fn misleads(c: char) -> bool {
    let hides = matches!(c,
        '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    c.is_control() || hides
}

fn lower(text: &str) -> String {
    // An abbreviation keeps its capitals.
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_are_found_in_every_kind_of_body() {
        for (body, words) in [
            (r#"{"error":"Not found.","code":404}"#, "Not found."),
            (r#"{"error":{"message":"too big","code":"x"}}"#, "too big"),
            (r#"{"error":{"reason":1}}"#, r#"{"reason":1}"#),
            (r#"{"error":null,"message":"slow down"}"#, "slow down"),
            (r#"{"error":["a","b"]}"#, r#"["a","b"]"#),
            (r#"{"other":1}"#, r#"{"other":1}"#),
            ("error code: 522", "error code: 522"),
            (
                "<html>\r\n<head><title>413 Request Entity\nToo Large</title></head><body>x</body>",
                "413 Request Entity Too Large",
            ),
            (
                "<!DOCTYPE html><style>p{}</style><p>a &lt;b&gt; &amp; c</p><SCRIPT>x<y</SCRIPT>d",
                "a <b> & c d",
            ),
            ("<p", ""),
            ("<script>", ""),
            ("<title>ø", "ø"),
            ("", ""),
            ("  \n ", ""),
        ] {
            assert_eq!(of_body(body.as_bytes()), words, "{body}");
        }
        assert_eq!(of_body(b"\xFF\xFEx"), "\u{FFFD}\u{FFFD}x");
    }

    #[test]
    fn a_line_is_short_and_holds_no_control() {
        assert_eq!(line("a\x1b[31mb\u{202E}c\0"), "a\\u{1b}[31mb\\u{202e}c\\u{0}");
        let long = line(&"é ".repeat(1_000));
        assert_eq!(long.chars().count(), LINE_MOST);
        assert!(long.ends_with('…'));
        assert!(line(&"\u{1b}".repeat(300)).chars().count() <= LINE_MOST);
    }

    /// An error that stands for a chain of causes.
    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Link>>);

    impl std::fmt::Display for Link {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|link| link as &dyn Error)
        }
    }

    fn chain(texts: &[&'static str]) -> Link {
        let inner =
            texts[1..].iter().rev().fold(None, |inner, text| Some(Box::new(Link(text, inner))));
        Link(texts[0], inner)
    }

    #[test]
    fn a_failed_connection_names_the_step_that_failed() {
        for (texts, words) in [
            (
                &["send http://x/?email=me", "dns error", "Name or service not known"][..],
                "the name look-up (DNS) failed: name or service not known",
            ),
            (
                &["send", "tcp connect error", "Connection refused (os error 111)"],
                "no TCP connection: connection refused",
            ),
            (
                &["send", "client error", "invalid peer certificate: UnknownIssuer"],
                "the TLS certificate is not accepted: invalid peer certificate: UnknownIssuer",
            ),
            (&["send", "client error", "tls handshake eof"], "TLS failed: tls handshake eof"),
            (
                &["send", "tunnel error: unsuccessful"],
                "the proxy failed: tunnel error: unsuccessful",
            ),
        ] {
            assert_eq!(of_connect(&chain(texts), false), words);
        }
        assert_eq!(
            of_connect(&chain(&["send", "operation timed out"]), true),
            "no connection within the connect time-out"
        );
    }
}
