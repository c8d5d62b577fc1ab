//! FLAC sound (RFC 9639), with or without an ID3v2 tag in front.
//!
//! Owns:
//! - whole means that the last frame's checksum is right, that it ends with the file, and that
//!   it holds the last of the samples that STREAMINFO announces;
//! - not whole means that every frame near the end of the file holds earlier samples.

use super::source::{Source, Step, Stop, be16, be64};
use super::{Completeness, Facts, Inspection, shortfall, to_ms};
use crate::planner::MediaType;

/// The most metadata blocks before the sound; files have about five.
const BLOCK_LIMIT: usize = 64;

/// How far from the end the last frame is looked for, in bytes: the largest frames of 24-bit
/// stereo are about 25 kB.
const TAIL: usize = 64 * 1024;

/// How many frame headers before the end are taken for that of the last frame: one in 256 that
/// the sound imitates passes its checksum too.
const CANDIDATES: usize = 8;

/// Inspects a file whose "fLaC" is at `at`.
pub(super) fn inspect(source: &mut Source<'_>, at: u64) -> Step<Inspection> {
    let mut facts = Facts::unknown(MediaType::Flac);
    match read(source, at, &mut facts) {
        Ok(()) | Err(Stop::Spent) => Ok(Inspection::Media(facts)),
        Err(Stop::Io(error)) => Err(Stop::Io(error)),
    }
}

fn read(source: &mut Source<'_>, at: u64, facts: &mut Facts) -> Step<()> {
    let size = source.size();
    let mut info = None;
    let mut at = at + 4;
    for _ in 0..BLOCK_LIMIT {
        let Some([kind, len @ ..]) = source.array::<4>(at)? else {
            facts.incomplete("the file ends before its sound");
            return Ok(());
        };
        let len = u64::from(u32::from_be_bytes([0, len[0], len[1], len[2]]));
        let end = at + 4 + len;
        if end > size {
            facts.incomplete(shortfall("a metadata block", len, size - at - 4));
            return Ok(());
        }
        if kind & 0x7f == 0 {
            info = StreamInfo::parse(source.bytes(at + 4, 34)?);
        }
        at = end;
        if kind & 0x80 != 0 {
            break;
        }
    }
    let Some(info) = info else { return Ok(()) };
    facts.duration_ms = to_ms(info.samples, info.rate);
    if at >= size && info.samples > 0 {
        facts.incomplete("the file ends before its sound");
    } else if info.samples > 0 {
        let tail = Tail::read(source, at, &info)?;
        if tail.proven == Some(info.samples) {
            facts.completeness = Completeness::Complete;
        } else if let Some(there) = tail.seen.filter(|&there| there < info.samples)
            && info.largest_frame < TAIL
        {
            let promised = info.samples;
            facts.incomplete(format!("{promised} samples are promised, at most {there} are there"));
        }
    }
    Ok(())
}

struct StreamInfo {
    /// The least block size in samples: that of every block but the last where it is fixed.
    block: u64,
    rate: u64,
    /// All samples of a channel; zero when not known.
    samples: u64,
    /// The most bytes that a frame can have: one that is not compressed at all.
    largest_frame: usize,
}

impl StreamInfo {
    fn parse(body: &[u8]) -> Option<StreamInfo> {
        let packed = be64(body, 10)?;
        let (channels, bits) =
            ((packed >> 41 & 7) as usize + 1, (packed >> 36 & 0x1f) as usize + 1);
        // A difference of two channels needs one more bit; headers take less than 32 bytes.
        let sample_len = (bits + 1).div_ceil(8) * channels;
        Some(StreamInfo {
            block: u64::from(be16(body, 0)?),
            rate: packed >> 44,
            samples: packed & 0xf_ffff_ffff,
            largest_frame: usize::from(be16(body, 2)?) * sample_len + 32,
        })
    }
}

/// What the frames near the end of the file say.
#[derive(Default)]
struct Tail {
    /// How many samples there are up to the end of the frame that ends with the file, if one does.
    proven: Option<u64>,
    /// How many samples there are, whole or not, by the latest frame of those announced.
    seen: Option<u64>,
}

impl Tail {
    fn read(source: &mut Source<'_>, from: u64, info: &StreamInfo) -> Step<Tail> {
        let start = source.size().saturating_sub(TAIL as u64).max(from);
        let bytes = source.bytes(start, TAIL)?;
        let mut tail = Tail::default();
        // The bytes of a frame may look like the start of another: the checksum over all bytes to
        // the end tells. Only headers that pass their own checksum get that far.
        let frames = (0..bytes.len().saturating_sub(6))
            .rev()
            .filter(|&at| bytes[at] == 0xff && bytes[at + 1] & 0xfe == 0xf8)
            .filter_map(|at| Some((at, frame_end(&bytes[at..], info)?)));
        for (index, (at, end)) in frames.enumerate() {
            if index < CANDIDATES && tail.proven.is_none() && crc16(&bytes[at..]) == 0 {
                tail.proven = Some(end);
            }
            if end <= info.samples {
                tail.seen = tail.seen.max(Some(end));
            }
        }
        Ok(tail)
    }
}

/// The number of the sample behind the frame whose header begins `bytes` (RFC 9639, section 9.1).
fn frame_end(bytes: &[u8], info: &StreamInfo) -> Option<u64> {
    let variable = bytes[1] & 1 == 1;
    let (block_code, rate_code) = (*bytes.get(2)? >> 4, bytes[2] & 0xf);
    let (number, number_len) = coded_number(bytes.get(4..)?)?;
    let mut at = 4 + number_len;
    let block = match block_code {
        0 => return None,
        1 => 192,
        2..=5 => 144 << block_code,
        6 => {
            at += 1;
            u64::from(*bytes.get(at - 1)?) + 1
        }
        7 => {
            at += 2;
            u64::from(be16(bytes, at - 2)?) + 1
        }
        8..=15 => 1 << block_code,
        16.. => return None,
    };
    at += match rate_code {
        12 => 1,
        13 | 14 => 2,
        15 => return None,
        _ => 0,
    };
    if crc8(bytes.get(..at)?) != *bytes.get(at)? {
        return None;
    }
    let first = if variable { number } else { number.checked_mul(info.block)? };
    first.checked_add(block)
}

/// The number of a frame or sample, coded like UTF-8 with up to seven bytes, and its length.
fn coded_number(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let len = match first.leading_ones() {
        0 => return Some((u64::from(first), 1)),
        ones @ 2..=7 => ones as usize,
        1 | 8.. => return None,
    };
    let mut number = u64::from(first) & (0x7f >> len);
    for &byte in bytes.get(1..len)? {
        if byte & 0xc0 != 0x80 {
            return None;
        }
        number = number << 6 | u64::from(byte & 0x3f);
    }
    Some((number, len))
}

/// Polynomial x^8 + x^2 + x + 1 over a frame header.
fn crc8(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0, |crc, &byte| (0..8).fold(crc ^ byte, |crc, _| (crc << 1) ^ (7 * (crc >> 7))))
}

/// Polynomial x^16 + x^15 + x^2 + 1 over a frame; zero over a frame with its checksum.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| (crc << 1) ^ (0x8005 * (crc >> 15)))
    })
}
