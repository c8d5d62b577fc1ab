//! WAV sound: RIFF/WAVE and its 64-bit forms RF64 (EBU Tech 3306) and BW64 (ITU-R BS.2088).
//!
//! Owns:
//! - the duration is given only where the format has a fixed number of bytes a sample.

use super::riff::{self, Chunk, Form};
use super::source::{Source, Step, le16, le32, le64};
use super::{Facts, Inspection, to_ms};
use crate::planner::MediaType;

/// WAVEFORMATEX format tags (RFC 2361) with a fixed number of bytes a sample: PCM, IEEE float,
/// A-law, mu-law.
const FIXED: [u16; 4] = [1, 3, 6, 7];

/// WAVE_FORMAT_EXTENSIBLE: the format tag proper begins the GUID at offset 24.
const EXTENSIBLE: u16 = 0xfffe;

pub(super) fn inspect(source: &mut Source<'_>, form: Form) -> Step<Inspection> {
    let mut facts = Facts::unknown(MediaType::Wav);
    let size = source.size();
    let Some(header) = riff::chunk_at(source, 0)? else {
        return Ok(Inspection::Media(facts));
    };
    let wide = match form {
        Form::Wave64Bit => wide_sizes(source)?,
        Form::Wave | Form::Avi | Form::Webp => None,
    };
    let len_of = |chunk: &Chunk| match wide {
        Some(wide) if &chunk.kind == b"data" && chunk.len == u64::from(u32::MAX) => wide.data,
        Some(_) | None => chunk.len,
    };
    let chunks = riff::chunks(source, 12, size, len_of)?;
    let data = chunks.iter().find(|chunk| &chunk.kind == b"data");
    let promised = match wide {
        Some(wide) => wide.riff.saturating_add(8),
        None => header.len + 8,
    };
    let sizes_known = match wide {
        Some(wide) => wide.are_known(),
        None => !is_placeholder(&header) && !data.is_some_and(is_placeholder),
    };
    if sizes_known {
        facts.completeness = riff::completeness(promised, size, &chunks, &[*b"data"]);
        if let Some(data) = data {
            facts.duration_ms = duration_ms(source, &chunks, data)?;
        }
    }
    Ok(Inspection::Media(facts))
}

/// A recorder that has not counted its data yet says nothing about their end.
fn is_placeholder(chunk: &Chunk) -> bool {
    u32::try_from(chunk.len).is_ok_and(riff::is_placeholder)
}

/// The sizes in a ds64 chunk, in bytes.
#[derive(Clone, Copy)]
struct WideSizes {
    riff: u64,
    data: u64,
}

impl WideSizes {
    /// A recorder writes zeros or all ones until it knows better.
    fn are_known(self) -> bool {
        [self.riff, self.data].iter().all(|size| (1..1 << 62).contains(size))
    }
}

/// The ds64 chunk, which is the first one of a 64-bit file.
fn wide_sizes(source: &mut Source<'_>) -> Step<Option<WideSizes>> {
    let Some(chunk) = riff::chunk_at(source, 12)? else {
        return Ok(None);
    };
    if &chunk.kind != b"ds64" {
        return Ok(None);
    }
    let body = source.bytes(chunk.at, 16)?;
    Ok(le64(body, 0).zip(le64(body, 8)).map(|(riff, data)| WideSizes { riff, data }))
}

fn duration_ms(source: &mut Source<'_>, chunks: &[Chunk], data: &Chunk) -> Step<Option<u64>> {
    let Some(format) = chunks.iter().find(|chunk| &chunk.kind == b"fmt ") else {
        return Ok(None);
    };
    let body = source.bytes(format.at, 26)?;
    let tag = match le16(body, 0) {
        Some(EXTENSIBLE) => le16(body, 24),
        tag => tag,
    };
    let (Some(rate), Some(block)) = (le32(body, 4), le16(body, 12)) else {
        return Ok(None);
    };
    let fixed = tag.is_some_and(|tag| FIXED.contains(&tag));
    Ok((fixed && block > 0)
        .then(|| to_ms(data.len / u64::from(block.max(1)), u64::from(rate)))
        .flatten())
}
