//! The directories of TIFF 6.0 that EXIF and MPF keep inside a JPEG picture.
//!
//! Owns:
//! - only the bytes of the segment are looked at; an offset out of it finds nothing.

use super::source::{be16, be32, le16, le32};

/// A TIFF structure: byte order, then directories of entries.
pub(super) struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

/// One entry of a directory: its value or, where that is longer than four bytes, its offset.
pub(super) struct Entry {
    pub(super) kind: u16,
    pub(super) count: u32,
    value_at: usize,
}

impl<'a> Tiff<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Option<Tiff<'a>> {
        let big_endian = match bytes.get(..4)? {
            b"MM\0*" => true,
            b"II*\0" => false,
            [..] => return None,
        };
        Some(Tiff { bytes, big_endian })
    }

    /// The entry with this tag in the first directory.
    pub(super) fn entry(&self, tag: u16) -> Option<Entry> {
        let directory = self.long(4)? as usize;
        let count = usize::from(self.short(directory)?);
        let entries = self.bytes.get(directory.checked_add(2)?..)?;
        let index = entries
            .chunks_exact(12)
            .take(count)
            .position(|entry| self.number16(entry, 0) == Some(tag))?;
        let at = directory + 2 + 12 * index;
        Some(Entry { kind: self.short(at + 2)?, count: self.long(at + 4)?, value_at: at + 8 })
    }

    /// The value of an entry that holds one SHORT.
    pub(super) fn entry_short(&self, entry: &Entry) -> Option<u16> {
        const SHORT: u16 = 3;
        (entry.kind == SHORT && entry.count == 1).then(|| self.short(entry.value_at)).flatten()
    }

    /// Where the value of an entry longer than four bytes lies.
    pub(super) fn entry_offset(&self, entry: &Entry) -> Option<usize> {
        self.long(entry.value_at).map(|offset| offset as usize)
    }

    pub(super) fn short(&self, at: usize) -> Option<u16> {
        self.number16(self.bytes, at)
    }

    pub(super) fn long(&self, at: usize) -> Option<u32> {
        if self.big_endian { be32(self.bytes, at) } else { le32(self.bytes, at) }
    }

    fn number16(&self, bytes: &[u8], at: usize) -> Option<u16> {
        if self.big_endian { be16(bytes, at) } else { le16(bytes, at) }
    }
}
