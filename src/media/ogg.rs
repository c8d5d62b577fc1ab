//! Ogg files (RFC 3533): sound or video by the codecs of their streams.
//!
//! Owns:
//! - one video stream makes the file video;
//! - whole means that the last page of every stream is seen, is marked as the last, and ends with
//!   the file; anything else proves nothing, since a stream cut between pages is valid;
//! - the duration is given only if the stream begins near zero: a piece of a broadcast does not.

use super::ogg_codec::{Codec, Kind};
use super::source::{Source, Step, Stop, le32, le64};
use super::{Completeness, Facts, Inspection, to_ms};
use crate::planner::MediaType;

/// The most streams in one file that are told apart.
const STREAM_LIMIT: usize = 32;

/// The most pages searched for the first one with a time: headers and cover art come before.
const FIRST_TIME_WITHIN: usize = 64;

/// How much of the end is searched for the last pages: two pages of the largest size, 65,307
/// bytes, whatever their offsets.
const TAIL: u64 = 3 * 65_307;

/// How many pages with a wrong checksum are gone through in the tail before it is given up.
const DAMAGED_LIMIT: usize = 16;

/// How late, in milliseconds, the first page with a time may be in a stream that begins at zero:
/// a page holds at most 255 packets, encoders fill it with about a second.
const BEGINNING_MS: u64 = 10_000;

pub(super) fn inspect(source: &mut Source<'_>, extension: &str) -> Step<Inspection> {
    let mut streams = Vec::new();
    let mut last = Vec::new();
    match read(source, &mut streams, &mut last) {
        Ok(()) | Err(Stop::Spent) => {}
        Err(Stop::Io(error)) => return Err(Stop::Io(error)),
    }
    let first_of = |kind| streams.iter().find(move |stream: &&Stream| stream.codec.kind == kind);
    let (media_type, main) = match (first_of(Kind::Video), first_of(Kind::Audio)) {
        (Some(video), _) => (MediaType::OggVideo, Some(video)),
        (None, Some(audio)) => (MediaType::OggAudio, Some(audio)),
        (None, None) if matches!(extension, "ogv" | "ogm") => (MediaType::OggVideo, None),
        (None, None) => (MediaType::OggAudio, None),
    };
    let mut facts = Facts::unknown(media_type);
    if let Some(main) = main {
        facts.set_size(main.codec.size);
        // Another stream at the end than at the start: several files in a chain.
        let known = |page: &Page| streams.iter().any(|stream| stream.serial == page.serial);
        if last.iter().all(known) {
            facts.duration_ms = duration_ms(source, main, &last)?;
        }
    }
    facts.completeness = completeness(source.size(), &streams, &last);
    Ok(Inspection::Media(facts))
}

fn read(source: &mut Source<'_>, streams: &mut Vec<Stream>, last: &mut Vec<Page>) -> Step<()> {
    let mut at = 0;
    while streams.len() < STREAM_LIMIT {
        let Some(page) = page_at(source, at)?.filter(Page::begins_stream) else {
            break;
        };
        let packet = source.bytes(page.body, page.first_packet)?;
        streams.push(Stream {
            serial: page.serial,
            codec: Codec::of(packet),
            headers_end: page.end,
        });
        at = page.end;
    }
    for stream in streams.iter_mut() {
        stream.headers_end = at;
    }
    read_tail(source, last)
}

/// Collects the last page of each stream that ends in the tail of the file.
fn read_tail(source: &mut Source<'_>, last: &mut Vec<Page>) -> Step<()> {
    let start = source.size().saturating_sub(TAIL);
    let len = source.size() - start;
    let tail = source.bytes(start, len as usize)?.to_vec();
    let (mut at, mut damaged) = (0, 0);
    while at + 27 <= tail.len() && damaged < DAMAGED_LIMIT {
        match Page::parse(&tail[at..], start + at as u64) {
            // Only a page whose checksum is right is a page: media data may hold its magic.
            Some(page) if page.is_whole(&tail[at..]) => {
                at += (page.end - page.at) as usize;
                last.retain(|other: &Page| other.serial != page.serial);
                if last.len() < STREAM_LIMIT {
                    last.push(page);
                }
            }
            Some(page) => {
                damaged += usize::from(page.end <= source.size());
                at += 1;
            }
            None => at += 1,
        }
    }
    Ok(())
}

