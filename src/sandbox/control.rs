//! The control endpoint: what a test asks of the sandbox, outside the API.
//!
//! Owns: these paths. A web page of another origin is refused.
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::http::header::ORIGIN;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::app::App;
use super::fault::Fault;
use super::query::Query;
use super::refusal;
use super::store::Asset;

/// How many assets one answer holds at most.
const MAX_ASSETS: usize = 10_000;

/// The routes below `/sandbox/`.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/sandbox/faults", get(faults).post(set_faults))
        .route("/sandbox/requests", get(requests).delete(clear_requests))
        .route("/sandbox/assets", get(assets))
        .route("/sandbox/token", post(set_token))
        .route_layer(middleware::from_fn(no_foreign_page))
}

/// Browsers say where a page comes from when it sends something; programs do not.
async fn no_foreign_page(request: Request, next: Next) -> Response {
    if request.headers().contains_key(ORIGIN) {
        return refusal::error(StatusCode::FORBIDDEN, "Web pages have no say here");
    }
    next.run(request).await
}

async fn faults(State(app): State<Arc<App>>) -> Response {
    ok(&json!({"faults": app.faults.counts()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetFaults {
    faults: Vec<String>,
}

async fn set_faults(State(app): State<Arc<App>>, body: Bytes) -> Response {
    let faults = parse(&body).and_then(|wanted: SetFaults| {
        let faults: Result<Vec<Fault>, _> = wanted.faults.iter().map(|spec| spec.parse()).collect();
        faults.map_err(|error| error.to_string())
    });
    match faults {
        Ok(faults) => {
            app.faults.replace(faults);
            ok(&json!({"faults": app.faults.counts()}))
        }
        Err(message) => bad_request(&message),
    }
}

async fn requests(State(app): State<Arc<App>>) -> Response {
    as_json(&app.log.snapshot())
}

async fn clear_requests(State(app): State<Arc<App>>) -> Response {
    app.log.clear();
    ok(&json!({"success": true}))
}

async fn assets(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let page = Query::parse(&query.unwrap_or_default(), &["after", "limit"]).and_then(|query| {
        let number = |key: &str, default: usize, most: usize| match query.value(key) {
            None => Ok(default),
            Some(_) => query.within(key, 0..=most),
        };
        let after = number("after", 0, usize::MAX)?;
        Ok((after, number("limit", MAX_ASSETS, MAX_ASSETS)?))
    });
    match page {
        Ok((after, limit)) => {
            let assets = app.store.oldest_first(after as u64, limit);
            as_json(&assets.iter().map(AsRef::as_ref).collect::<Vec<&Asset>>())
        }
        Err(message) => bad_request(&message),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetToken {
    token: String,
}

async fn set_token(State(app): State<Arc<App>>, body: Bytes) -> Response {
    match parse(&body) {
        Ok(SetToken { token }) if super::usable(&token) => {
            app.set_token(token);
            ok(&json!({"success": true}))
        }
        Ok(_) => bad_request(&super::Error::Token.to_string()),
        Err(message) => bad_request(&message),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("The body is not as documented: {error}"))
}

fn as_json(value: &impl serde::Serialize) -> Response {
    match serde_json::to_value(value) {
        Ok(value) => ok(&value),
        Err(error) => refusal::error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn ok(value: &Value) -> Response {
    refusal::json_response(StatusCode::OK, value)
}

fn bad_request(message: &str) -> Response {
    refusal::error(StatusCode::BAD_REQUEST, message)
}
