//! Ways out: stdout for data, stderr for the rest.
//!
//! Owns:
//! - a reader that went away ends the program quietly, it is no panic and no error;
//! - nothing else in the project prints.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;

use super::Failure;
use super::args::{Color, Common};
use super::terminal;

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
    // Whom to tell that stderr is closed?
    let _ = terminal::tell(&format!("{text}\n"));
}

/// Tells of an error.
pub fn failure(failure: &Failure, json: bool) {
    if json {
        let object = serde_json::json!({
            "schema": 1,
            "error": failure.message,
            "hint": failure.hint,
            "exit": failure.exit as u8,
        });
        tell(&object.to_string());
    } else {
        tell(&format!("error: {}", failure.message));
        tell(&format!("hint: {}", failure.hint));
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

/// Sends the log to stderr: warnings, or what `TAXIWAY_LOG` or the flags ask for.
pub fn start_log(common: &Common) {
    let level = match i16::from(common.verbose) - i16::from(common.quiet) {
        ..=-1 => "error",
        0 => "warn",
        1 => "warn,taxiway=info",
        2 => "info,taxiway=debug",
        3.. => "debug,taxiway=trace",
    };
    let filter = match std::env::var("TAXIWAY_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(text),
        Ok(_) | Err(_) => EnvFilter::try_new(level),
    };
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt()
        .with_writer(|| terminal::Above)
        .with_ansi(colored(common))
        .with_env_filter(filter);
    // Tests start several commands in one process: the first log stays.
    let _ = log.try_init();
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
