//! How progress looks: figures into lines that fit on a screen.
//!
//! Owns:
//! - no line is wider than the screen less one column, so that none wraps, whatever letters a name
//!   has; there are never more lines than the screen has;
//! - what matters less gives way first.

use unicode_width::UnicodeWidthChar;

use super::figures::{Figures, Part, percent};
use crate::text::{about, count_of_bytes, escaped};

/// Uploads that are shown at most; the others count in the sum.
const SENDING_MOST: usize = 8;
/// Columns of a bar between its ends.
const BAR: u64 = 20;
/// A narrower screen has no bars.
const WIDE: usize = 60;
/// A narrower one has no words at the beginning of its lines.
const NARROW: usize = 32;

/// The lines for a screen of that many columns and rows.
pub fn frame(figures: &Figures, columns: usize, rows: usize) -> Vec<String> {
    let most = columns.saturating_sub(1).max(1);
    let mut lines = Vec::new();
    if figures.hashing.files > 0 {
        lines.push(first_that_fits(&hashing(figures), most));
    }
    lines.extend(figures.sending.iter().take(SENDING_MOST).map(|part| sending(part, columns)));
    if figures.all.files > 0 {
        lines.push(first_that_fits(&total(figures, columns), most));
    }
    // The sum matters most, and it is last.
    let over = lines.len().saturating_sub(rows.max(1));
    lines.drain(..over);
    lines.iter().map(|line| cut(line, most)).collect()
}

fn hashing(figures: &Figures) -> Vec<String> {
    let files = files(figures.hashing.files);
    let bytes = count_of_bytes(figures.hashing.bytes);
    vec![format!("hashing   {files}, {bytes}"), format!("hashing {files}"), files]
}

fn sending(part: &Part, columns: usize) -> String {
    let percent = percent(part.done, part.size);
    let name = escaped(&part.name);
    match columns {
        WIDE.. => {
            let (bar, size) = (bar(percent), count_of_bytes(part.size));
            format!("sending   {bar} {percent:>3}% of {size:<9} {name}")
        }
        NARROW.. => format!("sending   {percent:>3}% {name}"),
        _ => format!("{percent:>3}% {name}"),
    }
}

/// Ways to tell of all together, each shorter than the one before.
fn total(figures: &Figures, columns: usize) -> Vec<String> {
    let percent = figures.percent();
    let (done, all) = (figures.done.files.min(figures.all.files), figures.all.files);
    let failed = match figures.failed {
        0 => String::new(),
        failed => format!(" ({failed} failed)"),
    };
    let files = format!("{done} of {}{failed}", files(all));
    let sum = count_of_bytes(figures.all.bytes);
    let bytes = format!(", {} of {sum}", count_of_bytes(figures.bytes_done()));
    let rate = figures.per_second.map(|rate| format!(", {}/s", count_of_bytes(rate)));
    let rate = rate.unwrap_or_default();
    let left = figures.seconds_left().filter(|seconds| *seconds > 0);
    let left = left.map_or(String::new(), |seconds| format!(", about {} left", about(seconds)));
    let short = format!("{percent:>3}% {files}");
    if columns < NARROW {
        return vec![
            short,
            format!("{percent:>3}% {done}/{all}{failed}"),
            format!("{percent:>3}%"),
        ];
    }
    vec![
        format!("total     {} {short}{bytes}{rate}{left}", bar(percent)),
        format!("total     {short}{bytes}{rate}{left}"),
        format!("total     {short}{rate}{left}"),
        format!("total     {short}{left}"),
        format!("total     {short}"),
    ]
}

fn bar(percent: u64) -> String {
    let full = (percent.min(100) * BAR / 100) as usize;
    let head = if percent < 100 { ">" } else { "" };
    let width = BAR as usize;
    format!("[{:<width$}]", format!("{}{head}", "=".repeat(full)))
}

fn files(count: u64) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

fn first_that_fits(ways: &[String], most: usize) -> String {
    let fits = ways.iter().find(|way| width(way) <= most);
    fits.or(ways.last()).cloned().unwrap_or_default()
}

