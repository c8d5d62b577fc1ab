//! AVI films (Microsoft AVI RIFF reference, OpenDML AVI file format extensions 1.02).
//!
//! Owns:
//! - a file of several RIFF parts is whole only if the last of them ends with the file;
//! - a file with an index (idx1) is whole only if the last entry of it names a chunk that is there.

use super::riff::{self, Chunk};
use super::source::{Source, Step, le32};
use super::{Completeness, Facts, to_ms};
use crate::planner::MediaType;

/// The most RIFF parts: OpenDML starts a new one about every gigabyte.
const PART_LIMIT: usize = 100;

/// None if the file has streams and none of them is video.
pub(super) fn inspect(source: &mut Source<'_>) -> Step<Option<Facts>> {
    let mut facts = Facts::unknown(MediaType::Avi);
    let size = source.size();
    let Some(header) = riff::chunk_at(source, 0)? else {
        return Ok(Some(facts));
    };
    let chunks = riff::chunks(source, 12, header.end().min(size), |chunk| chunk.len)?;
    let mut headers = Headers::default();
    for list in chunks.iter().filter(|chunk| &chunk.kind == b"LIST") {
        if source.array(list.at)? == Some(*b"hdrl") {
            headers.read(source, list)?;
            break;
        }
    }
    if headers.streams > 0 && headers.video == 0 {
        return Ok(None);
    }
    facts.set_size(headers.size);
    facts.duration_ms = headers.duration_ms();
    facts.completeness = completeness(source, &header, &chunks, &headers)?;
    Ok(Some(facts))
}

fn completeness(
    source: &mut Source<'_>,
    header: &Chunk,
    chunks: &[Chunk],
    headers: &Headers,
) -> Step<Completeness> {
    let size = source.size();
    let mut promised = header.end();
    let mut parts = 1;
    if u32::try_from(header.len).is_ok_and(riff::is_placeholder) {
        return Ok(Completeness::CannotTell);
    }
    while promised < size && parts < PART_LIMIT {
        let Some(part) = riff::chunk_at(source, promised)? else {
            return Ok(Completeness::CannotTell);
        };
        if &part.kind != b"RIFF" || source.array(part.at)? != Some(*b"AVIX") {
            break;
        }
        if u32::try_from(part.len).is_ok_and(riff::is_placeholder) {
            return Ok(Completeness::CannotTell);
        }
        parts += 1;
        promised = part.end();
        if promised > size {
            return Ok(riff::completeness(promised, size, &[part], &[*b"RIFF"]));
        }
    }
    let verdict = riff::completeness(promised, size, chunks, &[*b"LIST"]);
    if verdict == Completeness::Complete && !is_index_sound(source, chunks, headers)? {
        return Ok(Completeness::CannotTell);
    }
    // The frames of all parts are more than those of the first: another part must follow.
    if verdict == Completeness::Complete && parts == 1 && headers.all_frames > headers.first_frames
    {
        return Ok(Completeness::CannotTell);
    }
    Ok(riff::believing(verdict, promised, size))
}

/// Whether the last entry of the index names a chunk of the first part, or there is no index and
/// none is announced.
fn is_index_sound(source: &mut Source<'_>, chunks: &[Chunk], headers: &Headers) -> Step<bool> {
    let Some(index) = chunks.iter().find(|chunk| &chunk.kind == b"idx1") else {
        return Ok(!headers.indexed);
    };
    let mut movie = None;
    for list in chunks.iter().filter(|chunk| &chunk.kind == b"LIST") {
        if source.array(list.at)? == Some(*b"movi") {
            movie = Some(list.at);
        }
    }
    let entry = source.bytes(index.end().saturating_sub(16), 16)?.to_vec();
    let (Some(kind), Some(at), Some(len)) =
        (entry.first_chunk::<4>(), le32(&entry, 8), le32(&entry, 12))
    else {
        return Ok(false);
    };
    // Offsets count from the list of the frames or, in the files of some writers, from the start.
    for base in [movie.unwrap_or(0), 0] {
        let named = riff::chunk_at(source, base + u64::from(at))?;
        if named.is_some_and(|chunk| &chunk.kind == kind && chunk.len == u64::from(len)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the list of headers says.
#[derive(Default)]
struct Headers {
    streams: u32,
    video: u32,
    size: Option<(u32, u32)>,
    /// Ticks a second of the first video stream, as a fraction, and its length in ticks.
    rate: u32,
    scale: u32,
    length: u32,
    /// Frames in the first RIFF part, and in all of them.
    first_frames: u32,
    all_frames: u32,
    /// An index is announced.
    indexed: bool,
}

impl Headers {
    fn read(&mut self, source: &mut Source<'_>, list: &Chunk) -> Step<()> {
        let end = list.end().min(source.size());
        for chunk in riff::chunks(source, list.at + 4, end, |chunk| chunk.len)? {
            match &chunk.kind {
                b"avih" => {
                    let body = source.bytes(chunk.at, 40)?;
                    const HAS_INDEX: u32 = 0x10;
                    self.indexed = le32(body, 12).is_some_and(|flags| flags & HAS_INDEX != 0);
                    self.first_frames = le32(body, 16).unwrap_or(0);
                    self.size = le32(body, 32).zip(le32(body, 36));
                }
                b"LIST" => match source.array(chunk.at)? {
                    Some(kind) if &kind == b"strl" => self.read_stream(source, &chunk)?,
                    Some(kind) if &kind == b"odml" => {
                        let body = source.bytes(chunk.at + 4, 12)?;
                        if body.starts_with(b"dmlh") {
                            self.all_frames = le32(body, 8).unwrap_or(0);
                        }
                    }
                    Some(_) | None => {}
                },
                [..] => {}
            }
        }
        Ok(())
    }

    fn read_stream(&mut self, source: &mut Source<'_>, list: &Chunk) -> Step<()> {
        // The stream header is the first chunk of its list, the format the second.
        let Some(header) = riff::chunk_at(source, list.at + 4)? else {
            return Ok(());
        };
        let body = source.bytes(header.at, 36)?.to_vec();
        if body.len() < 4 {
            return Ok(());
        }
        self.streams += 1;
        // "iavs" is video interleaved with sound, as digital camcorders write it.
        if !(body.starts_with(b"vids") || body.starts_with(b"iavs")) {
            return Ok(());
        }
        self.video += 1;
        if self.video > 1 {
            return Ok(());
        }
        self.scale = le32(&body, 20).unwrap_or(0);
        self.rate = le32(&body, 24).unwrap_or(0);
        self.length = le32(&body, 32).unwrap_or(0);
        let format = source.bytes(header.end(), 20)?;
        if body.starts_with(b"vids") && format.starts_with(b"strf") {
            let side = |at| le32(format, at).map(|side| (side as i32).unsigned_abs());
            // A negative height means rows from top to bottom.
            self.size = side(12).zip(side(16)).or(self.size);
        }
        Ok(())
    }

    fn duration_ms(&self) -> Option<u64> {
        let length = self.length.max(self.all_frames);
        let ticks = u64::from(length).checked_mul(u64::from(self.scale))?;
        to_ms(ticks, u64::from(self.rate))
    }
}
