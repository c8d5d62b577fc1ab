//! Every format, cut: the table of verdicts, which stands in `docs/formats.md` too.
//!
//! Owns:
//! - no file that lacks bytes is ever called complete;
//! - neither is one whose end is zeros in place of what was to come, except where the table says
//!   that zeros may be what was to come.

use std::fmt::Write as _;

use super::boundaries::{Shape, boundaries};
use super::larger::larger;
use super::*;

/// Fewer zeros than this at the end of a file may be its own.
const OWN_ZEROS: usize = 64;

/// How many boundaries at either end of a large file are cut at.
const LARGE: usize = 30;

/// One line of the table: files put together in one way and judged by the same.
struct Row {
    what: &'static str,
    shape: Shape,
    files: Vec<(String, Vec<u8>)>,
    /// Silence is zeros: a tail of them cannot be told from sound.
    zeros_are_data: bool,
    judged_by: &'static str,
}

fn row(what: &'static str, shape: Shape, files: &[&str], judged_by: &'static str) -> Row {
    let files = files.iter().map(|name| ((*name).to_owned(), file_or_larger(name))).collect();
    Row { what, shape, files, zeros_are_data: false, judged_by }
}

/// A file of the corpus, or one made larger here.
fn file_or_larger(name: &str) -> Vec<u8> {
    larger(name).unwrap_or_else(|| file(name))
}

/// The verdict of the daemon: that of an inspection or, if it cannot tell, of a walk. None for a
/// file that has no type.
fn judge(name: &str, bytes: &[u8]) -> Option<Completeness> {
    let Inspection::Media(facts) = look(name, bytes) else { return None };
    if facts.completeness != Completeness::CannotTell {
        return Some(facts.completeness);
    }
    let Some(mut walk) = Walk::new(facts.media_type) else {
        return Some(Completeness::CannotTell);
    };
    bytes.chunks(128 * 1024).for_each(|chunk| walk.feed(chunk));
    Some(walk.finish())
}

/// Verdicts that files of one kind got.
#[derive(Default)]
struct Verdicts {
    complete: bool,
    incomplete: bool,
    cannot_tell: bool,
}

impl Verdicts {
    fn add(&mut self, verdict: Option<&Completeness>) {
        match verdict {
            Some(Completeness::Complete) => self.complete = true,
            Some(Completeness::Incomplete { .. }) => self.incomplete = true,
            Some(Completeness::CannotTell) => self.cannot_tell = true,
            None => {}
        }
    }

    fn words(&self) -> &'static str {
        match (self.incomplete, self.cannot_tell, self.complete) {
            (true, false, false) => "incomplete",
            (false, true, false) => "cannot tell",
            (true, true, false) => "incomplete, or cannot tell",
            (false, false, true) => "complete",
            (true, false, true) => "incomplete, or complete",
            (false, true, true) => "cannot tell, or complete",
            (true, true, true) => "any",
            (false, false, false) => "-",
        }
    }
}

#[derive(Default)]
struct Line {
    whole: Verdicts,
    anywhere: Verdicts,
    at_boundary: Verdicts,
    zeros: Verdicts,
    wrong: Vec<String>,
}

impl Row {
    fn cut(&self) -> Line {
        let mut line = Line::default();
        for (name, bytes) in &self.files {
            line.whole.add(judge(name, bytes).as_ref());
            let mut ends = boundaries(self.shape, bytes);
            if bytes.len() > 100_000 && ends.len() > 2 * LARGE {
                // Small files have all of theirs cut.
                let (len, mut index) = (ends.len(), 0);
                ends.retain(|_| {
                    index += 1;
                    index < LARGE || index + LARGE > len || index % 97 == 0
                });
            }
            let near = ends.iter().flat_map(|&end| [end.saturating_sub(1), end, end + 1]);
            let parts = [0, 1, 25, 50, 75, 99].map(|percent| bytes.len() * percent / 100);
            let cuts: BTreeSet<usize> = near.chain(parts).filter(|&at| at < bytes.len()).collect();
            for at in cuts {
                let verdict = judge(name, &bytes[..at]);
                let kind =
                    if ends.contains(&at) { &mut line.at_boundary } else { &mut line.anywhere };
                kind.add(verdict.as_ref());
                if verdict == Some(Completeness::Complete) {
                    line.wrong.push(format!("{name} cut at {at} of {}", bytes.len()));
                }
                self.fill(name, bytes, at, &mut line);
            }
        }
        line
    }

