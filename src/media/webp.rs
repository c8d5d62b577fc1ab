//! WebP pictures (RFC 9649): lossy, lossless and extended.
//!
//! Owns:
//! - the size of an extended picture is that of its canvas.

use super::Facts;
use super::riff;
use super::source::{Source, Step, le16, le32};
use crate::planner::MediaType;

/// Where the first chunk's data begin.
const BODY: u64 = 20;

pub(super) fn inspect(source: &mut Source<'_>) -> Step<Facts> {
    let mut facts = Facts::unknown(MediaType::Webp);
    let size = source.size();
    let (Some(header), Some(first)) = (riff::chunk_at(source, 0)?, riff::chunk_at(source, 12)?)
    else {
        facts.incomplete("the file ends within its header");
        return Ok(facts);
    };
    let body = source.bytes(BODY, 10)?;
    facts.set_size(match &first.kind {
        b"VP8 " => lossy(body),
        b"VP8L" => lossless(body),
        b"VP8X" => canvas(body),
        [..] => None,
    });
    if let Ok(len) = u32::try_from(header.len)
        && !riff::is_placeholder(len)
    {
        let chunks = riff::chunks(source, 12, size, |chunk| chunk.len)?;
        let (promised, data) = (header.len + 8, [*b"VP8 ", *b"VP8L", *b"ANMF"]);
        let verdict = riff::completeness(promised, size, &chunks, &data);
        facts.completeness = riff::believing(verdict, promised, size);
    }
    Ok(facts)
}

/// The frame header of VP8 (RFC 6386, section 9.1).
fn lossy(body: &[u8]) -> Option<(u32, u32)> {
    if body.get(3..6)? != [0x9d, 0x01, 0x2a] {
        return None;
    }
    let side = |at| Some(u32::from(le16(body, at)? & 0x3fff));
    side(6).zip(side(8))
}

/// The image header of the lossless format: two 14-bit numbers, each one less than the side.
fn lossless(body: &[u8]) -> Option<(u32, u32)> {
    if body.first() != Some(&0x2f) {
        return None;
    }
    let bits = le32(body, 1)?;
    Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
}

/// The canvas of the extended format: two 24-bit numbers, each one less than the side.
fn canvas(body: &[u8]) -> Option<(u32, u32)> {
    let width = le32(body, 4)? & 0xff_ffff;
    let height = le32(body, 6)? >> 8;
    Some((width + 1, height + 1))
}
