//! Events as they happen, for whoever listens.
//!
//! Owns:
//! - nobody who listens holds up the loop: who is too slow loses events, is told how many, and
//!   goes on with the present;
//! - a stream ends with the server, and a client that is gone is noticed.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http_body::Frame;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::planner::Notice;

/// Events that may wait for one listener.
pub(super) const BEHIND_MOST: usize = 1_024;
/// A sign of life when nothing happens.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// One thing that happened.
#[derive(Debug)]
pub struct Heard {
    /// For those within this process who follow a file.
    pub notice: Option<Notice>,
    /// The event as programs read it; none for what is no event.
    pub json: Option<String>,
}

/// Marks an answer that takes as long as it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endless;

/// Lines as they come.
struct Lines(mpsc::Receiver<Bytes>);

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

/// A stream of server-sent events (HTML standard, section 9.2).
pub(super) fn stream(
    mut heard: broadcast::Receiver<Arc<Heard>>,
    ended: CancellationToken,
) -> Response {
    let (out, lines) = mpsc::channel(16);
    tokio::spawn(async move {
        // At once, so that a client knows that it listens.
        let mut next = Some(Bytes::from_static(b": taxiway\n\n"));
        loop {
            if let Some(line) = next.take()
                && out.send(line).await.is_err()
            {
                return;
            }
            let event = tokio::select! {
                // What was said before the end is heard.
                biased;
                event = timeout(ALIVE_EVERY, heard.recv()) => event,
                () = ended.cancelled() => return,
            };
            next = match event {
                Ok(Ok(heard)) => heard.json.as_deref().map(sse),
                Ok(Err(RecvError::Lagged(lost))) => {
                    Some(Bytes::from(format!(": {lost} events were lost\n\n")))
                }
                Ok(Err(RecvError::Closed)) => return,
                Err(_) => Some(Bytes::from_static(b":\n\n")),
            };
        }
    });
    let mut response = Response::new(Body::new(Lines(lines)));
    let headers = response.headers_mut();
    let kind = axum::http::HeaderValue::from_static("text/event-stream");
    headers.insert(axum::http::header::CONTENT_TYPE, kind);
    let fresh = axum::http::HeaderValue::from_static("no-cache");
    headers.insert(axum::http::header::CACHE_CONTROL, fresh);
    response.extensions_mut().insert(Endless);
    response
}

/// JSON has no line breaks of its own.
fn sse(json: &str) -> Bytes {
    Bytes::from(format!("data: {json}\n\n"))
}