    /// The file as a download leaves it that has set the whole size aside.
    fn fill(&self, name: &str, bytes: &[u8], at: usize, line: &mut Line) {
        let mut filled = bytes.to_vec();
        filled[at..].fill(0);
        if filled == *bytes {
            return;
        }
        let verdict = judge(name, &filled);
        let zeros = filled.iter().rev().take_while(|&&byte| byte == 0).count();
        if zeros < OWN_ZEROS && verdict == Some(Completeness::Complete) {
            return;
        }
        line.zeros.add(verdict.as_ref());
        if verdict == Some(Completeness::Complete) && !self.zeros_are_data {
            line.wrong.push(format!("{name} with {zeros} zeros from {at} of {}", bytes.len()));
        }
    }
}

fn rows() -> Vec<Row> {
    let pcm = |row: Row| Row { zeros_are_data: true, ..row };
    vec![
        row(
            "PNG, APNG",
            Shape::Png,
            &["picture.png", "animated.png", "large.png"],
            "its last chunk (IEND)",
        ),
        row(
            "JPEG",
            Shape::Jpeg,
            &["picture.jpg", "progressive.jpeg", "thumbnail.jpg", "large.jpg"],
            "the end marker (EOI) of the picture, not that of a thumbnail",
        ),
        row(
            "JPEG of several pictures",
            Shape::Jpeg,
            &["phone.jpg", "large-phone.jpg"],
            "the index (MPF): all its pictures are there, and nothing else",
        ),
        row(
            "JPEG with a film (Motion Photo)",
            Shape::Jpeg,
            &["announced-film.jpg", "large-announced-film.jpg"],
            "the picture's end marker, then the boxes of the film that its XMP announces",
        ),
        row("MPO", Shape::Jpeg, &["pair.mpo"], "the index (MPF): all its pictures are there"),
        row(
            "GIF",
            Shape::Gif,
            &["still.gif", "animated.gif", "large.gif"],
            "its trailer, found block by block",
        ),
        row(
            "WebP",
            Shape::Riff,
            &["lossy.webp", "lossless.webp", "animated.webp"],
            "the size in its header",
        ),
        row(
            "MP4, index first",
            Shape::Boxes,
            &["faststart.mp4", "rotated.mp4", "large-faststart.mp4"],
            "its boxes: the index (moov), and the data (mdat) to their promised end",
        ),
        row(
            "MP4, index last",
            Shape::Boxes,
            &["moov-at-end.mp4", "hevc.mp4", "film.m4v"],
            "its boxes: the index (moov), and the data (mdat) to their promised end",
        ),
        row(
            "MP4, fragmented",
            Shape::Boxes,
            &["fragmented.mp4"],
            "nothing: it may end behind any fragment",
        ),
        row("QuickTime", Shape::Boxes, &["film.mov", "mjpeg.mov"], "as MP4"),
        row("3GP", Shape::Boxes, &["film.3gp"], "as MP4"),
        row(
            "Matroska, WebM",
            Shape::Ebml,
            &["film.mkv", "vp8.webm", "vp9.webm", "sound.webm", "large.webm"],
            "the size of the segment, and what its SeekHead points at",
        ),
        row(
            "Matroska, WebM of unknown size",
            Shape::Ebml,
            &["live.webm"],
            "nothing: a live recording may end anywhere",
        ),
        row(
            "Ogg",
            Shape::Ogg,
            &["theora.ogv", "vp8.ogg", "vorbis.ogg", "sound.opus", "flac.oga", "large.ogg"],
            "the last page of every stream: marked as the last, checksum right, nothing behind",
        ),
        row(
            "AVI",
            Shape::Riff,
            &["film.avi", "parts.avi"],
            "the sizes in the headers of all parts, and the last entry of the index (idx1)",
        ),
        row(
            "FLV",
            Shape::Flv,
            &["film.flv"],
            "the file size in onMetaData, and the size of the last tag",
        ),
        row(
            "MPEG program stream, MPEG video",
            Shape::MpegVideo,
            &["film.mpg", "film.vob", "video.m1v", "video.m2v"],
            "nothing: it may end anywhere",
        ),
        row(
            "MPEG transport stream, 188 bytes a packet",
            Shape::Packets(188),
            &["film.ts"],
            "nothing: it may end anywhere",
        ),
        row(
            "MPEG transport stream, 192 bytes a packet",
            Shape::Packets(192),
            &["film.m2ts"],
            "nothing: it may end anywhere",
        ),
        row(
            "MPEG transport stream, 204 bytes a packet",
            Shape::Packets(204),
            &["parity.ts"],
            "nothing: it may end anywhere",
        ),
        row(
            "Motion JPEG",
            Shape::Jpeg,
            &["film.mjpeg", "one-frame.mjpg"],
            "nothing: it may end behind any picture",
        ),
        pcm(row(
            "WAV, RF64, BW64",
            Shape::Riff,
            &["pcm.wav", "float.wav", "extensible.wav", "rf64.wav", "bw64.wav", "large.wav"],
            "the size in its header or its ds64 chunk",
        )),
        pcm(row(
            "WAV with a size not filled in",
            Shape::Riff,
            &["streamed.wav", "recorded.wav", "recorded-rf64.wav"],
            "nothing: a recorder that fills in no size may end anywhere",
        )),
        row(
            "MP3 with a Xing or Info header",
            Shape::MpegAudio,
            &["xing.mp3", "tagged.mp3"],
            "the count of bytes in that header, and a frame that ends with them",
        ),
        row(
            "other MPEG audio",
            Shape::MpegAudio,
            &["bare.mp3", "sound.mp2"],
            "nothing: it may end behind any frame",
        ),
        row(
            "FLAC",
            Shape::Flac,
            &["sound.flac", "tagged.flac", "large.flac"],
            "the count of samples in STREAMINFO, and the last frame with its checksum",
        ),
    ]
}

