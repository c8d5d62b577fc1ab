//! Files of any kind, held to what an inspection promises. For fuzzers and tests only.

use std::ffi::OsStr;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::source::{BYTE_LIMIT, READ_LIMIT};
use super::{Completeness, Facts, Inspection, Walk, inspect};
use crate::planner::MediaType;

/// Extensions that make a difference where the content leaves a choice.
const NAMES: [&str; 6] = ["file", "file.mp3", "file.mjpeg", "file.mpo", "file.mov", "file.weba"];

/// Takes any bytes as a file, under several names and believed sizes.
///
/// # Panics
/// If an inspection reads more than it may, says something else the second time, or says what it
/// never may.
pub fn media(data: &[u8]) {
    let size = data.len() as u64;
    for name in NAMES {
        let inspection = look(name, data, size);
        assert_eq!(inspection, look(name, data, size), "one file, one verdict");
        assert_eq!(inspection == Inspection::Empty, data.is_empty());
        is_sound(&inspection);
        // A file that shrinks or grows while it is read.
        is_sound(&look(name, data, size + 13));
        is_sound(&look(name, data, size.saturating_sub(13)));
    }
    for media_type in [MediaType::Png, MediaType::Jpeg, MediaType::Gif] {
        let [whole, small, tiny] = [usize::MAX, 97, 1].map(|chunk| walk(media_type, data, chunk));
        assert!(whole == small && small == tiny, "the borders of chunks do not matter");
    }
}

fn walk(media_type: MediaType, data: &[u8], chunk: usize) -> Option<Completeness> {
    let mut walk = Walk::new(media_type)?;
    data.chunks(chunk).for_each(|chunk| walk.feed(chunk));
    Some(walk.finish())
}

fn is_sound(inspection: &Inspection) {
    match inspection {
        Inspection::Media(facts) => {
            let Facts { media_type, width, height, duration_ms, completeness } = facts;
            assert_eq!(width.is_some(), height.is_some(), "{facts:?}");
            assert!(*width != Some(0) && *height != Some(0), "{facts:?}");
            assert_ne!(*duration_ms, Some(0));
            let picture = media_type.as_str().starts_with("image/");
            assert!(!picture || duration_ms.is_none(), "{facts:?}");
            if let Completeness::Incomplete { reason } = completeness {
                is_line(reason);
            }
        }
        Inspection::Unsupported { what, hint } => {
            is_line(what);
            is_line(hint);
        }
        Inspection::Empty => {}
    }
}

fn is_line(text: &str) {
    assert!(!text.is_empty() && text.len() < 200, "{text:?}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// Inspects a file that is believed to have `size` bytes, within the allowance.
///
/// # Panics
/// If it is not within the allowance, or fails though the file can be read.
pub fn look(name: &str, data: &[u8], size: u64) -> Inspection {
    let mut file = Counting { file: Cursor::new(data), bytes: 0, seeks: 0, end: 0 };
    let inspection = inspect(&mut file, size, OsStr::new(name));
    assert!(file.bytes <= BYTE_LIMIT, "{name}: {} bytes", file.bytes);
    assert!(file.seeks <= READ_LIMIT, "{name}: {} seeks", file.seeks);
    assert!(file.end <= size, "{name}: read past the expected size");
    inspection.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A file in memory that counts what is read of it.
struct Counting<'a> {
    file: Cursor<&'a [u8]>,
    bytes: u64,
    seeks: u32,
    end: u64,
}

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.bytes += read as u64;
        self.end = self.end.max(self.file.position());
        Ok(read)
    }
}

impl Seek for Counting<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.seeks += 1;
        self.file.seek(to)
    }
}
