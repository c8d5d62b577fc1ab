//! What the page has done: the wishes of the socket, about rows.
//!
//! Owns:
//! - a row that is not in the ledger has nothing else done either.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;

use super::looking::row_of;
use crate::control::app::{App, read_ledger, wished};
use crate::control::refusal::Refusal;
use crate::control::routes::{answer, whole};
use crate::control::wire::{PATHS_MOST, read, senseless};
use crate::control::wish::{Wish, asset};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryBody {
    ids: Vec<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResolveBody {
    id: i64,
    uploaded: Option<String>,
    #[serde(default)]
    retry: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForgetBody {
    id: i64,
    #[serde(default)]
    yes: bool,
}

/// `POST /ui/retry`.
pub(super) async fn retry(State(app): State<Arc<App>>, request: Request) -> Response {
    granted(app, request, |app, body| {
        let RetryBody { ids } = read(body)?;
        if ids.is_empty() || ids.len() > PATHS_MOST {
            return Err(senseless(&format!("ids: from 1 to {PATHS_MOST} rows")));
        }
        Ok(Wish::Retry { paths: paths(app, &ids)? })
    })
    .await
}

/// `POST /ui/resolve`.
pub(super) async fn resolve(State(app): State<Arc<App>>, request: Request) -> Response {
    granted(app, request, |app, body| {
        let ResolveBody { id, uploaded, retry } = read(body)?;
        let uploaded = match (uploaded, retry) {
            (Some(text), false) => Some(asset(&text).map_err(|why| senseless(&why))?),
            (None, true) => None,
            (_, _) => return Err(senseless("either uploaded is an assetId, or retry is true")),
        };
        Ok(Wish::Resolve { path: path(app, id)?, uploaded })
    })
    .await
}

/// `POST /ui/forget`.
pub(super) async fn forget(State(app): State<Arc<App>>, request: Request) -> Response {
    granted(app, request, |app, body| {
        let ForgetBody { id, yes } = read(body)?;
        Ok(Wish::Forget { path: path(app, id)?, email: None, yes })
    })
    .await
}

async fn granted(
    app: Arc<App>,
    request: Request,
    wish: impl FnOnce(&App, &[u8]) -> Result<Wish, Refusal> + Send + 'static,
) -> Response {
    let body = match whole(request.into_body(), app.patience).await {
        Ok(body) => body,
        Err(refusal) => return answer(Err(refusal)),
    };
    answer(wished(app, move |app| wish(app, &body)).await)
}

fn path(app: &App, id: i64) -> Result<PathBuf, Refusal> {
    Ok(paths(app, &[id])?.remove(0))
}

/// The files of rows, in their order.
fn paths(app: &App, ids: &[i64]) -> Result<Vec<PathBuf>, Refusal> {
    let ledger = read_ledger(app)?.ok_or_else(|| super::looking::no_row(0))?;
    ids.iter().map(|id| Ok(row_of(&ledger, *id)?.path)).collect()
}
