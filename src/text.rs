//! How things from outside (paths, words, system errors) stand in a text of one line.
//!
//! Owns:
//! - a path or value shown never breaks the line and never carries a control character;
//! - a path in a hint can be pasted into a POSIX shell.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

/// A path as people read it: bytes that are not UTF-8 become U+FFFD, controls become escapes.
pub fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy())
}

/// A text with its controls (newlines too) written as escapes, such as `\n`.
pub fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// A path as one word of a POSIX shell command; quoted only where it must be.
pub fn shell_word(path: impl AsRef<OsStr>) -> String {
    let word = shown(Path::new(path.as_ref()));
    let plain = |c: char| c.is_alphanumeric() || "/._-+@:,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Why the system refused, in lower case and without its error number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = match text.find(" (os error ") {
        Some(end) => &text[..end],
        None => &text,
    };
    escaped(&text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_path_is_shown_on_one_line() {
        assert_eq!(shown(Path::new("/a/b c")), "/a/b c");
        assert_eq!(shown(Path::new("/a\n\u{1b}[1m")), r"/a\n\u{1b}[1m");
        let bytes = OsStr::from_bytes(b"/\xff.png");
        assert_eq!(shown(Path::new(bytes)), "/\u{fffd}.png");
    }

    #[test]
    fn a_shell_word_is_quoted_only_where_it_must_be() {
        assert_eq!(shell_word("/home/me/token"), "/home/me/token");
        assert_eq!(shell_word("/Library/My App"), "'/Library/My App'");
        assert_eq!(shell_word("/it's"), r"'/it'\''s'");
        assert_eq!(shell_word("~x"), "'~x'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn a_reason_is_lower_case_and_has_no_number() {
        let error = io::Error::from_raw_os_error(13);
        assert_eq!(reason(&error), "permission denied");
        assert_eq!(reason(&io::Error::other("Odd\nthing")), r"odd\nthing");
    }
}
