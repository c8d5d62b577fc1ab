//! Deliberate bugs, one of which a test can switch on to see that the tests catch it. In any
//! other build [`on`] is constant and false.

/// One broken promise each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// An attempt that a crash left open is taken for not sent.
    TrustCrashedAttempts,
    /// An attempt without an answer is simply tried again.
    RetryUnknown,
    /// "Not in the list" is believed at the first look.
    BelieveFirstLook,
    /// A list that shows nothing of ours is believed.
    BelieveBlindList,
    /// A doubt takes any asset of its size.
    AdoptBySizeOnly,
    /// An upload in flight or in doubt does not keep its double waiting.
    ForgetClaims,
    /// A file is read at the first look.
    NoQuietTime,
    /// Every fingerprint spares a later hash.
    AlwaysCertain,
    /// A full memory of settling files owes no scan.
    ForgetOverflow,
    /// A lost event is never made up for.
    IgnoreOwedScans,
    /// A refused token is tried again and again.
    RetryRefusedToken,
    /// A failure of one upload is never tried again.
    ForgetRetries,
    /// A file that changed while it was sent is not looked at again.
    ForgetChangedSource,
    /// Effects are carried out before their writes are on disk.
    #[cfg(test)]
    ActBeforeCommit,
}

#[cfg(test)]
std::thread_local! {
    pub(crate) static BUG: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
pub(crate) fn on(bug: Bug) -> bool {
    BUG.get() == Some(bug)
}

#[cfg(not(test))]
pub(crate) const fn on(_: Bug) -> bool {
    false
}
