//! The upload: its checks, its body on the way to the disk, its answer.
//!
//! Owns:
//! - a body is stored only if all of it arrived;
//! - a refusal reaches the client: what is left of the body is read and thrown away meanwhile, so
//!   that no reset overtakes the answer.
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use http_body::Body as _;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::planner::MediaType;

use super::app::{App, Exchange};
use super::fault::{Call, What};
use super::faults::{Cut, Plan, Subject};
use super::log::Entry;
use super::refusal::{self, Refusal};
use super::routes;
use super::store::{Description, Incoming};
use super::wire;

const PARAMETERS: [&str; 5] = ["name", "email", "width", "height", "duration"];

/// How much of a refused body is read before the answer, so that small uploads see it at the end
/// of what they send, and large ones early.
const READ_BEFORE_REFUSAL: u64 = 256 * 1024;

/// Parts of a body that may wait for the disk; each is at most some 400 KiB.
const PARTS_AHEAD: usize = 8;

/// Answers `POST /assets`.
pub(super) async fn upload(exchange: Exchange, body: Body) -> Response {
    let wanted = match Wanted::of(&exchange) {
        Ok(_) if body.is_end_stream() => return refuse(exchange, body, &empty()).await,
        Ok(wanted) => wanted,
        Err(refusal) => return refuse(exchange, body, &refusal).await,
    };
    let app = Arc::clone(&exchange.app);
    let mut plan = app.faults.decide(&Subject {
        call: Call::Upload,
        name: Some(&wanted.description.name),
        account: Some(&wanted.description.account),
        content_length: wanted.content_length,
    });
    exchange.entry.set_faults(std::mem::take(&mut plan.fired));
    let declared = wanted.content_length.unwrap_or(0);
    if plan.max_size.is_some_and(|max| declared > max) {
        return send_early(exchange, body, refusal::too_large()).await;
    }
    if let Some(answer) = plan.answer.as_ref().filter(|answer| answer.early)
        && let Some(response) = refusal::spoil(&answer.what, Response::default(), app.faults.now())
    {
        return send_early(exchange, body, response).await;
    }
    let stores = plan.answer.as_ref().is_none_or(|answer| answer.stored);
    let mut body = body;
    match receive(&app, &exchange.entry, &mut body, &plan, stores).await {
        Ok(_) if exchange.entry.received() == 0 => refuse(exchange, body, &empty()).await,
        Ok(incoming) => finish(exchange, plan, wanted.description, incoming).await,
        Err(Stop::Reset) => exchange.reset().await,
        Err(Stop::Stall) => {
            exchange.entry.stalled();
            std::future::pending().await
        }
        Err(Stop::TooLarge) => send_early(exchange, body, refusal::too_large()).await,
        Err(Stop::Broken(error)) => {
            let refusal = Refusal::bad_request(format!("The body ended early: {error}"));
            exchange.note(&refusal);
            // Dropping the entry counts the request as aborted: its client has most likely gone.
            refusal.response()
        }
        Err(Stop::Disk(error)) => refuse(exchange, body, &Refusal::disk(&error)).await,
    }
}

/// Answers a request that is wrong.
pub(super) async fn refuse(exchange: Exchange, body: Body, refusal: &Refusal) -> Response {
    exchange.note(refusal);
    send_early(exchange, body, refusal.response()).await
}

fn empty() -> Refusal {
    Refusal::bad_request("The body is empty: send the bytes of the file")
}

/// Answers while the body may still be on its way.
async fn send_early(exchange: Exchange, mut body: Body, response: Response) -> Response {
    // A client that waits for `100 Continue` has sent nothing, and is not to begin.
    if exchange.head.headers.contains_key(EXPECT) && exchange.entry.received() == 0 {
        return exchange.answer(response);
    }
    let limit = exchange.entry.received() + READ_BEFORE_REFUSAL;
    while exchange.entry.received() < limit {
        match next_part(&mut body).await {
            Some(Ok(part)) => exchange.entry.add_received(part.len() as u64),
            Some(Err(_)) | None => return exchange.answer(response),
        }
    }
    // Ends with the connection at the latest.
    exchange.app.tasks.spawn(async move { while let Some(Ok(_)) = next_part(&mut body).await {} });
    exchange.answer(response)
}

/// Stores what arrived, and answers.
async fn finish(
    exchange: Exchange,
    plan: Plan,
    description: Description,
    incoming: Option<Incoming>,
) -> Response {
    let app = Arc::clone(&exchange.app);
    let mut response = Response::default();
    if let Some(incoming) = incoming {
        let now_ms = app.faults.now().as_millisecond();
        let kept = app.blocking(move || incoming.keep(description, now_ms)).await;
        let asset = match kept {
            Ok(asset) => asset,
            Err(error) => {
                let refusal = Refusal::disk(&error);
                exchange.note(&refusal);
                return exchange.answer(refusal.response());
            }
        };
        exchange.entry.set_asset(asset.asset_id());
        let value = wire::uploaded(&asset, &app.origin);
        response = refusal::json_response(StatusCode::OK, &without_asset_id(&plan, value));
    } else if let Some(What::Incomplete) = plan.answer.as_ref().map(|answer| &answer.what) {
        response = refusal::json_response(StatusCode::OK, &serde_json::json!({}));
    }
    routes::conclude(exchange, &plan, response).await
}