fn width(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(letter: char) -> usize {
    letter.width().unwrap_or(0)
}

/// A line of at most that many columns; one that is longer ends in an ellipsis.
fn cut(line: &str, most: usize) -> String {
    if width(line) <= most {
        return line.to_owned();
    }
    let mut room = most.saturating_sub(1);
    let mut short = String::new();
    for letter in line.chars() {
        match room.checked_sub(columns_of(letter)) {
            Some(left) => room = left,
            None => break,
        }
        short.push(letter);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::super::figures::Amount;
    use super::*;

    fn part(name: &str, done: u64, size: u64) -> Part {
        Part { name: name.into(), done, size }
    }

    fn example() -> Figures {
        Figures {
            hashing: Amount::new(12, 340_000_000),
            sending: vec![part("cat.png", 630_000, 1_000_000), part("film.mp4", 0, 3_400_000_000)],
            done: Amount::new(14, 1_200_000_000),
            failed: 0,
            all: Amount::new(30, 5_000_000_000),
            per_second: Some(24_000_000),
        }
    }

    #[test]
    fn a_wide_screen_shows_all_and_a_narrower_one_what_matters_more() {
        for (columns, lines) in [
            (
                120,
                "hashing   12 files, 340 MB\n\
                 sending   [============>       ]  63% of 1.0 MB    cat.png\n\
                 sending   [>                   ]   0% of 3.4 GB    film.mp4\n\
                 total     [====>               ]  24% 14 of 30 files, 1.2 GB of 5.0 GB, 24 MB/s, \
                 about 3 min left",
            ),
            (
                80,
                "hashing   12 files, 340 MB\n\
                 sending   [============>       ]  63% of 1.0 MB    cat.png\n\
                 sending   [>                   ]   0% of 3.4 GB    film.mp4\n\
                 total      24% 14 of 30 files, 1.2 GB of 5.0 GB, 24 MB/s, about 3 min left",
            ),
            (
                60,
                "hashing   12 files, 340 MB\n\
                 sending   [============>       ]  63% of 1.0 MB    cat.png\n\
                 sending   [>                   ]   0% of 3.4 GB    film.mp4\n\
                 total      24% 14 of 30 files, 24 MB/s, about 3 min left",
            ),
            (
                40,
                "hashing   12 files, 340 MB\n\
                 sending    63% cat.png\n\
                 sending     0% film.mp4\n\
                 total      24% 14 of 30 files",
            ),
            (20, "hashing 12 files\n 63% cat.png\n  0% film.mp4\n 24% 14 of 30 files"),
            (12, "12 files\n 63% cat.p…\n  0% film.…\n 24% 14/30"),
            (1, "…\n…\n…\n…"),
            (0, "…\n…\n…\n…"),
        ] {
            assert_eq!(frame(&example(), columns, 24).join("\n"), lines, "{columns} columns");
        }
    }

    #[test]
    fn there_are_never_more_lines_than_the_screen_has_and_the_sum_stays_longest() {
        let mut figures = example();
        let parts = (0..20).map(|number| part(&format!("{number}.png"), 0, 1));
        figures.sending = parts.collect();
        assert_eq!(frame(&figures, 80, 24).len(), 1 + SENDING_MOST + 1);
        assert_eq!(frame(&figures, 80, 4).len(), 4);
        for rows in [0, 1] {
            let lines = frame(&figures, 80, rows);
            assert!(matches!(lines.as_slice(), [sum] if sum.starts_with("total")), "{lines:?}");
        }
    }

    #[test]
    fn no_line_is_wider_than_the_screen_whatever_letters_a_name_has() {
        let mut figures = example();
        for name in
            ["猫の写真がとても長い名前.png", "e\u{301}e\u{301}", "a\nb\u{202e}gnp.exe", "👩‍🎨👩‍🎨"]
        {
            figures.sending = vec![part(name, 1, 2)];
            for columns in 1..130 {
                for line in frame(&figures, columns, 24) {
                    assert!(width(&line) < columns.max(2), "{columns}: {line:?}");
                    assert!(!line.contains(['\n', '\u{202e}']), "{line:?}");
                }
            }
        }
        figures.sending = vec![part("猫の写真がとても長い名前.png", 1, 2)];
        assert_eq!(frame(&figures, 20, 9)[1], " 50% 猫の写真がと…");
    }

    #[test]
    fn failures_are_named_and_a_speed_that_is_none_gives_no_time() {
        let mut figures = example();
        figures.failed = 2;
        figures.per_second = Some(0);
        figures.hashing = Amount::default();
        figures.sending.truncate(1);
        let lines = frame(&figures, 80, 24);
        assert_eq!(
            lines[1],
            "total      24% 14 of 30 files (2 failed), 1.2 GB of 5.0 GB, 0 bytes/s"
        );
        figures.sending.clear();
        figures.per_second = None;
        let line = frame(&figures, 80, 24).join("\n");
        assert_eq!(line, "total      24% 14 of 30 files (2 failed), 1.2 GB of 5.0 GB");
        figures = Figures::default();
        assert_eq!(frame(&figures, 80, 24), [""; 0]);
    }
}
