//! The counts of frames and bytes that encoders put into the first frame of MPEG audio, which is
//! silent: the headers Xing and Info (LAME's "mp3 info tag" revision 1) and VBRI (Fraunhofer).
//!
//! Owns:
//! - bytes are counted from that frame on, without the tags (ID3v1, APE) behind the last one;
//! - VBRI counts bytes otherwise from one encoder to the next: it gives a duration, no verdict.

use super::mpeg_audio::Frame;
use super::source::{Source, Step, be32, le32};
use super::{Completeness, shortfall, to_ms};

/// The longest frame in bytes: layer I at 448 kbit/s and 32 kHz is shorter than layer II at 384
/// kbit/s and 32 kHz, 1,728 bytes, and a padding byte.
const FRAME_MOST: u64 = 1729;

/// What a header counts.
#[derive(Default)]
pub(super) struct Count {
    frames: Option<u32>,
    bytes: Option<u32>,
}

impl Count {
    /// The counts in the first frame of a file, which is at `at`.
    pub(super) fn read(source: &mut Source<'_>, at: u64, frame: &Frame) -> Step<Count> {
        // The header stands behind the side information of the frame.
        let side = match (frame.version, frame.mono) {
            (3, false) => 32,
            (3, true) | (0..=2, false) => 17,
            (_, _) => 9,
        };
        let body = source.bytes(at + 4, 64)?;
        let xing = body.get(side..).unwrap_or_default();
        if xing.starts_with(b"Xing") || xing.starts_with(b"Info") {
            // Flag 1: the number of frames is there; flag 2: that of bytes is, behind it.
            let flags = be32(xing, 4).unwrap_or(0);
            let bytes_at = if flags & 1 == 0 { 8 } else { 12 };
            return Ok(Count {
                frames: be32(xing, 8).filter(|_| flags & 1 != 0),
                bytes: be32(xing, bytes_at).filter(|&bytes| flags & 2 != 0 && bytes > 0),
            });
        }
        let vbri = body.get(32..36) == Some(b"VBRI");
        Ok(Count { frames: be32(body, 46).filter(|_| vbri), bytes: None })
    }

    pub(super) fn duration_ms(&self, frame: &Frame) -> Option<u64> {
        let samples = u64::from(self.frames?) * u64::from(frame.samples());
        to_ms(samples, u64::from(frame.rate))
    }

    /// The verdict on a file whose first frame is at `first`.
    pub(super) fn completeness(
        &self,
        source: &mut Source<'_>,
        first: u64,
        frame: &Frame,
    ) -> Step<Completeness> {
        let Some(promised) = self.bytes.map(u64::from) else {
            return Ok(Completeness::CannotTell);
        };
        let end = sound_end(source)?;
        let there = end.saturating_sub(first);
        // Some encoders count their own frame, or a tag, otherwise.
        if promised > there + FRAME_MOST {
            let reason = shortfall("the header in the first frame", promised, there);
            return Ok(Completeness::Incomplete { reason });
        }
        let whole = promised == there && frame_ends_at(source, first, end, frame)?;
        Ok(if whole { Completeness::Complete } else { Completeness::CannotTell })
    }
}

/// Where the tags begin that stand behind the last frame.
fn sound_end(source: &mut Source<'_>) -> Step<u64> {
    let mut end = source.size();
    if let Some(at) = end.checked_sub(128)
        && source.array(at)? == Some(*b"TAG")
    {
        end = at;
    }
    if let Some(at) = end.checked_sub(32) {
        let footer = source.bytes(at, 32)?;
        if footer.starts_with(b"APETAGEX") {
            // The size counts the footer, and not the header that flag 31 announces.
            let header =
                if le32(footer, 20).is_some_and(|flags| flags >> 31 == 1) { 32 } else { 0 };
            let len = le32(footer, 12).map_or(32, u64::from) + header;
            end = end.saturating_sub(len);
        }
    }
    Ok(end)
}

/// Whether a frame like `frame` ends at `end`.
fn frame_ends_at(source: &mut Source<'_>, first: u64, end: u64, frame: &Frame) -> Step<bool> {
    let start = end.saturating_sub(FRAME_MOST).max(first);
    let tail = source.bytes(start, (end - start) as usize)?.to_vec();
    for (offset, header) in tail.windows(4).enumerate() {
        if let Some(other) = Frame::parse(header).filter(|other| other.kind() == frame.kind()) {
            let at = start + offset as u64;
            if other.len(source, at)?.is_some_and(|len| at + len == end) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
