//! Disks of folders, asked so that one which never answers holds up nobody else.
//!
//! Owns:
//! - no thread that others wait for opens, reads, writes, removes or closes anything in a folder;
//! - a folder in which somebody waits in vain is not asked again meanwhile.

use std::path::Path;
use std::sync::Arc;

use crate::control::app::{App, blocking};
use crate::control::refusal::{No, Refusal};
use crate::{patient, text};

/// Asks something of a folder's disk.
///
/// # Errors
/// If there is no answer in time.
pub(super) async fn ask<T: Send + 'static>(
    app: &Arc<App>,
    root: &Path,
    question: impl FnOnce() -> T + Send + 'static,
) -> Result<Elsewhere<T>, Refusal> {
    let turn = Arc::clone(&app.page.disk).acquire_owned().await;
    let place = root.to_owned();
    let answer = blocking(app, move |_| {
        // Whoever wants to know may be gone: the thread is taken all the same.
        let _turn = turn;
        let ask = move || Elsewhere(Some(question()));
        Ok(patient::ask(move |asked| asked.may_look(&place).then(ask)).flatten())
    });
    answer.await?.ok_or_else(|| {
        let words = format!("{}: the disk does not answer", text::shown(root));
        Refusal::new(No::Unfinished, words, "taxiway status")
    })
}

/// Something in a folder that is open: to close it may take for ever, and happens on a thread of its
/// own.
#[derive(Debug)]
pub(super) struct Elsewhere<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Elsewhere<T> {
    /// On a thread that may wait.
    pub(super) fn here(mut self) -> Option<T> {
        self.0.take()
    }
}

impl<T: Send + 'static, E: Send + 'static> Elsewhere<Result<T, E>> {
    /// What went well, still to be closed elsewhere.
    pub(super) fn well(self) -> Result<Elsewhere<T>, E> {
        match self.here() {
            Some(Ok(open)) => Ok(Elsewhere(Some(open))),
            Some(Err(error)) => Err(error),
            None => Ok(Elsewhere(None)),
        }
    }
}

impl<T: Send + 'static, U: Send + 'static> Elsewhere<(T, U)> {
    /// What is to be closed, and what is known of it.
    pub(super) fn parts(self) -> Option<(Elsewhere<T>, U)> {
        self.here().map(|(open, known)| (Elsewhere(Some(open)), known))
    }
}

impl<T: Send + 'static> Drop for Elsewhere<T> {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            // Without a thread it is closed here.
            let _ = std::thread::Builder::new().name("disk".into()).spawn(move || drop(open));
        }
    }
}