fn without_asset_id(plan: &Plan, mut value: serde_json::Value) -> serde_json::Value {
    if let (Some(What::Incomplete), Some(fields)) =
        (plan.answer.as_ref().map(|answer| &answer.what), value.as_object_mut())
    {
        fields.remove("assetId");
    }
    value
}

/// Why a body was not read to its end.
enum Stop {
    Reset,
    Stall,
    TooLarge,
    Broken(axum::Error),
    Disk(io::Error),
}

/// Reads a body to its end, and hands it to the disk if it is to be stored.
async fn receive(
    app: &App,
    entry: &Entry,
    body: &mut Body,
    plan: &Plan,
    stores: bool,
) -> Result<Option<Incoming>, Stop> {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(PARTS_AHEAD);
    let store = Arc::clone(&app.store);
    let running = app.tasks.token();
    let writer = stores.then(|| {
        app.tasks.spawn_blocking(move || {
            let mut incoming = store.begin(running)?;
            while let Some(part) = receiver.blocking_recv() {
                incoming.write(&part)?;
            }
            Ok(incoming)
        })
    });
    let started = Instant::now();
    loop {
        check(entry.received(), plan)?;
        let Some(part) = next_part(body).await else {
            break;
        };
        let part = part.map_err(Stop::Broken)?;
        count(entry, part.len() as u64, plan.cut);
        if writer.is_some() && sender.send(part).await.is_err() {
            // The writer has given up; it says why below.
            break;
        }
        if let Some(rate) = plan.bytes_per_second {
            let due_s = entry.received() as f64 / rate as f64;
            // A year is as good as for ever, and fits every clock.
            let due = Duration::try_from_secs_f64(due_s).unwrap_or(Duration::from_secs(31_536_000));
            tokio::time::sleep_until(started + due).await;
        }
    }
    drop(sender);
    match writer {
        None => Ok(None),
        Some(writer) => match writer.await {
            Ok(written) => written.map(Some).map_err(Stop::Disk),
            Err(error) => Err(Stop::Disk(io::Error::other(error))),
        },
    }
}

/// Whether reading goes on after so many bytes.
fn check(received: u64, plan: &Plan) -> Result<(), Stop> {
    match plan.cut {
        Some(Cut::ResetAfter(bytes)) if received >= bytes => return Err(Stop::Reset),
        Some(Cut::StallAfter(bytes)) if received >= bytes => return Err(Stop::Stall),
        Some(_) | None => {}
    }
    match plan.max_size {
        Some(max) if received > max => Err(Stop::TooLarge),
        Some(_) | None => Ok(()),
    }
}

/// Counts a part, but nothing beyond the byte at which the body is cut.
fn count(entry: &Entry, bytes: u64, cut: Option<Cut>) {
    let most = match cut {
        Some(Cut::ResetAfter(at) | Cut::StallAfter(at)) => at.saturating_sub(entry.received()),
        None => u64::MAX,
    };
    entry.add_received(bytes.min(most));
}

/// The next bytes of a body; trailers are skipped.
async fn next_part(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await? {
            Ok(frame) => {
                if let Ok(part) = frame.into_data() {
                    return Some(Ok(part));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

/// What the head of an upload asks for.
struct Wanted {
    description: Description,
    content_length: Option<u64>,
}

impl Wanted {
    fn of(exchange: &Exchange) -> Result<Wanted, Refusal> {
        exchange.authorize()?;
        let query = exchange.parameters(&PARAMETERS)?;
        let content_length = exchange
            .head
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let description = Description {
            name: query.required("name").map_err(Refusal::bad_request)?.to_owned(),
            account: exchange.app.account(&query)?,
            width: query.pixels("width").map_err(Refusal::bad_request)?,
            height: query.pixels("height").map_err(Refusal::bad_request)?,
            duration: query.seconds("duration").map_err(Refusal::bad_request)?,
            content_type: content_type(&exchange.head).map_err(Refusal::bad_request)?,
            had_content_length: content_length.is_some(),
        };
        Ok(Wanted { description, content_length })
    }
}

/// The content type, if it is one of the documented ones, spelled exactly so.
fn content_type(head: &Parts) -> Result<String, String> {
    let mut values = head.headers.get_all(CONTENT_TYPE).iter();
    let given = match (values.next(), values.next()) {
        (None, _) => return Err("Content-Type is required".to_owned()),
        (Some(value), None) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        (Some(_), Some(_)) => return Err("Content-Type is given twice".to_owned()),
    };
    if is_documented(&given) {
        return Ok(given);
    }
    if given.to_ascii_lowercase().starts_with("multipart/") {
        return Err("The body must be the raw bytes of the file, not a multipart form; \
             Content-Type must be that of the file"
            .to_owned());
    }
    let plain = given.split(';').next().unwrap_or_default().trim();
    if is_documented(plain) {
        return Err(format!("Content-Type must be {plain} without parameters, not {given:?}"));
    }
    let respelled = MediaType::ALL
        .into_iter()
        .map(MediaType::as_str)
        .find(|known| known.eq_ignore_ascii_case(plain));
    Err(match respelled {
        Some(known) => format!("Content-Type must be spelled exactly {known}, not {given:?}"),
        None => format!(
            "Content-Type {given:?} is not one of {}, audio/wave",
            MediaType::ALL.map(MediaType::as_str).join(", ")
        ),
    })
}

/// `audio/wave` is a second name for `audio/wav` in the table of `POST /assets`.
fn is_documented(content_type: &str) -> bool {
    MediaType::parse(content_type).is_some() || content_type == "audio/wave"
}
