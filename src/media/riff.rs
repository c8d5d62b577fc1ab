//! RIFF containers (Microsoft/IBM Multimedia Programming Interface 1.0): WAV, AVI, WebP; and
//! the 64-bit forms of WAV, RF64 (EBU Tech 3306) and BW64 (ITU-R BS.2088).
//!
//! Owns:
//! - whole means that the size in the header is the size of the file; a header that promises
//!   less than is there may be that of a recording in progress and proves nothing;
//! - not whole means that a chunk is cut; a header that promises more although every chunk ends
//!   within the file is a writer's mistake and proves nothing.

use super::source::{Source, Step, le32};
use super::{Completeness, Inspection, avi, shortfall, unsupported, wav, webp};

/// The most chunks one list is searched for: recordings have a dozen, animations one a frame.
const CHUNK_LIMIT: usize = 128;

/// The RIFF containers whose content may be supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Wave,
    /// RF64 or BW64: the sizes that count stand in the ds64 chunk.
    Wave64Bit,
    Avi,
    Webp,
}

/// The form that the first bytes of a file announce.
pub(super) fn form(head: &[u8]) -> Option<Form> {
    match (head.get(..4)?, head.get(8..12)?) {
        (b"RIFF", b"WAVE") => Some(Form::Wave),
        (b"RF64" | b"BW64", b"WAVE") => Some(Form::Wave64Bit),
        (b"RIFF", b"AVI ") => Some(Form::Avi),
        (b"RIFF", b"WEBP") => Some(Form::Webp),
        (_, _) => None,
    }
}

pub(super) fn inspect(source: &mut Source<'_>, form: Form) -> Step<Inspection> {
    match form {
        Form::Wave | Form::Wave64Bit => wav::inspect(source, form),
        Form::Avi => Ok(match avi::inspect(source)? {
            Some(facts) => Inspection::Media(facts),
            None => unsupported::AVI_WITHOUT_VIDEO,
        }),
        Form::Webp => webp::inspect(source).map(Inspection::Media),
    }
}

/// A chunk: its type, where its data begin, and how long they claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) kind: [u8; 4],
    pub(super) at: u64,
    pub(super) len: u64,
}

impl Chunk {
    /// Where the data end, by their claim.
    pub(super) fn end(&self) -> u64 {
        self.at.saturating_add(self.len)
    }

    /// Where the next chunk begins: chunks start at even offsets.
    fn next(&self) -> u64 {
        self.end().saturating_add(self.len & 1)
    }
}

/// The chunk whose header is at `at`; none where the file ends before it.
pub(super) fn chunk_at(source: &mut Source<'_>, at: u64) -> Step<Option<Chunk>> {
    let header = source.bytes(at, 8)?;
    let kind = header.first_chunk::<4>().copied();
    Ok(kind.zip(le32(header, 4)).map(|(kind, len)| Chunk { kind, at: at + 8, len: u64::from(len) }))
}

/// The chunks from `at` to `end` or to the first that is cut, at most [`CHUNK_LIMIT`]. `len_of`
/// may correct a chunk's length.
pub(super) fn chunks(
    source: &mut Source<'_>,
    mut at: u64,
    end: u64,
    len_of: impl Fn(&Chunk) -> u64,
) -> Step<Vec<Chunk>> {
    let mut found = Vec::new();
    while at < end && found.len() < CHUNK_LIMIT {
        let Some(mut chunk) = chunk_at(source, at)? else {
            break;
        };
        chunk.len = len_of(&chunk);
        at = chunk.next();
        found.push(chunk);
    }
    Ok(found)
}

/// What the sizes say. `promised` is the length of the file by its header, `chunks` are those of
/// the outermost level, `data` is the type of the one that holds the picture or the sound.
pub(super) fn completeness(
    promised: u64,
    size: u64,
    chunks: &[Chunk],
    data: &[[u8; 4]],
) -> Completeness {
    let has_data = chunks.iter().any(|chunk| data.contains(&chunk.kind));
    let all_chunks = chunks.len() < CHUNK_LIMIT;
    // Some writers do not count the byte that pads an odd chunk, others do not write it.
    let exact = promised == size || promised % 2 == 1 && promised.checked_add(1) == Some(size);
    // A chunk without a name stands where nobody has written yet, or where somebody padded.
    let unwritten = chunks.iter().any(|chunk| chunk.kind == [0; 4]);
    if exact && !unwritten && (has_data || !all_chunks) {
        return Completeness::Complete;
    }
    if exact || promised < size {
        return Completeness::CannotTell;
    }
    let incomplete = |reason| Completeness::Incomplete { reason };
    if let Some(cut) = chunks.iter().find(|chunk| chunk.end() > size) {
        let name = super::letters(&cut.kind, "a chunk");
        let there = size.saturating_sub(cut.at);
        return incomplete(shortfall(name, cut.len, there));
    }
    if all_chunks && !has_data {
        return incomplete(shortfall("the header", promised, size));
    }
    Completeness::CannotTell
}

/// A verdict on a container whose header is believed: one that promises more than there is, and
/// more than its own eight bytes, which careless writers count, makes the file incomplete.
pub(super) fn believing(verdict: Completeness, promised: u64, size: u64) -> Completeness {
    if verdict == Completeness::CannotTell && promised > size.saturating_add(8) {
        let reason = shortfall("the header", promised, size);
        return Completeness::Incomplete { reason };
    }
    verdict
}

/// Whether a size is what writers put down before they know better: none, all ones, or just
/// below 2 GiB or at it, as programs do that write into a pipe.
pub(super) fn is_placeholder(len: u32) -> bool {
    len == 0 || len >= 0xffff_0000 || (0x7fff_0000..=0x8000_0100).contains(&len)
}
