//! MP4, QuickTime and 3GP files (ISO/IEC 14496-12, QuickTime File Format, 3GPP TS 26.244).
//!
//! Owns:
//! - the type is one that the brands of the file allow: the extension chooses among them, else
//!   the major brand does;
//! - a file without a video track is not supported;
//! - whole means that the outermost boxes end with the file, one of them is the index (moov),
//!   one the data (mdat), and no track refers to data behind the end of the file.

use super::mp4_brands::Brands;
use super::mp4_tracks::{self, Movie};
use super::source::{Source, Step, Stop, be32, be64};
use super::{Completeness, Facts, Inspection, shortfall, unsupported};

/// The most outermost boxes: an ordinary file has five, a fragmented one two for each fragment.
const BOX_LIMIT: usize = 400;

/// Whether a file that begins so is a file of boxes. QuickTime files may be older than the ftyp
/// box.
pub(super) fn starts(head: &[u8]) -> bool {
    let Some((size, kind)) = be32(head, 0).zip(head.get(4..8)) else {
        return false;
    };
    match kind {
        b"ftyp" => size >= 8,
        // A box is 0 (to the end), 1 (a 64-bit size follows) or at least its header long.
        b"mdat" | b"moov" => !(2..8).contains(&size),
        // Small ones only: the letters of a text make a large number.
        b"wide" | b"free" | b"skip" | b"pnot" => (8..1 << 24).contains(&size),
        [..] => false,
    }
}

pub(super) fn inspect(source: &mut Source<'_>, extension: &str, head: &[u8]) -> Step<Inspection> {
    let brands = match Brands::read(head) {
        Ok(brands) => brands,
        Err(other) => return Ok(other),
    };
    let mut facts = Facts::unknown(brands.media_type(extension));
    let mut layout = Layout::default();
    layout.read(source, 0)?;
    if let Some(movie) = &layout.movie {
        if movie.tracks_known && !movie.has_video(brands.audio) {
            return Ok(unsupported::MP4_AUDIO);
        }
        facts.set_size(movie.displayed_size());
        facts.duration_ms = movie.duration_ms;
    } else if brands.audio {
        return Ok(unsupported::MP4_AUDIO);
    }
    facts.completeness = layout.completeness(source.size());
    Ok(Inspection::Media(facts))
}

/// The verdict on a film that stands behind something else in a file, from `at` to the end.
pub(super) fn appended(source: &mut Source<'_>, at: u64) -> Step<Completeness> {
    if source.bytes(at, 8)?.get(4..) != Some(b"ftyp") {
        return Ok(Completeness::CannotTell);
    }
    let mut layout = Layout::default();
    layout.read(source, at)?;
    Ok(layout.completeness(source.size()))
}

/// A box: its type, where its contents begin, and where it says it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mp4Box {
    pub(super) kind: [u8; 4],
    pub(super) body: u64,
    /// None for a box that reaches to the end of the file, wherever that is.
    pub(super) end: Option<u64>,
}

/// The box whose header is at `at`; none where there is no well-formed header.
pub(super) fn box_at(source: &mut Source<'_>, at: u64) -> Step<Option<Mp4Box>> {
    let header = source.bytes(at, 16)?;
    let (Some(size), Some(kind)) = (be32(header, 0), header.get(4..8)) else {
        return Ok(None);
    };
    let kind = [kind[0], kind[1], kind[2], kind[3]];
    // 0xa9 is the copyright sign that QuickTime begins its text boxes with.
    if !kind.iter().all(|&byte| matches!(byte, b' '..=b'~' | 0xa9)) {
        return Ok(None);
    }
    let (header_len, len) = match size {
        0 => (8, None),
        1 => match be64(header, 8) {
            Some(len) => (16, Some(len)),
            None => return Ok(None),
        },
        2.. => (8, Some(u64::from(size))),
    };
    Ok(match len {
        Some(len) if len < header_len => None,
        Some(len) => {
            at.checked_add(len).map(|end| Mp4Box { kind, body: at + header_len, end: Some(end) })
        }
        None => Some(Mp4Box { kind, body: at + header_len, end: None }),
    })
}

/// What the outermost boxes are.
#[derive(Debug, Default)]
struct Layout {
    moov: bool,
    mdat: bool,
    fragments: bool,
    /// A box that ends behind the end of the file, and where its contents begin.
    cut: Option<(Mp4Box, u64)>,
    /// The data reach to the end of the file, wherever that is.
    open: bool,
    /// The walk did not get to the end of the file: too many boxes, or bytes that are no box.
    unfinished: bool,
    /// The file ends where a box should begin, or zeros stand there.
    unwritten: bool,
    /// What the index says, if it could be read.
    movie: Option<Movie>,
}

impl Layout {
    /// Reads what the allowance lets it.
    fn read(&mut self, source: &mut Source<'_>, at: u64) -> Step<()> {
        match self.walk(source, at) {
            Ok(()) => Ok(()),
            Err(Stop::Spent) => {
                self.unfinished = true;
                Ok(())
            }
            Err(Stop::Io(error)) => Err(Stop::Io(error)),
        }
    }

    /// Walks the outermost boxes from `at` on, and the index.
    fn walk(&mut self, source: &mut Source<'_>, mut at: u64) -> Step<()> {
        for _ in 0..BOX_LIMIT {
            if at == source.size() {
                return Ok(());
            }
            let Some(found) = box_at(source, at)? else {
                // What is shorter than a header, or zeros not written yet, hides no box.
                let header = source.bytes(at, 8)?;
                self.unwritten = header.len() < 8 || header == [0; 8];
                self.unfinished = !self.unwritten || self.moov && self.mdat;
                return Ok(());
            };
            match &found.kind {
                b"moov" => self.moov = true,
                b"mdat" => self.mdat = true,
                b"moof" => self.fragments = true,
                [..] => {}
            }
            let Some(end) = found.end else {
                self.open = true;
                return Ok(());
            };
            if end > source.size() {
                self.cut = Some((found, end));
                return Ok(());
            }
            if &found.kind == b"moov" && self.movie.is_none() {
                self.movie = Some(mp4_tracks::read(source, found.body, end)?);
            }
            at = end;
        }
        self.unfinished = true;
        Ok(())
    }

    fn completeness(&self, size: u64) -> Completeness {
        let incomplete = |reason: String| Completeness::Incomplete { reason };
        let fragmented =
            self.fragments || self.movie.as_ref().is_some_and(|movie| movie.fragmented);
        if let Some((cut, end)) = self.cut {
            // Padding, notes and junk behind a whole film are no part of it.
            let part = matches!(&cut.kind, b"moov" | b"mdat");
            if self.moov && self.mdat && !fragmented && !part {
                return Completeness::CannotTell;
            }
            let there = size.saturating_sub(cut.body);
            let name = super::letters(&cut.kind, "a box");
            return incomplete(shortfall(name, end - cut.body, there));
        }
        if self.unfinished {
            return Completeness::CannotTell;
        }
        if !self.moov {
            return incomplete("the index (moov) is missing".into());
        }
        let Some(movie) = &self.movie else {
            return Completeness::CannotTell;
        };
        if fragmented || self.open {
            return Completeness::CannotTell;
        }
        let beyond = movie.last_chunk.is_some_and(|last| last >= size);
        if (beyond || self.unwritten) && !self.mdat && !movie.external {
            return incomplete("the data (mdat) are missing".into());
        }
        if beyond || !self.mdat || !movie.tracks_known || movie.unwritten {
            return Completeness::CannotTell;
        }
        Completeness::Complete
    }
}
