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
use super::disk::{self, Elsewhere};
use super::looking::{id_asked, no_row, row_of};
use crate::control::app::{App, blocking, read_ledger, unreadable};
use crate::control::refusal::{No, Refusal};
use crate::control::routes::refused;
use crate::ledger::{Ledger, Row};
use crate::planner::{ContentHash, Fingerprint};
use crate::{crash, scan, text};

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
    file: Elsewhere<File>,
    expected: Expected,
}

/// What a row says of its picture.
struct Expected {
    row: Row,
    root: PathBuf,
    look: Fingerprint,
    kind: &'static str,
    hash: ContentHash,
}

/// `GET /ui/thumb`.
pub(super) async fn thumb(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let response = match shown(&app, query.unwrap_or_default()).await {
        Ok(picture) => respond(&headers, picture),
        Err(refusal) => Err(refusal),
    };
    response.unwrap_or_else(|refusal| refused(&refusal))
}

async fn shown(app: &Arc<App>, query: String) -> Result<Picture, Refusal> {
    // The version only gives what has changed another address.
    let id = id_asked(&query, &["id", "v"])?;
    let expected = blocking(app, move |app| {
        let ledger = read_ledger(app)?.ok_or_else(|| no_row(id))?;
        let row = row_of(&ledger, id)?;
        let root = ledger.root_of(row.folder).map_err(unreadable)?;
        let is_watched = |root: &PathBuf| app.config().folders.iter().any(|it| it.root == *root);
        match root.filter(is_watched) {
            Some(root) => expected(&ledger, row, root),
            None => Err(not_shown(&row, "it lies in no watched folder")),
        }
    });
    let expected = expected.await?;
    let (root, path) = (expected.root.clone(), expected.row.path.clone());
    let opened = disk::ask(app, &expected.root, move || open(&root, &path)).await?;
    let failed = |error: io::Error| not_shown(&expected.row, &text::reason(&error));
    let Some((file, look)) = opened.well().map_err(failed)?.parts() else {
        return Err(not_shown(&expected.row, "it is not there"));
    };
    if look != expected.look {
        return Err(not_shown(&expected.row, "it has changed"));
    }
    Ok(Picture { file, expected })
}

fn expected(ledger: &Ledger, row: Row, root: PathBuf) -> Result<Expected, Refusal> {
    let kind = row.media_type.as_deref().and_then(|is| TYPES.into_iter().find(|kind| *kind == is));
    let (Some(kind), Some(hash)) = (kind, row.hash) else {
        return Err(not_shown(&row, "it is no picture of a known type"));
    };
    if row.size > MOST {
        return Err(not_shown(&row, "it is too large"));
    }
    match ledger.look_of(row.id).map_err(unreadable)? {
        Some(look) => Ok(Expected { row, root, look, kind, hash }),
        None => Err(not_shown(&row, "it has changed")),
    }
}

fn open(root: &Path, path: &Path) -> io::Result<(File, Fingerprint)> {
    crash::hang("picture");
    let file = open_file(root, path.strip_prefix(root).map_err(io::Error::other)?)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let look = scan::stat_open(&file)?.fingerprint;
    Ok((file, look))
}

fn not_shown(row: &Row, why: &str) -> Refusal {
    let words = format!("row {} is not shown: {why}", row.id);
    Refusal::new(No::Unknown, text::escaped(&words), "taxiway ls")
}

fn respond(headers: &HeaderMap, picture: Picture) -> Result<Response, Refusal> {
    let Picture { file, expected: Expected { row, look, kind, hash, .. } } = picture;
    let etag = format!("\"{hash}\"");
    let known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response = match known {
        true => Response::new(Body::empty()),
        false => {
            let moving = Moving::default();
            let pieces = pieces(file, look.size, moving.clone());
            let pieces = pieces.map_err(|error| not_shown(&row, &text::reason(&error)))?;
            let mut response = Response::new(Body::new(pieces));
            response.extensions_mut().insert(moving);
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            headers.insert(CONTENT_LENGTH, HeaderValue::from(look.size));
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
    Ok(response)
}

/// A file, piece by piece, as it is read.
struct Pieces {
    read: mpsc::Receiver<Bytes>,
    left: u64,
    moving: Moving,
}

/// Reads on a thread of its own, for as long as somebody takes the pieces.
fn pieces(file: Elsewhere<File>, size: u64, moving: Moving) -> io::Result<Pieces> {
    let (out, read) = mpsc::channel(1);
    let reading = move || {
        let Some(file) = file.here() else { return };
        let mut left = size;
        while left > 0 {
            let next = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            // What became shorter ends the connection before its time.
            let Ok(piece) = piece(&file, next) else { return };
            left -= piece.len() as u64;
            if out.blocking_send(piece).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("picture".into()).spawn(reading)?;
    Ok(Pieces { read, left: size, moving })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        let (directory, fifo) = (root.join("directory"), root.join("fifo"));
        std::fs::create_dir(&directory).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
        assert!(made.success());
        for path in [directory, fifo] {
            assert_eq!(open(&root, &path).unwrap_err().to_string(), "it is no file", "{path:?}");
        }
        assert!(open(&root, &root.join("none")).is_err());
        assert!(open(&root, home.path().parent().unwrap()).is_err(), "it lies elsewhere");
    }
}
