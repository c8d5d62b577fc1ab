//! The brands of an ISO base media file: which types its content allows.
//!
//! Owns:
//! - brands that no type here answers to leave the choice to the others; a file with none that
//!   is known is MP4, as every reader of the family takes it.

use super::{Inspection, unsupported};
use crate::planner::MediaType;

/// What the ftyp box says.
pub(super) struct Brands {
    /// Never empty; the major brand's type first.
    allowed: Vec<MediaType>,
    /// The major brand is one of sound alone.
    pub(super) audio: bool,
}

impl Brands {
    /// Reads the brands at the start of a file; an unsupported kind of file is the error.
    pub(super) fn read(head: &[u8]) -> Result<Brands, Inspection> {
        if head.get(4..8) != Some(b"ftyp") {
            // Files without brands are older than MP4: they are QuickTime's.
            return Ok(Brands { allowed: vec![MediaType::QuickTime], audio: false });
        }
        let len = super::source::be32(head, 0).map_or(0, |len| len as usize);
        let ftyp = &head[8..head.len().min(len.max(8))];
        let major = ftyp.first_chunk::<4>().copied().unwrap_or_default();
        // The four bytes behind the major brand are its version.
        let compatible = ftyp.get(8..).unwrap_or_default();
        let brands: Vec<[u8; 4]> =
            std::iter::once(major).chain(compatible.as_chunks::<4>().0.iter().copied()).collect();
        if let Some(other) = unsupported_brand(major, &brands) {
            return Err(other);
        }
        let mut allowed = Vec::new();
        for media_type in brands.iter().copied().filter_map(media_type) {
            if !allowed.contains(&media_type) {
                allowed.push(media_type);
            }
        }
        if allowed.is_empty() {
            allowed.push(MediaType::Mp4);
        }
        let audio = matches!(&major, b"M4A " | b"M4B " | b"M4P " | b"F4A " | b"F4B ");
        Ok(Brands { allowed, audio })
    }

    /// The type: the extension's if the brands allow it, else the first.
    pub(super) fn media_type(&self, extension: &str) -> MediaType {
        let wanted = match extension {
            "mp4" | "m4v" | "f4v" => Some(MediaType::Mp4),
            "mov" | "qt" => Some(MediaType::QuickTime),
            "3gp" | "3gpp" => Some(MediaType::ThreeGpp),
            _ => None,
        };
        wanted
            .filter(|wanted| self.allowed.contains(wanted))
            .or(self.allowed.first().copied())
            .unwrap_or(MediaType::Mp4)
    }
}

/// The type a brand stands for (the registry of the MP4 registration authority, mp4ra.org).
fn media_type(brand: [u8; 4]) -> Option<MediaType> {
    match &brand {
        b"qt  " | b"mqt " => Some(MediaType::QuickTime),
        // 3gp4 to 3gp9, 3gr6, 3gs6, 3ge6, 3gg6 ... ; 3g2a is the other family, 3GPP2.
        [b'3', b'g', b'a'..=b'z', _] => Some(MediaType::ThreeGpp),
        b"isom" | b"avc1" | b"mp41" | b"mp42" | b"MSNV" | b"dash" => Some(MediaType::Mp4),
        [b'i', b's', b'o', b'2'..=b'9' | b'a'..=b'c'] | [b'M', b'4', b'V', _] => {
            Some(MediaType::Mp4)
        }
        [_, _, _, _] => None,
    }
}

/// Files of the same box structure that are something else.
fn unsupported_brand(major: [u8; 4], brands: &[[u8; 4]]) -> Option<Inspection> {
    match &major {
        b"avif" | b"avis" => Some(unsupported::AVIF),
        b"mif1" | b"msf1" | b"miaf" if brands.iter().any(|brand| brand == b"avif") => {
            Some(unsupported::AVIF)
        }
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"mif2" | b"msf1"
        | b"miaf" => Some(unsupported::HEIC),
        b"crx " => Some(unsupported::RAW_PICTURE),
        b"mjp2" | b"mj2s" => Some(unsupported::MOTION_JPEG_2000),
        [b'3', b'g', b'2', _] if !brands.iter().any(|&brand| media_type(brand).is_some()) => {
            Some(unsupported::THREE_GPP2)
        }
        [_, _, _, _] => None,
    }
}
