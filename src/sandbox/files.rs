//! The bytes of an asset, as its `url` gives them.
//!
//! Owns: reading in blocking threads, a few parts ahead of the client and no more.
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

use super::app::App;
use super::store::Asset;

const PART_SIZE: usize = 256 * 1024;
const PARTS_AHEAD: usize = 2;

/// The answer to a request for the bytes of an asset.
pub(super) async fn response(app: &App, asset: &Arc<Asset>) -> io::Result<Response> {
    let (store, wanted) = (Arc::clone(&app.store), Arc::clone(asset));
    let mut file = app.blocking(move || store.open_bytes(&wanted)).await?;
    let (sender, receiver) = mpsc::channel(PARTS_AHEAD);
    app.tasks.spawn_blocking(move || {
        loop {
            let mut part = vec![0; PART_SIZE];
            let read = match file.read(&mut part) {
                Ok(0) => return,
                Ok(read) => {
                    part.truncate(read);
                    Ok(Bytes::from(part))
                }
                Err(error) => Err(error),
            };
            let failed = read.is_err();
            // A client that has gone away takes the receiver with it.
            if sender.blocking_send(read).is_err() || failed {
                return;
            }
        }
    });
    let mut response = Response::new(Body::new(Parts { receiver, left: asset.size }));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(asset.size));
    if let Ok(value) = HeaderValue::from_str(&asset.content_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    Ok(response)
}

/// A body that comes out of a channel and knows its size.
struct Parts {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
}

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let part = std::task::ready!(self.receiver.poll_recv(cx));
        Poll::Ready(part.map(|part| {
            let part = part?;
            self.left = self.left.saturating_sub(part.len() as u64);
            Ok(Frame::data(part))
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
