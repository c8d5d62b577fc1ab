//! The terminal behind stderr: lines that stay, and below them lines that are drawn again.
//!
//! Owns:
//! - what is told stands above what is drawn, never in it, and what is drawn goes away without a
//!   trace;
//! - the cursor rests on the first letter of what is drawn. A terminal that is made narrower or
//!   wider moves what stands on it, and the cursor with it: clearing from there on is always right,
//!   however many rows the lines take by then.
//!
//! No crate for bars: those known leave the cursor below and go up as many rows as they drew, which
//! are others after a resize.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

/// What is drawn below the last line that stays.
static DRAWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Back to the first column, and away with all from there on.
const CLEAR: &str = "\r\x1b[J";
/// Of a terminal that does not know its size, as those behind a serial line.
const USUAL: (usize, usize) = (80, 24);

/// Whether lines can be drawn again on what is behind stderr.
pub fn can_draw() -> bool {
    io::stderr().is_terminal() && moves_cursor(std::env::var_os("TERM").as_deref())
}

/// Whether a terminal of this name moves its cursor when it is told to.
fn moves_cursor(term: Option<&OsStr>) -> bool {
    term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Columns and rows; none while it belongs to another program, as to the shell behind which this
/// one was put in the background.
pub fn size() -> Option<(usize, usize)> {
    let stderr = io::stderr();
    if tcgetpgrp(&stderr).is_ok_and(|owner| owner != getpgrp()) {
        return None;
    }
    let size = tcgetwinsize(&stderr).ok();
    let size = size.map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    Some(size.filter(|(columns, rows)| *columns > 0 && *rows > 0).unwrap_or(USUAL))
}

/// Draws lines in place of those that are drawn.
pub fn draw(lines: Vec<String>) {
    let mut drawn = drawn();
    if lines.is_empty() && drawn.is_empty() {
        return;
    }
    // Whom to tell that stderr is closed?
    let _ = put(&[CLEAR, &picture(&lines)]);
    *drawn = lines;
}

/// Takes away what is drawn.
pub fn clear() {
    draw(Vec::new());
}

/// Takes away what is drawn, for an end that waits for nobody.
pub fn clear_at_once() {
    if let Ok(drawn) = DRAWN.try_lock()
        && !drawn.is_empty()
    {
        let _ = put(&[CLEAR]);
    }
}

/// Writes lines that stay.
pub fn tell(text: &str) -> io::Result<()> {
    let drawn = drawn();
    if drawn.is_empty() {
        return put(&[text]);
    }
    let end = if text.ends_with('\n') { "" } else { "\n" };
    put(&[CLEAR, text, end, &picture(&drawn)])
}

/// A way to write lines that stay, for who writes bytes.
#[derive(Debug, Clone, Copy)]
pub struct Above;

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        tell(&String::from_utf8_lossy(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines, and the way back to where they begin.
fn picture(lines: &[String]) -> String {
    let up = match lines.len() {
        0 | 1 => "\r".to_owned(),
        several => format!("\r\x1b[{}A", several - 1),
    };
    if lines.is_empty() { String::new() } else { lines.join("\r\n") + &up }
}

/// In one piece, so that nobody sees the half of it.
fn put(parts: &[&str]) -> io::Result<()> {
    io::stderr().lock().write_all(parts.concat().as_bytes())
}

fn drawn() -> MutexGuard<'static, Vec<String>> {
    DRAWN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_without_a_name_or_called_dumb_is_written_to_as_to_a_file() {
        for (term, moves) in
            [(None, false), (Some(""), false), (Some("dumb"), false), (Some("xterm"), true)]
        {
            assert_eq!(moves_cursor(term.map(OsStr::new)), moves, "{term:?}");
        }
    }

    #[test]
    fn a_picture_ends_where_it_begins() {
        let lines = |count: usize| vec!["x".to_owned(); count];
        assert_eq!(picture(&lines(0)), "");
        assert_eq!(picture(&lines(1)), "x\r");
        assert_eq!(picture(&lines(3)), "x\r\nx\r\nx\r\x1b[2A");
    }
}
