//! What is done for a file once it is uploaded, or needs a person: each errand carried out.
//!
//! Owns:
//! - a file is moved away only after the server has said, now, that it has the asset;
//! - a dry run does nothing.

mod hook;
mod moving;
mod sidecar;

pub use moving::names as numbered_names;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::api::Presence;
use crate::config::{AfterUpload, Config, Folder};
use crate::ledger::Told;
use crate::planner::{Errand, ErrandKind, ErrandResult, Wants};
use crate::row::RowFields;
use crate::{crash, text};

use super::hands::Reach;

/// What each folder wants done, by its root.
#[derive(Debug, Clone, Default)]
pub struct Deeds(Arc<BTreeMap<PathBuf, Deed>>);

/// What one folder wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Deed {
    after_upload: AfterUpload,
    sidecar: bool,
    on_uploaded: Vec<String>,
    on_failed: Vec<String>,
}

impl Deeds {
    /// Of all folders of a configuration.
    pub fn of(config: &Config) -> Deeds {
        let deed = |folder: &Folder| Deed {
            after_upload: folder.after_upload.clone(),
            sidecar: folder.sidecar,
            on_uploaded: folder.on_uploaded.clone(),
            on_failed: folder.on_failed.clone(),
        };
        let deeds = config.folders.iter().map(|folder| (folder.root.clone(), deed(folder)));
        Deeds(Arc::new(deeds.collect()))
    }
}

/// Which kinds of errands a folder wants.
pub fn wants(folder: &Folder) -> Wants {
    Wants::of(ErrandKind::ALL.into_iter().filter(|kind| match kind {
        ErrandKind::Sidecar => folder.sidecar,
        ErrandKind::OnUploaded => !folder.on_uploaded.is_empty(),
        ErrandKind::AfterUpload => folder.after_upload != AfterUpload::Keep,
        ErrandKind::OnFailed => !folder.on_failed.is_empty(),
    }))
}

/// What an errand is about, as it is told to programs.
pub struct Job {
    pub(super) errand: Errand,
    pub(super) told: Told,
    /// The event, as one line of JSON.
    pub(super) event: String,
}

impl Job {
    /// An errand, and what the ledger says of it.
    pub fn new(errand: Errand, told: Told, at: crate::planner::Wall) -> Job {
        let event = RowFields::of(&told.row).event(&told.event, at).to_string();
        Job { errand, told, event }
    }

    /// Carries it out. `abort` ends what takes long.
    pub(super) async fn carry_out(
        &self,
        deeds: &Deeds,
        reach: &Reach,
        abort: &CancellationToken,
    ) -> ErrandResult {
        if reach.client.is_none() {
            return ErrandResult::Done { detail: "a dry run".into() };
        }
        let Some(deed) = deeds.0.get(&self.told.root) else {
            return ErrandResult::Void { reason: "its folder is not configured any more".into() };
        };
        if self.errand.kind.touches_file() && !self.errand.holds {
            return self.leave().await;
        }
        crash::point("errand");
        let result = match self.errand.kind {
            ErrandKind::Sidecar => self.write_sidecar().await,
            ErrandKind::OnUploaded => hook::run(&deed.on_uploaded, self, abort).await,
            ErrandKind::OnFailed => hook::run(&deed.on_failed, self, abort).await,
            ErrandKind::AfterUpload => match self.unconfirmed(reach).await {
                Some(result) => result,
                None => self.take_away(deed).await,
            },
        };
        crash::point("errand done");
        result
    }

    /// The path does not hold any more what this is about. A move that was broken off may be why.
    async fn leave(&self) -> ErrandResult {
        let errand = self.errand.clone();
        blocking(move || match moving::put_back(&errand) {
            Ok(()) => {
                ErrandResult::Left { reason: "the file is not what was uploaded any more".into() }
            }
            Err(error) => failed("cannot put back", &errand.path, &error),
        })
        .await
    }

    async fn write_sidecar(&self) -> ErrandResult {
        let (path, row) = (self.errand.path.clone(), RowFields::of(&self.told.row));
        blocking(move || sidecar::write(&path, &row)).await
    }

    /// Why the file may not be taken away: the server does not confirm that it has it.
    async fn unconfirmed(&self, reach: &Reach) -> Option<ErrandResult> {
        let (Some(client), Some(asset_id)) = (&reach.client, &self.errand.asset_id) else {
            return Some(ErrandResult::Void { reason: "it has no assetId".into() });
        };
        let Some(token) = reach.token().await else {
            return Some(ErrandResult::Wait { reason: "the token cannot be read any more".into() });
        };
        match client.presence(&token, asset_id).await {
            Ok(Presence::There) => None,
            Ok(Presence::Gone) => {
                let reason = format!("the server does not have {asset_id} any more");
                Some(ErrandResult::Failed { reason })
            }
            Err(trouble) => Some(ErrandResult::Wait { reason: trouble.reason }),
        }
    }

    async fn take_away(&self, deed: &Deed) -> ErrandResult {
        let errand = self.errand.clone();
        match deed.after_upload.clone() {
            AfterUpload::Keep => ErrandResult::Void { reason: "it is to stay where it is".into() },
            AfterUpload::Trash => blocking(move || moving::trash(&errand)).await,
            AfterUpload::Move(directory) => {
                let (root, with_sidecar) = (self.told.root.clone(), deed.sidecar);
                blocking(move || moving::move_away(&errand, &root, &directory, with_sidecar)).await
            }
        }
    }
}

async fn blocking(
    work: impl FnOnce() -> ErrandResult + std::marker::Send + 'static,
) -> ErrandResult {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => {
            ErrandResult::Failed { reason: "it failed inside taxiway; please report it".into() }
        }
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> ErrandResult {
    let reason = format!("{what} {}: {}", text::shown(path), text::reason(error));
    ErrandResult::Failed { reason }
}
