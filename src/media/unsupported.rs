//! Names for files that the API's table has no row for, and what to do with them.
//!
//! Owns:
//! - every file gets a name and a hint, at worst "file of an unknown type".

use std::borrow::Cow;

use file_format::{FileFormat, Kind};

use super::Inspection;

const fn unsupported(what: &'static str, hint: &'static str) -> Inspection {
    Inspection::Unsupported { what: Cow::Borrowed(what), hint }
}

const TO_PICTURE: &str = "convert it to JPEG or PNG";
const TO_VIDEO: &str = "convert it to MP4";
const TO_AUDIO: &str = "convert it to MP3, WAV or FLAC";
const NO_MEDIA: &str = "only pictures, video and sound can be uploaded";

pub(super) const UNKNOWN: Inspection = unsupported("file of an unknown type", NO_MEDIA);
pub(super) const UNKNOWN_AUDIO: Inspection =
    unsupported("file of an unknown type behind an ID3 tag", TO_AUDIO);
pub(super) const AAC: Inspection = unsupported("AAC sound", TO_AUDIO);
pub(super) const AVIF: Inspection = unsupported("AVIF picture", TO_PICTURE);
pub(super) const AVI_WITHOUT_VIDEO: Inspection = unsupported("AVI without video", TO_AUDIO);
pub(super) const FLV_AUDIO: Inspection = unsupported("Flash sound", TO_AUDIO);
pub(super) const HEIC: Inspection = unsupported("HEIC picture", TO_PICTURE);
pub(super) const MATROSKA_AUDIO: Inspection = unsupported("Matroska sound", TO_AUDIO);
pub(super) const MATROSKA_SUBTITLES: Inspection = unsupported("Matroska subtitles", NO_MEDIA);
pub(super) const MOTION_JPEG_2000: Inspection = unsupported("Motion JPEG 2000 video", TO_VIDEO);
pub(super) const MP4_AUDIO: Inspection = unsupported("MP4 sound without video", TO_AUDIO);
pub(super) const RAW_PICTURE: Inspection = unsupported("camera raw picture", TO_PICTURE);
pub(super) const THREE_GPP2: Inspection = unsupported("3GPP2 video", TO_VIDEO);

/// Names a file by its first bytes.
pub(super) fn inspect(head: &[u8]) -> Inspection {
    own(head).or_else(|| text(head)).unwrap_or_else(|| by_signature(head))
}

/// Formats that a signature library names too broadly or not at all.
fn own(head: &[u8]) -> Option<Inspection> {
    let is = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|head| head.starts_with(magic));
    if is(0, b"riff\x2e\x91\xcf\x11") {
        Some(unsupported("Wave64 sound", TO_AUDIO))
    } else if is(0, b"caff") {
        Some(unsupported("CAF sound", TO_AUDIO))
    } else if is(0, b".snd") {
        Some(unsupported("AU sound", TO_AUDIO))
    } else if is(0, b"RIFX") {
        Some(unsupported("big-endian RIFF file", TO_AUDIO))
    } else if is(4, b"styp") || is(4, b"moof") || is(4, b"sidx") {
        Some(unsupported("MP4 segment without its index", "join the segments into one MP4"))
    } else if is(0, &[0, 0, 1, 0xb0]) || is_h26x(head) {
        Some(unsupported("bare video stream", TO_VIDEO))
    } else {
        None
    }
}

/// Whether the file begins with a delimiter or a parameter set of H.264 or H.265 (Annex B).
fn is_h26x(head: &[u8]) -> bool {
    let unit = head.strip_prefix(&[0, 0, 0, 1]).or_else(|| head.strip_prefix(&[0, 0, 1]));
    matches!(unit, Some([0x09 | 0x27 | 0x67 | 0x40 | 0x42 | 0x46, ..]))
}

fn text(head: &[u8]) -> Option<Inspection> {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The end of the head may cut a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let printable = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\x0c' | '\x1b');
    if valid.is_empty() || !valid.chars().all(printable) {
        return None;
    }
    // Web pages hold pictures too.
    if valid.contains("<svg") && !valid.to_ascii_lowercase().contains("<html") {
        return Some(unsupported("SVG picture", TO_PICTURE));
    }
    // Formats made of text have better names; those of sound and video are four letters in a text.
    let format = FileFormat::from_bytes(head);
    let text = format == FileFormat::ArbitraryBinaryData
        || matches!(format.kind(), Kind::Audio | Kind::Video);
    text.then_some(unsupported("text", NO_MEDIA))
}

fn by_signature(head: &[u8]) -> Inspection {
    let format = FileFormat::from_bytes(head);
    let what = match format {
        FileFormat::AdaptiveMultiRate => "AMR sound",
        FileFormat::AdobePhotoshopDocument => "Photoshop picture",
        FileFormat::AdvancedSystemsFormat => "Windows Media file",
        FileFormat::AppleIconImage | FileFormat::WindowsIcon => "icon",
        FileFormat::ArbitraryBinaryData | FileFormat::Empty => return UNKNOWN,
        FileFormat::AudioInterchangeFileFormat => "AIFF sound",
        FileFormat::Jpeg2000Codestream
        | FileFormat::Jpeg2000Part1
        | FileFormat::Jpeg2000Part2
        | FileFormat::Jpeg2000Part3
        | FileFormat::Jpeg2000Part6 => "JPEG 2000 picture",
        FileFormat::JpegXl => "JPEG XL picture",
        FileFormat::MusicalInstrumentDigitalInterface => "MIDI file",
        FileFormat::PortableDocumentFormat => "PDF document",
        FileFormat::TagImageFileFormat => "TIFF picture",
        FileFormat::WindowsBitmap => "BMP picture",
        FileFormat::Zip => "ZIP archive",
        // The library knows some 400 formats: the rest go by its own names.
        other => {
            return Inspection::Unsupported {
                what: Cow::Owned(other.name().to_owned()),
                hint: hint(format),
            };
        }
    };
    unsupported(what, hint(format))
}

fn hint(format: FileFormat) -> &'static str {
    // A Windows Media file may be either; most are video.
    if format == FileFormat::AdvancedSystemsFormat {
        return "convert it to MP4, or to MP3 if it is sound";
    }
    match format.kind() {
        Kind::Image => TO_PICTURE,
        Kind::Video => TO_VIDEO,
        Kind::Audio => TO_AUDIO,
        _ => NO_MEDIA,
    }
}
