//! Ways out: stdout for data, stderr for the rest, or the journal in its place.
//!
//! Owns:
//! - a reader that went away ends the program quietly, it is no panic and no error;
//! - nothing else in the project prints.

use std::io::{self, IsTerminal, Write};

use serde_json::{Map, Value, json};

use super::args::{Color, Common};
use super::log::{self, Severity, Shape};
use super::{Failure, terminal};

/// Prints a line of data.
pub fn line(text: &str) {
    bytes(text.as_bytes(), b"\n");
}

/// Prints data and what ends it.
pub fn bytes(data: &[u8], end: &[u8]) {
    let mut out = io::stdout().lock();
    let written = out.write_all(data).and_then(|()| out.write_all(end));
    if let Err(error) = written {
        closed(&error);
    }
}

/// Hands on what was printed so far.
pub fn flush() {
    if let Err(error) = io::stdout().flush() {
        closed(&error);
    }
}

/// Begins the screen anew, if there is one.
pub fn fresh_screen() {
    if io::stdout().is_terminal() {
        bytes(b"\x1b[H\x1b[J", b"");
    }
}

/// Tells a person something.
pub fn tell(text: &str) {
    match log::shape() {
        Shape::Text => put(text),
        Shape::Json | Shape::Journal => log::say(Severity::Info, text.trim(), Map::new()),
    }
}

fn put(text: &str) {
    // Whom to tell that stderr is closed?
    let _ = terminal::tell(&format!("{text}\n"));
}

/// Tells of an error.
pub fn failure(failure: &Failure, json: bool) {
    if json {
        let object = json!({
            "schema": 1,
            "error": failure.message,
            "hint": failure.hint,
            "exit": failure.exit as u8,
        });
        return put(&object.to_string());
    }
    match log::shape() {
        Shape::Text => {
            put(&format!("error: {}", failure.message));
            put(&format!("hint: {}", failure.hint));
        }
        Shape::Json | Shape::Journal => {
            let mut fields = Map::new();
            fields.insert("hint".into(), Value::from(failure.hint.as_str()));
            fields.insert("exit".into(), Value::from(failure.exit as u8));
            let message = format!("error: {}; hint: {}", failure.message, failure.hint);
            log::say(Severity::Error, &message, fields);
        }
    }
}

/// Prints what clap has to say.
pub fn help(error: &clap::Error) {
    if let Err(error) = error.print() {
        closed(&error);
    }
}

/// Whether to color what goes to stderr.
pub fn colored(common: &Common) -> bool {
    match common.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            io::stderr().is_terminal() && !no_color
        }
    }
}

fn closed(error: &io::Error) {
    if error.kind() == io::ErrorKind::BrokenPipe {
        terminal::clear();
        std::process::exit(0);
    }
    tell(&format!("error: cannot write to stdout: {error}"));
    terminal::clear();
    std::process::exit(1);
}
