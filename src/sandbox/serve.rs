//! Connections: accepting them, serving them, and cutting them off.
//!
//! Owns:
//! - the accept loop and one task a connection; all end when the sandbox stops;
//! - a real TCP reset: a connection asked to reset closes with `SO_LINGER` 0, so the other side
//!   sees RST and never an orderly end.
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::app::App;
use super::routes;

/// How long to wait after a failed `accept`, which is nearly always a lack of descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Accepts connections until cancelled.
pub(super) async fn accept(
    listener: TcpListener,
    app: Arc<App>,
    tasks: TaskTracker,
    cancel: CancellationToken,
) {
    let router = routes::router(app);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = cancel.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                tasks.spawn(connection(stream, router.clone(), cancel.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "the sandbox cannot accept a connection");
                tokio::select! {
                    () = tokio::time::sleep(ACCEPT_RETRY) => {}
                    () = cancel.cancelled() => return,
                }
            }
        }
    }
}

/// A handler's hold on the connection it answers on.
#[derive(Clone, Default)]
pub(super) struct Connection {
    state: Arc<ConnectionState>,
}

#[derive(Default)]
struct ConnectionState {
    reset: AtomicBool,
    cut: Notify,
}

impl Connection {
    /// Resets the connection. The caller is dropped with it and never goes on.
    pub(super) async fn reset(&self) -> Infallible {
        self.state.reset.store(true, Ordering::Release);
        self.state.cut.notify_one();
        std::future::pending().await
    }
}

async fn connection(stream: TcpStream, router: Router, cancel: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let handle = Connection::default();
    let service = hyper::service::service_fn({
        let handle = handle.clone();
        move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(handle.clone());
            router.clone().oneshot(request.map(Body::new))
        }
    });
    let io = TokioIo::new(Stream { inner: stream, state: Arc::clone(&handle.state) });
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(io, service);
    tokio::select! {
        // Connections end early all the time, by the client's will and by ours.
        served = serving => if let Err(error) = served {
            tracing::debug!(%error, "a connection to the sandbox ended early");
        },
        () = handle.state.cut.notified() => {}
        () = cancel.cancelled() => {}
    }
}

/// A TCP stream that knows how it is to be closed.
struct Stream {
    inner: TcpStream,
    state: Arc<ConnectionState>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.state.reset.load(Ordering::Acquire)
            && let Err(error) = self.inner.set_zero_linger()
        {
            tracing::warn!(%error, "the sandbox cannot reset a connection");
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
