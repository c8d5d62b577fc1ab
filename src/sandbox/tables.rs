//! The faults and their options, as users read of them.
//!
//! Owns: every name that a fault may be spelled with; `grammar` accepts these and no others.

/// One row of a table of spellings.
#[derive(Debug, Clone, Copy)]
pub struct SpecDoc {
    /// How it is spelled; upper case stands for a value.
    pub spelling: &'static str,
    /// A complete text that uses it.
    pub example: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn row(spelling: &'static str, example: &'static str, meaning: &'static str) -> SpecDoc {
    SpecDoc { spelling, example, meaning }
}

/// Every fault.
///
/// Faults of one slot exclude each other: the first in the given order that fires takes the
/// request, and the others do not count it. The slots are: the body (`reset-after`,
/// `stall-after`), the pace (`bandwidth`), the size (`max-size`), the answer (`status` to
/// `incomplete`), the delay (`slow-answer`), the clock (`clock`); each list fault is a slot of its
/// own. A body fault that fires leaves the answer's slot alone. A request that the API would
/// refuse anyway (400, 401, 404, 405) is refused as ever and counts for no fault.
pub const FAULTS: [SpecDoc; 20] = [
    row(
        "reset-after=BYTES",
        "reset-after=64KiB",
        "TCP reset once so many bytes of the body were read (0: at once); a shorter body passes",
    ),
    row(
        "stall-after=BYTES",
        "stall-after=64KiB",
        "stop reading after so many bytes of the body and never answer; a shorter body passes",
    ),
    row(
        "bandwidth=RATE",
        "bandwidth=1MB/s",
        "read each body no faster than this; buffers of both systems come on top",
    ),
    row(
        "max-size=BYTES",
        "max-size=100MB",
        "refuse larger bodies with 413 and a web page, before reading them",
    ),
    row(
        "status=CODE",
        "status=429,retry-after=7",
        "read the body, store nothing, answer this status",
    ),
    row("stored-status=CODE", "stored-status=502", "store the asset, yet answer this status"),
    row("plain-error=CODE", "plain-error=522", "as status, with the plain text `error code: CODE`"),
    row(
        "subscription",
        "subscription",
        "402, as when the subscription has expired; for every call with a token",
    ),
    row(
        "broken-account=EMAIL",
        "broken-account=a@b.c",
        "596, as when this Runway account is in an error state; other accounts work",
    ),
    row(
        "lost-answer",
        "lost-answer,times=1",
        "store the asset, then reset the connection without an answer",
    ),
    row("malformed", "malformed", "store the asset, answer 200 with something that is not JSON"),
    row("incomplete", "incomplete", "store the asset, answer 200 without assetId"),
    row(
        "slow-answer=TIME",
        "slow-answer=5s",
        "wait this long before answering; what is to be stored is stored before",
    ),
    row(
        "clock=TIME",
        "clock=-90s",
        "the server's clock (Date, createdAt) is ahead by this much, or behind; takes no options",
    ),
    row("list-lag=TIME", "list-lag=30s", "an asset is listed only when it is this old"),
    row(
        "list-reorder",
        "list-reorder,seed=7",
        "the list comes in an arbitrary order, the same for one seed",
    ),
    row("list-blind", "list-blind", "uploads are not listed"),
    row("list-no-size", "list-no-size", "fileSize is missing, in the list and in GET of one asset"),
    row("list-no-url", "list-no-url", "url is missing, in the list and in GET of one asset"),
    row(
        "list-rename=HOW",
        "list-rename=extension",
        "names come back changed: extension (added from the type), stem (extension cut off), suffix (-1 after the stem)",
    ),
];

/// Every option of a fault.
///
/// A fault fires for the requests that are left after `on` and `name`, then `skip`, then `every`,
/// then `p`, and until `times` is used up.
pub const OPTIONS: [SpecDoc; 14] = [
    row(
        "name=PATTERN",
        "status=500,name=*.png",
        "only uploads (list faults: only assets) with this in their name, or with such a name if it holds * or ?; no comma",
    ),
    row("times=N", "status=500,times=3", "fire N times, then never again"),
    row("skip=N", "status=500,skip=2", "leave the first N requests alone"),
    row("every=N", "status=500,every=3", "fire for every Nth request only"),
    row(
        "p=P",
        "status=500,p=0.2,seed=1",
        "fire with this probability; the same requests in the same order fall the same way",
    ),
    row(
        "seed=N",
        "status=500,p=0.2,seed=1",
        "another run of luck for p, another order for list-reorder",
    ),
    row(
        "each-name",
        "lost-answer,times=1,each-name",
        "count times, skip, every and p for each uploaded name by itself",
    ),
    row(
        "on=CALL",
        "status=503,on=list",
        "for this call instead of uploads: upload, list, asset, delete, accounts, account, features, file, any; repeatable",
    ),
    row("unstored", "lost-answer,unstored", "lost-answer, malformed, incomplete: store nothing"),
    row(
        "early",
        "status=503,early",
        "status, plain-error, subscription, broken-account: answer before reading the body",
    ),
    row(
        "retry-after=SECONDS",
        "status=429,retry-after=7",
        "status: add the header with a number of seconds",
    ),
    row(
        "retry-after-date=SECONDS",
        "status=429,retry-after-date=7",
        "status: add the header with the date so far from now",
    ),
    row(
        "retry-after-field=SECONDS",
        "status=429,retry-after-field=7",
        "status: add retryAfter to the JSON",
    ),
    row(
        "body=FORM",
        "status=502,body=html",
        "status: json, object (error is an object), no-code, text, html or empty",
    ),
];
