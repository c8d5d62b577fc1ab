//! MPEG audio, usually MP3 (ISO/IEC 11172-3, ISO/IEC 13818-3), and the ID3v2 tags that come
//! before it and before other sound.
//!
//! Owns:
//! - eleven set bits are no signature: frames of one kind must follow each other;
//! - layers I and II are `audio/mpeg` too: that is what RFC 3003 registers the type for;
//! - the duration is given only if a Xing, Info or VBRI header counts the frames;
//! - whole means that there are as many bytes of frames as a Xing or Info header counts, and that
//!   a frame ends with them; not whole, that several frames of them are missing.

use super::mpeg_audio_count::Count;
use super::source::{Source, Step, be32};
use super::{Facts, Inspection, flac, shortfall, unsupported};
use crate::planner::MediaType;

/// The most ID3v2 tags in a row; taggers that do not know each other leave two.
const TAG_LIMIT: usize = 8;

/// How many frames must follow each other, unless the file ends with the last of them.
const FRAMES: usize = 4;

/// How many bytes before the first frame are forgiven behind a tag or in a file named as MPEG
/// audio: padding, or the rest of a frame where a stream was cut.
const LEAD_IN: usize = 4096;

/// None if the file is no MPEG audio and has no ID3v2 tag.
pub(super) fn inspect(
    source: &mut Source<'_>,
    extension: &str,
    head: &[u8],
) -> Step<Option<Inspection>> {
    let tagged = head.starts_with(b"ID3");
    let named = matches!(extension, "mp3" | "mp2" | "mpga" | "mp1");
    let at = match skip_tags(source)? {
        Ok(at) => at,
        Err(reason) => return Ok(Some(cut_in_tag(extension, reason))),
    };
    if tagged {
        let magic = source.bytes(at, 4)?;
        if magic == b"fLaC" {
            return flac::inspect(source, at).map(Some);
        }
    }
    let lead_in = if tagged || named { LEAD_IN } else { 1 };
    let Some((first, frame)) = first_frame(source, at, lead_in, named)? else {
        // A tag and the name agree: frames of a free bit rate cannot be followed.
        return Ok(match (tagged, named) {
            (true, true) => Some(Inspection::Media(Facts::unknown(MediaType::Mp3))),
            (true, false) => Some(unsupported::UNKNOWN_AUDIO),
            (false, _) => None,
        });
    };
    if frame.layer == 0 {
        return Ok(Some(unsupported::AAC));
    }
    let mut facts = Facts::unknown(MediaType::Mp3);
    let count = Count::read(source, first, &frame)?;
    facts.duration_ms = count.duration_ms(&frame);
    facts.completeness = count.completeness(source, first, &frame)?;
    Ok(Some(Inspection::Media(facts)))
}

/// Where the ID3v2 tags end, or what is missing of the last one.
fn skip_tags(source: &mut Source<'_>) -> Step<Result<u64, String>> {
    let mut at = 0;
    for _ in 0..TAG_LIMIT {
        let header = source.bytes(at, 10)?;
        if !header.starts_with(b"ID3") {
            break;
        }
        let Some(&[_, _, flags, a, b, c, d]) = header.get(3..10) else {
            break;
        };
        // Sizes have seven bits a byte, so that no tag looks like a frame.
        if (a | b | c | d) & 0x80 != 0 {
            break;
        }
        let len = [a, b, c, d].iter().fold(0, |len, &byte| len << 7 | u64::from(byte));
        let footer = if flags & 0x10 == 0 { 0 } else { 10 };
        let there = source.size().saturating_sub(at + 10);
        if len > there {
            return Ok(Err(shortfall("the ID3 tag", len, there)));
        }
        at += 10 + len + footer;
    }
    Ok(Ok(at))
}

/// A file that ends within its tag goes by its name until the rest is there.
fn cut_in_tag(extension: &str, reason: String) -> Inspection {
    let mut facts = Facts::unknown(match extension {
        "aac" => return unsupported::AAC,
        "flac" => MediaType::Flac,
        _ => MediaType::Mp3,
    });
    facts.incomplete(reason);
    Inspection::Media(facts)
}

/// The first frame at or up to `lead_in` bytes behind `at` that others follow.
///
/// A frame that is cut by the end of the file counts as followed if it is where it should be in a
/// file `named` as MPEG audio.
fn first_frame(
    source: &mut Source<'_>,
    at: u64,
    lead_in: usize,
    named: bool,
) -> Step<Option<(u64, Frame)>> {
    let lead = source.bytes(at, lead_in + 3)?.to_vec();
    for (offset, window) in lead.windows(4).enumerate() {
        let candidate = at + offset as u64;
        if let Some(frame) = Frame::parse(window)
            && others_follow(source, candidate, &frame, named && offset == 0)?
        {
            return Ok(Some((candidate, frame)));
        }
    }
    Ok(None)
}

