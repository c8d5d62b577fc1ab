//! What a person asks for.

use super::super::types::{Asset, SharedPath, UploadKey, Wall};

/// A person's wish, beside a push. What cannot be granted changes nothing: whoever passes the wish
/// on looks at the rows before, and says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Try a failed file again: its upload if that failed, else the file itself.
    Retry {
        /// The file.
        path: SharedPath,
    },
    /// Try everything that failed again, and whatever stops uploads until a certain time, unless
    /// the server asked for that time.
    RetryAll,
    /// A held upload is on the server, as a person has seen.
    Found {
        /// Which upload.
        key: UploadKey,
        /// As what.
        asset: Asset,
    },
    /// A held upload is not on the server, as a person has seen: it is sent again.
    NotFound {
        /// Which upload.
        key: UploadKey,
    },
    /// Begin no upload until then, or until [`Command::Resume`].
    Pause {
        /// By the wall clock; none means for ever.
        until: Option<Wall>,
    },
    /// The pause is over.
    Resume,
    /// Scan all folders, from the start.
    Rescan,
    /// An upload counts as never made.
    Forget {
        /// Which upload.
        key: UploadKey,
    },
}
