//! The codecs in Ogg streams, by the first packet of each (RFC 5334 and the codecs' mappings).
//!
//! Owns:
//! - a codec that is not known is neither sound nor video, and has no clock.

use super::source::{be16, be32, le16, le32};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Video,
    Audio,
    /// Text, an index, or unknown.
    Other,
}

/// A stream's codec, and how it counts time in the granule position of its pages.
#[derive(Debug)]
pub(super) struct Codec {
    pub(super) kind: Kind,
    pub(super) size: Option<(u32, u32)>,
    clock: Option<Clock>,
}

#[derive(Debug)]
enum Clock {
    /// Samples at a rate, counted from `skip`.
    Samples { rate: u32, skip: u64 },
    /// Frames at a rate of `num`/`den`: the frame number of the last key frame above the lowest
    /// `shift` bits, the frames since then in them.
    Frames { num: u32, den: u32, shift: u32 },
}

impl Codec {
    /// The codec that begins a stream with this packet.
    pub(super) fn of(packet: &[u8]) -> Codec {
        let audio = |rate: Option<u32>, skip| Codec {
            kind: Kind::Audio,
            size: None,
            clock: rate.map(|rate| Clock::Samples { rate, skip }),
        };
        let other = |kind| Codec { kind, size: None, clock: None };
        if packet.starts_with(b"\x80theora") {
            theora(packet)
        } else if packet.starts_with(b"OVP80\x01") {
            vp8(packet)
        } else if [&b"BBCD\0"[..], b"\x80daala", b"\x01video"]
            .iter()
            .any(|magic| packet.starts_with(magic))
        {
            other(Kind::Video)
        } else if packet.starts_with(b"OpusHead") {
            // Opus always counts at 48 kHz (RFC 7845).
            audio(Some(48_000), le16(packet, 10).map_or(0, u64::from))
        } else if packet.starts_with(b"\x01vorbis") {
            audio(le32(packet, 12), 0)
        } else if packet.starts_with(b"\x7fFLAC") {
            // The STREAMINFO block begins at 17; the rate is its 20 bits at byte 10.
            audio(be32(packet, 27).map(|bits| bits >> 12), 0)
        } else if packet.starts_with(b"Speex   ") {
            audio(le32(packet, 36), 0)
        } else if [&b"\x01audio"[..], b"PCM     ", b"CELT    ", b"fLaC"]
            .iter()
            .any(|magic| packet.starts_with(magic))
        {
            other(Kind::Audio)
        } else {
            other(Kind::Other)
        }
    }

    /// The time of a granule position, as units and units a second.
    pub(super) fn time(&self, granule: u64) -> Option<(u64, u64)> {
        match self.clock.as_ref()? {
            Clock::Samples { rate, skip } => {
                Some((granule.saturating_sub(*skip), u64::from(*rate)))
            }
            Clock::Frames { num, den, shift } => {
                let frames = (granule >> shift) + (granule & ((1 << shift) - 1));
                Some((frames.checked_mul(u64::from(*den))?, u64::from(*num)))
            }
        }
    }
}

/// The identification header of Theora (Theora specification, section 6.2).
fn theora(packet: &[u8]) -> Codec {
    let shift = be16(packet, 40).map(|bits| u32::from(bits >> 5 & 0x1f));
    let clock =
        || Some(Clock::Frames { num: be32(packet, 22)?, den: be32(packet, 26)?, shift: shift? });
    let size = be32(packet, 13)
        .map(|bits| bits & 0xff_ffff)
        .zip(be32(packet, 16).map(|bits| bits & 0xff_ffff));
    Codec { kind: Kind::Video, size, clock: clock() }
}

/// The header of VP8 in Ogg: sizes and frame rate. The upper half of a granule position counts
/// the frames that are shown.
fn vp8(packet: &[u8]) -> Codec {
    Codec {
        kind: Kind::Video,
        size: be16(packet, 8).map(u32::from).zip(be16(packet, 10).map(u32::from)),
        clock: None,
    }
}
