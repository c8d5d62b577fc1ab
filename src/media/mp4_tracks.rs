//! The index (moov) of an ISO base media file: its tracks, size and duration.
//!
//! Owns:
//! - only box headers and fixed fields are read: the sample tables, which grow with the film,
//!   cost one read each.

use super::mp4::{Mp4Box, box_at};
use super::source::{Source, Step, Stop, be32, be64};
use super::to_ms;

/// The most boxes of an index that are looked at; a track has about twenty.
const BOX_LIMIT: u32 = 1000;

/// What an index says.
#[derive(Debug, Default)]
pub(super) struct Movie {
    pub(super) duration_ms: Option<u64>,
    /// The film goes on in fragments behind the index.
    pub(super) fragmented: bool,
    /// Some track keeps its data in another file.
    pub(super) external: bool,
    /// The highest file offset at which a chunk of samples begins.
    pub(super) last_chunk: Option<u64>,
    /// All of the index was read, and it has tracks.
    pub(super) tracks_known: bool,
    /// Zeros stand where boxes or offsets should.
    pub(super) unwritten: bool,
    tracks: Vec<Track>,
    boxes_left: u32,
}

#[derive(Debug, Default)]
struct Track {
    video: bool,
    enabled: bool,
    size: Option<(u32, u32)>,
}

impl Movie {
    /// Whether there is a video track. In a file that calls itself audio, a track that is not
    /// enabled is a slide show of chapters.
    pub(super) fn has_video(&self, audio_brand: bool) -> bool {
        self.tracks.iter().any(|track| track.video && (track.enabled || !audio_brand))
    }

    /// The size of the first video track, enabled ones first.
    pub(super) fn displayed_size(&self) -> Option<(u32, u32)> {
        let video = || self.tracks.iter().filter(|track| track.video);
        video().find(|track| track.enabled).or_else(|| video().next()).and_then(|track| track.size)
    }
}

/// Reads the index whose boxes lie from `at` to `end`.
pub(super) fn read(source: &mut Source<'_>, at: u64, end: u64) -> Step<Movie> {
    let mut movie = Movie { boxes_left: BOX_LIMIT, ..Movie::default() };
    match movie.read_boxes(source, *b"moov", at, end) {
        Ok(all) => movie.tracks_known = all && !movie.tracks.is_empty(),
        Err(Stop::Spent) => {}
        Err(Stop::Io(error)) => return Err(Stop::Io(error)),
    }
    Ok(movie)
}

impl Movie {
    /// Reads the boxes in a `parent`; false if not all of them could be. The depth is bounded,
    /// because no container below holds itself.
    fn read_boxes(
        &mut self,
        source: &mut Source<'_>,
        parent: [u8; 4],
        mut at: u64,
        end: u64,
    ) -> Step<bool> {
        // QuickTime ends lists of boxes with four zero bytes.
        while at.saturating_add(8) <= end {
            let Some(found) = box_at(source, at)? else {
                let zeros = be32(source.bytes(at, 4)?, 0) == Some(0);
                // Those four are the last bytes of their list: these are more.
                self.unwritten |= zeros;
                return Ok(zeros);
            };
            let Some(next) = found.end.filter(|&next| next <= end && self.boxes_left > 0) else {
                return Ok(false);
            };
            self.boxes_left -= 1;
            if !self.read_box(source, parent, found, next)? {
                return Ok(false);
            }
            at = next;
        }
        Ok(true)
    }

    fn read_box(
        &mut self,
        source: &mut Source<'_>,
        parent: [u8; 4],
        found: Mp4Box,
        end: u64,
    ) -> Step<bool> {
        match (&parent, &found.kind) {
            (b"moov", b"trak") => self.tracks.push(Track::default()),
            (b"moov", b"mvex") => self.fragmented = true,
            (b"trak", b"mdia") | (b"mdia", b"minf") | (b"minf", b"dinf" | b"stbl") => {}
            (b"moov", b"mvhd") => {
                self.duration_ms = duration_ms(source.bytes(found.body, 32)?);
                return Ok(true);
            }
            (b"moov", b"cmov") => return Ok(false),
            (b"trak", b"tkhd") => {
                let body = source.bytes(found.body, 96)?;
                if let Some(track) = self.tracks.last_mut() {
                    track.enabled = body.get(3).is_some_and(|flags| flags & 1 == 1);
                    track.size = displayed_size(body);
                }
                return Ok(true);
            }
            (b"mdia", b"hdlr") => {
                let handler = source.array(found.body + 8)?;
                if let Some(track) = self.tracks.last_mut() {
                    track.video = handler == Some(*b"vide");
                }
                return Ok(true);
            }
            (b"dinf", b"dref") => {
                // Flag 1 of an entry: the data are in this file.
                let first = source.bytes(found.body + 8, 12)?;
                self.external |= be32(first, 8).is_some_and(|flags| flags & 1 == 0);
                return Ok(true);
            }
            (b"stbl", b"stco") => return self.read_chunks(source, found, end, 4),
            (b"stbl", b"co64") => return self.read_chunks(source, found, end, 8),
            (_, _) => return Ok(true),
        }
        self.read_boxes(source, found.kind, found.body, end)
    }

    /// Notes the last chunk offset of a track: offsets rise, so it is the highest one.
    fn read_chunks(
        &mut self,
        source: &mut Source<'_>,
        table: Mp4Box,
        end: u64,
        width: u64,
    ) -> Step<bool> {
        let count = source.array(table.body + 4)?.map_or(0, u32::from_be_bytes);
        let last = table.body + 8 + u64::from(count).saturating_sub(1) * width;
        if count > 0 && last + width <= end {
            let entry = source.bytes(last, width as usize)?;
            let offset = if width == 8 { be64(entry, 0) } else { be32(entry, 0).map(u64::from) };
            // Samples cannot stand where the first box begins.
            self.unwritten |= offset == Some(0);
            self.last_chunk = self.last_chunk.max(offset);
        }
        Ok(true)
    }
}

/// The duration in a movie header. All ones, and zero, mean that it is not known.
fn duration_ms(body: &[u8]) -> Option<u64> {
    let (scale, duration) = match body.first()? {
        1 => (be32(body, 20)?, be64(body, 24)?),
        _ => {
            let duration = be32(body, 16)?;
            let duration = if duration == u32::MAX { u64::MAX } else { u64::from(duration) };
            (be32(body, 12)?, duration)
        }
    };
    if duration == u64::MAX {
        return None;
    }
    to_ms(duration, u64::from(scale))
}

/// Width and height in a track header (16.16 fixed point), swapped if the matrix is that of a
/// quarter turn: its diagonal is zero.
fn displayed_size(body: &[u8]) -> Option<(u32, u32)> {
    // The 64-bit form has three times of eight bytes in place of four.
    let matrix = match body.first()? {
        1 => 52,
        _ => 40,
    };
    let (a, b) = (be32(body, matrix)?, be32(body, matrix + 4)?);
    let (c, d) = (be32(body, matrix + 12)?, be32(body, matrix + 16)?);
    let side = |at| be32(body, at).map(|fixed| ((u64::from(fixed) + 0x8000) >> 16) as u32);
    let (width, height) = (side(matrix + 36)?, side(matrix + 40)?);
    Some(if a == 0 && d == 0 && b != 0 && c != 0 { (height, width) } else { (width, height) })
}