fn completeness(size: u64, streams: &[Stream], last: &[Page]) -> Completeness {
    let ended = |serial| last.iter().any(|page| page.serial == serial && page.ends_stream());
    let all = !streams.is_empty()
        && streams.len() < STREAM_LIMIT
        && streams.iter().all(|stream| ended(stream.serial))
        && last.iter().all(Page::ends_stream)
        && last.iter().any(|page| page.end == size);
    if all { Completeness::Complete } else { Completeness::CannotTell }
}

/// From zero to the time of the stream's last page, if it begins near zero.
fn duration_ms(source: &mut Source<'_>, stream: &Stream, last: &[Page]) -> Step<Option<u64>> {
    let time_ms = |page: &Page| {
        let (units, per_second) = stream.codec.time(page.granule?)?;
        to_ms(units, per_second)
    };
    let Some(end) = last.iter().find(|page| page.serial == stream.serial).and_then(time_ms) else {
        return Ok(None);
    };
    let mut at = stream.headers_end;
    for _ in 0..FIRST_TIME_WITHIN {
        let page = match page_at(source, at) {
            Ok(Some(page)) => page,
            Ok(None) | Err(Stop::Spent) => break,
            Err(Stop::Io(error)) => return Err(Stop::Io(error)),
        };
        if page.serial == stream.serial
            && let Some(first) = time_ms(&page)
        {
            return Ok((first <= BEGINNING_MS).then_some(end));
        }
        at = page.end;
    }
    Ok(None)
}

struct Stream {
    serial: u32,
    codec: Codec,
    /// Where the first pages of all streams end in the file.
    headers_end: u64,
}

/// A page: its header's fields, and where its body begins and ends in the file.
#[derive(Debug, Clone, Copy)]
struct Page {
    flags: u8,
    serial: u32,
    /// None where no packet ends on the page.
    granule: Option<u64>,
    at: u64,
    body: u64,
    end: u64,
    /// The length of the first packet, as far as it lies on the page.
    first_packet: usize,
}

/// The page whose header is at `at`; none if there is none.
fn page_at(source: &mut Source<'_>, at: u64) -> Step<Option<Page>> {
    Ok(Page::parse(source.bytes(at, 27 + 255)?, at))
}

impl Page {
    /// The page at the start of `bytes`, which lie at `at` in the file.
    fn parse(bytes: &[u8], at: u64) -> Option<Page> {
        if !bytes.starts_with(b"OggS\0") {
            return None;
        }
        let segments = usize::from(*bytes.get(26)?);
        let lacing = bytes.get(27..27 + segments)?;
        let len: usize = lacing.iter().copied().map(usize::from).sum();
        // A packet ends with the first segment shorter than 255 bytes.
        let packet_segments =
            lacing.iter().position(|&segment| segment < 255).map_or(segments, |last| last + 1);
        let first_packet = lacing[..packet_segments].iter().copied().map(usize::from);
        let body = at + (27 + segments) as u64;
        Some(Page {
            flags: bytes[5],
            serial: le32(bytes, 14)?,
            granule: le64(bytes, 6).filter(|&granule| granule != u64::MAX),
            at,
            body,
            end: body + len as u64,
            first_packet: first_packet.sum(),
        })
    }

    fn begins_stream(&self) -> bool {
        self.flags & 2 != 0
    }

    fn ends_stream(&self) -> bool {
        self.flags & 4 != 0
    }

    /// Whether `bytes`, which begin with the page, hold all of it with the right checksum.
    fn is_whole(&self, bytes: &[u8]) -> bool {
        let Some(page) = bytes.get(..(self.end - self.at) as usize) else {
            return false;
        };
        // The checksum is taken with its own four bytes as zeros.
        let sum = checksum(0, &page[..22]);
        let sum = checksum(sum, &[0; 4]);
        Some(checksum(sum, &page[26..])) == le32(page, 22)
    }
}

/// The CRC of RFC 3533: polynomial 0x04c11db7, most significant bit first, no inversion.
pub(super) fn checksum(sum: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut value = (index as u32) << 24;
            let mut bit = 0;
            while bit < 8 {
                let carry = value >> 31;
                value = (value << 1) ^ (carry * 0x04c1_1db7);
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    bytes.iter().fold(sum, |sum, &byte| (sum << 8) ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)])
}