fn table(rows: &[Row], lines: &[Line]) -> String {
    let mut table =
        "| format | whole | cut anywhere | cut between parts | zero-filled tail | judged by |\n\
                     |---|---|---|---|---|---|\n"
            .to_owned();
    for (row, line) in rows.iter().zip(lines) {
        let cells = [&line.whole, &line.anywhere, &line.at_boundary, &line.zeros];
        let [whole, anywhere, at_boundary, zeros] = cells.map(Verdicts::words);
        let (what, judged_by) = (row.what, row.judged_by);
        let _ = writeln!(
            table,
            "| {what} | {whole} | {anywhere} | {at_boundary} | {zeros} | {judged_by} |"
        );
    }
    table
}

#[test]
fn no_cut_file_is_complete_and_the_page_says_what_each_is() {
    let rows = rows();
    let lines: Vec<Line> = rows.iter().map(Row::cut).collect();
    let table = table(&rows, &lines);
    println!("{table}");
    let wrong: Vec<&String> = lines.iter().flat_map(|line| &line.wrong).collect();
    assert!(wrong.is_empty(), "called complete: {wrong:#?}");
    assert_page("verdicts", &table);
}

#[test]
fn the_page_names_what_is_not_taken() {
    let mut table = "| what it is | what to do |\n|---|---|\n".to_owned();
    let unsupported = corpus().into_iter().filter_map(|(name, bytes)| match look(&name, &bytes) {
        Inspection::Unsupported { what, hint } => Some((what, hint)),
        Inspection::Media(_) | Inspection::Empty => None,
    });
    for (what, hint) in unsupported.collect::<BTreeSet<_>>() {
        let _ = writeln!(table, "| {what} | {hint} |");
    }
    assert_page("unsupported", &table);
}

/// Compares a table with that of the page, or writes it there.
fn assert_page(name: &str, table: &str) {
    static PAGE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_writer = PAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = page.split_once(&begin).expect("where the table begins");
    let (there, after) = rest.split_once(&end).expect("where the table ends");
    if std::env::var_os("TAXIWAY_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&path, format!("{before}{begin}{table}{end}{after}")).unwrap();
    } else {
        assert!(there == table, "docs/formats.md is stale: TAXIWAY_BLESS=1 rewrites its tables");
    }
}

#[test]
fn every_type_that_is_taken_stands_in_the_table() {
    let files = rows().into_iter().flat_map(|row| row.files);
    let types: BTreeSet<MediaType> = files.map(|(name, bytes)| media_type(&name, &bytes)).collect();
    assert_eq!(types, BTreeSet::from(MediaType::ALL));
}
