//! A server for measurements: takes every upload, drops the body, and answers at once.
//!
//! `cargo run --release --example drain` prints its base URL, the first line of stdout. It keeps
//! nothing and checks nothing, so that what is measured beside it is the client. With a number, no
//! answer comes sooner than so many milliseconds after the body; with a second one, it listens on
//! that port.

use std::convert::Infallible;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

static STORED: AtomicU64 = AtomicU64::new(0);

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let wait = std::env::args().nth(1).map(|ms| ms.parse()).transpose()?;
    let wait = wait.map(Duration::from_millis);
    let port = std::env::args().nth(2).map(|port| port.parse()).transpose()?.unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let base = format!("http://{}/v1/runwayml\n", listener.local_addr()?);
    std::io::stdout().write_all(base.as_bytes())?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let serve = service_fn(move |request| answer(request, wait));
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new();
            // A client that goes away is no matter of the measurement.
            let _ = connection.serve_connection(TokioIo::new(stream), serve).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    wait: Option<Duration>,
) -> Result<Response<Body>, Infallible> {
    let text = match (request.method(), request.uri().path()) {
        // With PUT, as a store of objects.
        (&Method::POST | &Method::PUT, _) => {
            drain(request.into_body()).await;
            if let Some(wait) = wait {
                tokio::time::sleep(wait).await;
            }
            let number = STORED.fetch_add(1, Ordering::Relaxed);
            let id = format!("00000000-0000-4000-8000-{number:012x}");
            let asset = format!("user:1-runwayml:bench@example.com-asset:{id}");
            format!(r#"{{"assetId":"{asset}","id":"{id}"}}"#)
        }
        (_, path) if path.ends_with("/accounts") => {
            r#"{"bench@example.com":{"email":"bench@example.com","maxJobs":1}}"#.to_owned()
        }
        _ => "[]".to_owned(),
    };
    let mut response = Response::new(Body::from(text));
    let kind = axum::http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(axum::http::header::CONTENT_TYPE, kind);
    Ok(response)
}

/// Reads a body to its end and keeps nothing of it.
async fn drain(body: Incoming) {
    let mut body = std::pin::pin!(body);
    while let Some(Ok(_)) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {}
}
