//! How things from outside (paths, words, system errors) stand in a text of one line.
//!
//! Owns:
//! - a path or value shown never breaks the line, never carries a control character and never turns
//!   the direction of what stands around it;
//! - a path in a hint can be pasted into a shell: any POSIX shell, and for bytes that nobody can
//!   type one that reads `$'…'`, as bash, zsh and ksh do.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A path as people read it: bytes that are not UTF-8 become U+FFFD, controls become escapes.
pub fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy())
}

/// A text with its controls (newlines too) written as escapes, such as `\n`.
pub fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_control(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// A number of bytes as people read it: "812 MB", "4.2 MB", "17 bytes".
pub fn count_of_bytes(count: u64) -> String {
    let units = [("TB", 12), ("GB", 9), ("MB", 6), ("kB", 3)];
    let fitting = units.map(|(unit, power)| (unit, 10_u64.pow(power)));
    match fitting.into_iter().find(|(_, size)| count >= *size) {
        Some((unit, size)) if count < 10 * size => {
            format!("{}.{} {unit}", count / size, count % size * 10 / size)
        }
        Some((unit, size)) => format!("{} {unit}", count / size),
        None if count == 1 => "1 byte".to_owned(),
        None => format!("{count} bytes"),
    }
}

/// A number of seconds as one says it: "30 s", "12 min", "3 h".
pub fn about(seconds: u64) -> String {
    match seconds {
        0..=1 => "1 s".to_owned(),
        2..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds.div_ceil(60)),
        6_000..=359_999 => format!("{} h", seconds.div_ceil(3_600)),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}

/// Whether a character moves what stands around it instead of showing: a control; a separator of
/// lines or paragraphs; a mark, embedding, override or isolate of the bidirectional algorithm
/// (UAX #9), with which `gpj.exe` reads `exe.jpg`. Letters that are written from right to left
/// are letters, and joiners make emoji.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A path as one word of a shell command; quoted only where it must be.
pub fn shell_word(path: impl AsRef<OsStr>) -> String {
    let path = path.as_ref();
    let word = path.to_str().filter(|word| !word.chars().any(is_control));
    let Some(word) = word else { return escaped_word(path.as_bytes()) };
    let plain = |c: char| c.is_alphanumeric() || "/._-+@:,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Any bytes as one word, in the quotes that can say them all.
fn escaped_word(bytes: &[u8]) -> String {
    let mut word = String::from("$'");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\'' | '\\' => word.extend(['\\', c]),
                '\n' => word.push_str(r"\n"),
                '\t' => word.push_str(r"\t"),
                '\r' => word.push_str(r"\r"),
                c if is_control(c) => push_hex(&mut word, c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => word.push(c),
            }
        }
        push_hex(&mut word, chunk.invalid());
    }
    word.push('\'');
    word
}

fn push_hex(word: &mut String, bytes: &[u8]) {
    word.extend(bytes.iter().map(|byte| format!("\\x{byte:02x}")));
}

/// What others say in several lines, in one.
pub fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    escaped(&lines.collect::<Vec<_>>().join("; "))
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

    #[test]
    fn a_path_is_shown_on_one_line() {
        assert_eq!(shown(Path::new("/a/b c")), "/a/b c");
        assert_eq!(shown(Path::new("/a\n\u{1b}[1m")), r"/a\n\u{1b}[1m");
        let bytes = OsStr::from_bytes(b"/\xff.png");
        assert_eq!(shown(Path::new(bytes)), "/\u{fffd}.png");
    }

    #[test]
    fn a_name_cannot_turn_the_line_it_stands_in() {
        for code in (0x202A..=0x202E)
            .chain(0x2066..=0x2069)
            .chain([0x61C, 0x200E, 0x200F, 0x2028, 0x2029])
            .chain(0x80..=0x9F)
        {
            let c = char::from_u32(code).expect("a character");
            let name = format!("/a{c}gpj.exe");
            assert_eq!(shown(Path::new(&name)), format!("/a\\u{{{code:x}}}gpj.exe"));
            assert!(shell_word(&name).starts_with(r"$'/a\x"), "{}", shell_word(&name));
        }
        for name in
            ["/\u{5d0}\u{5d1}.png", "/\u{1f469}\u{200d}\u{1f680}.png", "/n\u{303}\u{200c}.png"]
        {
            assert_eq!(shown(Path::new(name)), name, "letters and joiners");
        }
    }

    #[test]
    fn a_shell_word_is_quoted_only_where_it_must_be() {
        assert_eq!(shell_word("/home/me/token"), "/home/me/token");
        assert_eq!(shell_word("/Library/My App"), "'/Library/My App'");
        assert_eq!(shell_word("/it's"), r"'/it'\''s'");
        assert_eq!(shell_word("~x"), "'~x'");
        assert_eq!(shell_word(""), "''");
    }

    /// Controls, bytes that are no text, and what would end or change the quotes.
    const UNTYPABLE: [(&[u8], &str); 7] = [
        (b"/a\nb", r"$'/a\nb'"),
        (b"/\t\r\x1b[1m", r"$'/\t\r\x1b[1m'"),
        (b"caf\xe9.gif", r"$'caf\xe9.gif'"),
        (b"\xff0\xc3", r"$'\xff0\xc3'"),
        (b"it's\n\\n", r"$'it\'s\n\\n'"),
        ("né\u{85}$(x)`".as_bytes(), r"$'né\xc2\x85$(x)`'"),
        (b"\x7f", r"$'\x7f'"),
    ];

    #[test]
    fn what_cannot_be_typed_is_escaped() {
        for (bytes, word) in UNTYPABLE {
            assert_eq!(shell_word(OsStr::from_bytes(bytes)), word);
        }
        assert_eq!(shell_word(r"a\nb"), r"'a\nb'", "no escape, but two letters");
    }

    #[test]
    fn an_escaped_word_is_the_path_again_in_bash() {
        for (bytes, word) in UNTYPABLE {
            let mut bash = std::process::Command::new("bash");
            let said = bash.args(["-c", &format!("printf %s {word}")]).env("LC_ALL", "C").output();
            // Not every machine has one.
            let Ok(said) = said else { return };
            assert_eq!(said.stdout, bytes, "{word}");
        }
    }

    #[test]
    fn several_lines_become_one() {
        assert_eq!(
            one_line("*** in database main ***\nPage 5: odd\r\n\n"),
            "*** in database main ***; Page 5: odd"
        );
        assert_eq!(one_line("plain"), "plain");
        assert_eq!(one_line("a\u{1b}b"), r"a\u{1b}b");
    }

    #[test]
    fn a_reason_is_lower_case_and_has_no_number() {
        let error = io::Error::from_raw_os_error(13);
        assert_eq!(reason(&error), "permission denied");
        assert_eq!(reason(&io::Error::other("Odd\nthing")), r"odd\nthing");
    }
}
