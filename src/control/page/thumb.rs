//! The picture of a row: the local file itself, which the browser makes small.
//!
//! Owns:
//! - only a regular file of a watched folder is shown, that is what the ledger says it is, and of a
//!   type that holds nothing but a picture;
//! - who does not read holds up nobody but himself, and not for long.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use http_body::Frame;
use tokio::sync::mpsc;

use super::beneath::open_file;
use super::looking::{id_asked, no_row, row_of};
use crate::control::app::{App, blocking, read_ledger, unreadable};
use crate::control::refusal::{No, Refusal};
use crate::control::routes::refused;
use crate::ledger::{Ledger, Row};
use crate::planner::{ContentHash, Stat};
use crate::{scan, text};

/// What holds a picture and nothing that a browser would run.
const TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
/// The most that is read to be made small, in bytes.
const MOST: u64 = 20_000_000;
/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// An answer that is long: it is read as long as this number grows.
#[derive(Debug, Clone, Default)]
pub(in crate::control) struct Moving(pub(in crate::control) Arc<AtomicU64>);

/// A picture that may be shown.
struct Picture {
    file: File,
    size: u64,
    kind: &'static str,
    hash: ContentHash,
}

/// `GET /ui/thumb`.
pub(super) async fn thumb(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    match shown(&app, query.unwrap_or_default()).await {
        Ok(picture) => respond(app, &headers, picture),
        Err(refusal) => refused(&refusal),
    }
}

async fn shown(app: &Arc<App>, query: String) -> Result<Picture, Refusal> {
    // The version only gives what has changed another address.
    let id = id_asked(&query, &["id", "v"])?;
    let _turn = app.page.disk.acquire().await;
    blocking(app, move |app| {
        let ledger = read_ledger(app)?.ok_or_else(|| no_row(id))?;
        let row = row_of(&ledger, id)?;
        let root = ledger.root_of(row.folder).map_err(unreadable)?;
        let is_watched = |root: &PathBuf| app.config().folders.iter().any(|it| it.root == *root);
        match root.filter(is_watched) {
            Some(root) => picture(&ledger, &row, &root),
            None => Err(not_shown(&row, "it lies in no watched folder")),
        }
    })
    .await
}

fn picture(ledger: &Ledger, row: &Row, root: &Path) -> Result<Picture, Refusal> {
    let kind = row.media_type.as_deref().and_then(|is| TYPES.into_iter().find(|kind| *kind == is));
    let (Some(kind), Some(hash)) = (kind, row.hash) else {
        return Err(not_shown(row, "it is no picture of a known type"));
    };
    if row.size > MOST {
        return Err(not_shown(row, "it is too large"));
    }
    let open = || -> io::Result<(File, Stat)> {
        let file = open_file(root, row.path.strip_prefix(root).map_err(io::Error::other)?)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let stat = scan::stat_open(&file)?;
        Ok((file, stat))
    };
    let (file, stat) = open().map_err(|error| not_shown(row, &text::reason(&error)))?;
    if ledger.look_of(row.id).map_err(unreadable)? != Some(stat.fingerprint) {
        return Err(not_shown(row, "it has changed"));
    }
    Ok(Picture { file, size: stat.fingerprint.size, kind, hash })
}

fn not_shown(row: &Row, why: &str) -> Refusal {
    let words = format!("row {} is not shown: {why}", row.id);
    Refusal::new(No::Unknown, text::escaped(&words), "taxiway ls")
}

fn respond(app: Arc<App>, headers: &HeaderMap, picture: Picture) -> Response {
    let etag = format!("\"{}\"", picture.hash);
    let known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let Picture { file, size, kind, .. } = picture;
    let mut response = match known {
        true => Response::new(Body::empty()),
        false => {
            let moving = Moving::default();
            let mut response = Response::new(Body::new(pieces(app, file, size, moving.clone())));
            response.extensions_mut().insert(moving);
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
            response
        }
    };
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    response
}

/// A file, piece by piece, as it is read.
struct Pieces {
    read: mpsc::Receiver<Bytes>,
    left: u64,
    moving: Moving,
}

fn pieces(app: Arc<App>, file: File, size: u64, moving: Moving) -> Pieces {
    let (out, read) = mpsc::channel(1);
    tokio::spawn(async move {
        let (file, mut left) = (Arc::new(file), size);
        while left > 0 {
            let Ok(place) = out.reserve().await else { return };
            let _turn = app.page.disk.acquire().await;
            let file = Arc::clone(&file);
            let next = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let piece = tokio::task::spawn_blocking(move || piece(&file, next)).await;
            // What became shorter ends the connection before its time.
            let Ok(Ok(piece)) = piece else { return };
            left -= piece.len() as u64;
            place.send(piece);
        }
    });
    Pieces { read, left: size, moving }
}

fn piece(mut file: &File, most: usize) -> io::Result<Bytes> {
    let mut bytes = vec![0; most];
    let read = file.read(&mut bytes)?;
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(read);
    Ok(bytes.into())
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let piece = ready!(self.read.poll_recv(cx));
        self.moving.0.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(match piece {
            Some(piece) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                Some(Ok(Frame::data(piece)))
            }
            None if self.left > 0 => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            None => None,
        })
    }
}
