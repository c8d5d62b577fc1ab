//! A file as the body of a request.
//!
//! Owns:
//! - the size is exact, so the request carries `Content-Length` and is no chunked one;
//! - the body cannot be sent twice: it is not cloneable and its bytes are gone once handed over;
//! - pieces are small, so that the connection's progress is seen in small steps.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::Rate;
use super::flow::{Cut, Flow, Party};
use super::source::Source;
use crate::crash;

/// Most bytes handed over at once. hyper holds up to 16 pieces or 408 KiB, and asks again as soon
/// as one has gone to the system: the smaller, the sooner a slow line is seen to move.
const PIECE: usize = 32 * 1024;

type Turn = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// The bytes of one file, once.
pub(super) struct FileBody {
    flow: Arc<Flow>,
    source: Source,
    rate: Arc<Rate>,
    /// Read and not handed over.
    ready: Bytes,
    /// A turn at the rate limit that is waited for, and how many bytes it is for.
    turn: Option<(Turn, usize)>,
    /// Not handed over, read or not.
    left: u64,
}

impl FileBody {
    /// A body of everything in `source`.
    pub fn new(source: Source, flow: Arc<Flow>, rate: Arc<Rate>) -> FileBody {
        FileBody { left: source.size(), flow, source, rate, ready: Bytes::new(), turn: None }
    }

    /// Waits for bytes from the disk.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cut>> {
        while self.ready.is_empty() {
            match self.source.poll_next(cx) {
                Poll::Pending => {
                    self.flow.wait_for(Party::Source);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(bytes)) if bytes.len() as u64 <= self.left => self.ready = bytes,
                Poll::Ready(Ok(_)) => return Poll::Ready(Err(Cut)),
                Poll::Ready(Err(failure)) => {
                    self.flow.fail(failure);
                    return Poll::Ready(Err(Cut));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Waits for a turn at the rate limit; how many bytes may go.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        if self.turn.is_none() {
            let most = self.ready.len().min(PIECE);
            let Some(slice) = self.rate.slice() else {
                return Poll::Ready(most);
            };
            let bytes = most.min(slice);
            let rate = Arc::clone(&self.rate);
            self.turn = Some((Box::pin(async move { rate.take(bytes).await }), bytes));
        }
        let Some((turn, bytes)) = &mut self.turn else {
            return Poll::Ready(0);
        };
        let bytes = *bytes;
        if turn.as_mut().poll(cx).is_pending() {
            self.flow.wait_for(Party::Rate);
            return Poll::Pending;
        }
        self.turn = None;
        Poll::Ready(bytes)
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let body = self.get_mut();
        if body.left == 0 {
            return Poll::Ready(None);
        }
        if let Err(cut) = ready!(body.flow.poll_open(cx)) {
            return Poll::Ready(Some(Err(cut)));
        }
        if let Err(cut) = ready!(body.poll_ready(cx)) {
            return Poll::Ready(Some(Err(cut)));
        }
        let bytes = ready!(body.poll_turn(cx));
        let last = bytes as u64 == body.left;
        if last {
            crash::point("last bytes");
        }
        if let Err(cut) = ready!(body.flow.poll_hand(bytes, last)) {
            return Poll::Ready(Some(Err(cut)));
        }
        crash::point("bytes");
        body.rate.count(bytes);
        body.left -= bytes as u64;
        Poll::Ready(Some(Ok(Frame::data(body.ready.split_to(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