fn others_follow(source: &mut Source<'_>, at: u64, frame: &Frame, may_be_cut: bool) -> Step<bool> {
    let (mut at, mut len) = (at, frame.len(source, at)?);
    for _ in 1..FRAMES {
        let Some(next) = len.map(|len| at + len) else {
            return Ok(false);
        };
        // ID3v1 and APE tags may stand behind the last frame.
        let size = source.size();
        if next > size {
            return Ok(may_be_cut);
        }
        let header = source.bytes(next, 8)?;
        if next == size || header.starts_with(b"TAG") || header.starts_with(b"APETAGEX") {
            return Ok(true);
        }
        match header.first_chunk::<4>().and_then(|header| Frame::parse(header)) {
            Some(other) if other.kind() == frame.kind() => {
                at = next;
                len = other.len(source, at)?;
            }
            Some(_) | None => return Ok(false),
        }
    }
    Ok(true)
}

/// The header of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5.
    pub(super) version: u8,
    /// 3, 2, 1: layers I, II, III; 0: ADTS, which is AAC.
    layer: u8,
    /// Bits a second; zero for ADTS.
    bit_rate: u32,
    /// Samples a second.
    pub(super) rate: u32,
    padding: bool,
    pub(super) mono: bool,
}

impl Frame {
    pub(super) fn parse(header: &[u8]) -> Option<Frame> {
        let bits = be32(header, 0)?;
        if bits >> 21 != 0x7ff {
            return None;
        }
        let version = (bits >> 19 & 3) as u8;
        let layer = (bits >> 17 & 3) as u8;
        let mono = bits >> 6 & 3 == 3;
        if layer == 0 {
            // ADTS has a twelfth set bit, and four bits for one of thirteen rates.
            let known = bits >> 20 & 1 == 1 && bits >> 10 & 0xf < 13;
            return known.then_some(Frame {
                version,
                layer,
                bit_rate: 0,
                rate: bits >> 10 & 0xf,
                padding: false,
                mono,
            });
        }
        let rate = [44_100, 48_000, 32_000].get((bits >> 10 & 3) as usize)?;
        let halvings = match version {
            3 => 0,
            2 => 1,
            0 => 2,
            _ => return None,
        };
        Some(Frame {
            version,
            layer,
            bit_rate: bit_rate(version, layer, (bits >> 12 & 0xf) as usize)?,
            rate: rate >> halvings,
            padding: bits >> 9 & 1 == 1,
            mono,
        })
    }

    /// What all frames of a stream have in common.
    pub(super) fn kind(&self) -> (u8, u8, u32) {
        (self.version, self.layer, self.rate)
    }

    /// The length of the frame at `at` in bytes.
    pub(super) fn len(&self, source: &mut Source<'_>, at: u64) -> Step<Option<u64>> {
        let padding = u64::from(self.padding);
        let (bit_rate, rate) = (u64::from(self.bit_rate), u64::from(self.rate));
        Ok(match self.layer {
            0 => source.array::<6>(at)?.and_then(|[_, _, _, d, e, f]| {
                let len = u64::from(d & 3) << 11 | u64::from(e) << 3 | u64::from(f) >> 5;
                (len > 7).then_some(len)
            }),
            3 => Some((12 * bit_rate / rate + padding) * 4),
            _ => Some(u64::from(self.samples()) / 8 * bit_rate / rate + padding),
        })
    }

    /// Samples of a channel in one frame.
    pub(super) fn samples(&self) -> u32 {
        match (self.layer, self.version) {
            (3, _) => 384,
            (1, 0 | 2) => 576,
            (_, _) => 1152,
        }
    }
}

/// Bits a second by the tables of the two standards; none for free and forbidden rates.
fn bit_rate(version: u8, layer: u8, index: usize) -> Option<u32> {
    const MPEG1: [[u32; 14]; 3] = [
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    ];
    const MPEG2: [[u32; 14]; 2] = [
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    ];
    let row = match (version, layer) {
        (3, 1..=3) => &MPEG1[usize::from(layer) - 1],
        (_, 3) => &MPEG2[1],
        (_, _) => &MPEG2[0],
    };
    row.get(index.checked_sub(1)?).map(|rate| rate * 1000)
}
