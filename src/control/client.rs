//! The other side of the control socket: a command that asks the running daemon.
//!
//! Owns:
//! - nobody is asked but a process of ours, over a socket that is ours alone;
//! - a daemon that does not answer is told from one that is not there.

use std::io;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::place::Place;
use super::wire;
use super::wish::{Answer, Wish};

/// Files that are asked about in one request: a step of the daemon's stays short.
const PATHS_AT_ONCE: usize = 100;
/// How long a connection may take to come about.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer may take; a large file may have to be read for it.
const ANSWER_PATIENCE: Duration = Duration::from_secs(600);
/// The most that an answer may have, in bytes.
const ANSWER_MOST: usize = 16 << 20;

/// Why a daemon gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("nobody listens on the control socket: {0}")]
    Nobody(io::Error),
    /// Somebody does, and gives no answer that can be understood.
    #[error("the daemon gives no answer: {0}")]
    NoAnswer(String),
}

/// Has a wish granted by the daemon that listens at a place.
///
/// # Errors
/// See [`ClientError`].
pub fn ask(place: &Place, wish: &Wish) -> Result<Vec<Answer>, ClientError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ClientError::NoAnswer(error.to_string()))?;
    runtime.block_on(async {
        let Wish::Retry { paths } = wish else { return once(place, wish).await };
        let mut answers = Vec::new();
        for paths in paths.chunks(PATHS_AT_ONCE) {
            let part = Wish::Retry { paths: paths.to_vec() };
            answers.extend(once(place, &part).await?);
        }
        Ok(answers)
    })
}

async fn once(place: &Place, wish: &Wish) -> Result<Vec<Answer>, ClientError> {
    let (call, body) = wire::request(wish);
    let (status, text) = post(place, call.path(), body).await?;
    let answers = wire::answers(status, &text);
    let answers = answers.ok_or_else(|| no_answer(&format!("status {status}")))?;
    match answers.as_slice() {
        // About the daemon, not about the files.
        [Answer::Refused(refusal)] if wish.paths().len() > 1 => {
            Err(ClientError::NoAnswer(refusal.error.clone()))
        }
        several if several.len() == wish.paths().len().max(1) => Ok(answers),
        _ => Err(no_answer("it is about other files")),
    }
}

/// Asks the daemon that listens at a place, and gives status and body of its answer. With a body
/// it is a POST, else a GET. `patience`: how long the answer may take.
///
/// # Errors
/// See [`ClientError`].
pub fn request(
    place: &Place,
    path: &str,
    body: Option<String>,
    patience: Duration,
) -> Result<(u16, String), ClientError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ClientError::NoAnswer(error.to_string()))?;
    runtime.block_on(sent(place, path, body, patience))
}

async fn post(place: &Place, path: &str, body: String) -> Result<(u16, String), ClientError> {
    sent(place, path, Some(body), ANSWER_PATIENCE).await
}

async fn sent(
    place: &Place,
    path: &str,
    body: Option<String>,
    patience: Duration,
) -> Result<(u16, String), ClientError> {
    place.check().map_err(ClientError::Nobody)?;
    let connected = timeout(CONNECT_PATIENCE, UnixStream::connect(&place.socket)).await;
    let stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(ClientError::Nobody(error)),
        Err(_) => return Err(no_answer("it does not take the connection")),
    };
    let answered = timeout(patience, exchange(stream, path, body)).await;
    let answered = answered.map_err(|_| no_answer("it takes too long"))?;
    answered.map_err(|error| no_answer(&error))
}

async fn exchange(
    stream: UnixStream,
    path: &str,
    body: Option<String>,
) -> Result<(u16, String), String> {
    let (mut sender, connection) =
        handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // It ends with the exchange; what went wrong shows there.
    tokio::spawn(connection);
    let request = match &body {
        Some(_) => Request::post(path).header(CONTENT_TYPE, "application/json"),
        None => Request::get(path),
    };
    let request = request
        .header(HOST, "taxiway")
        .body(Body::from(body.unwrap_or_default()))
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let bytes = to_bytes(Body::new(response.into_body()), ANSWER_MOST).await;
    let bytes = bytes.map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes.into()).map_err(|_| "it is no text".to_owned())?;
    Ok((status, text))
}

fn no_answer(why: &str) -> ClientError {
    ClientError::NoAnswer(crate::text::escaped(why))
}
