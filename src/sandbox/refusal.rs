//! Answers that are no good ones: refusals of the API, and those that faults make up.
//!
//! Owns: the shape of every error. The documented one is `{"error":…,"code":…}`; the other shapes
//! are those that edge servers and proxies in front of the API send.
use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::fault::{Form, StatusAnswer, What};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// What the answer says.
    pub(super) message: String,
    /// What only the log says.
    pub(super) problem: Option<String>,
    /// The methods that are allowed, for 405.
    pub(super) allow: Option<&'static str>,
}

impl Refusal {
    pub(super) fn bad_request(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, message)
    }

    /// The documented answer says nothing about why; the log does.
    pub(super) fn unauthorized(problem: impl Into<String>) -> Refusal {
        Refusal {
            problem: Some(problem.into()),
            ..Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized")
        }
    }

    pub(super) fn not_found(problem: impl Into<String>) -> Refusal {
        Refusal {
            problem: Some(problem.into()),
            ..Refusal::new(StatusCode::NOT_FOUND, "Not found.")
        }
    }

    pub(super) fn not_allowed(method: &str, allow: &'static str) -> Refusal {
        Refusal {
            allow: Some(allow),
            ..Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("Method {method} is not allowed here, only {allow}"),
            )
        }
    }

    pub(super) fn disk(error: &std::io::Error) -> Refusal {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("The sandbox cannot keep or read the bytes: {error}"),
        )
    }

    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Refusal {
        Refusal { status, message: message.into(), problem: None, allow: None }
    }

    /// The answer.
    pub(super) fn response(&self) -> Response {
        let mut response = error(self.status, &self.message);
        if let Some(allow) = self.allow {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

/// An answer in JSON.
pub(super) fn json_response(status: StatusCode, value: &Value) -> Response {
    text_response(status, "application/json; charset=utf-8", value.to_string())
}

/// `{"error":…,"code":…}`
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    json_response(status, &json!({"error": message, "code": status.as_u16()}))
}

/// 413 as an edge server sends it: it knows no JSON.
pub(super) fn too_large() -> Response {
    page(StatusCode::PAYLOAD_TOO_LARGE)
}

/// The answer of a fault in place of a good one; `None` when there is to be none at all.
pub(super) fn spoil(what: &What, good: Response, now: Timestamp) -> Option<Response> {
    match what {
        What::Status(answer) => Some(status_answer(answer, now)),
        What::Subscription => Some(error(
            StatusCode::PAYMENT_REQUIRED,
            "Account has no subscription or subscription expired",
        )),
        What::BrokenAccount(email) => Some(broken_account(email)),
        What::Lost => None,
        What::Malformed => Some(text_response(
            StatusCode::OK,
            "application/json; charset=utf-8",
            "{\"assetId\":\"user:".to_owned(),
        )),
        What::Incomplete => Some(good),
    }
}

fn broken_account(email: &str) -> Response {
    let message = broken_account_message(email);
    match StatusCode::from_u16(596) {
        Ok(status) => error(status, &message),
        // Any number of three digits is a status to the library.
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, &message),
    }
}

pub(super) fn broken_account_message(email: &str) -> String {
    format!("Account {email} in error state: the sandbox was told so")
}

fn status_answer(answer: &StatusAnswer, now: Timestamp) -> Response {
    let status = answer.status;
    let code = status.as_u16();
    let message = status.canonical_reason().unwrap_or("Error");
    let mut value = match answer.form {
        Form::Json => json!({"error": message, "code": code}),
        Form::Object => json!({"error": {"message": message}, "code": code}),
        Form::NoCode => json!({"error": message}),
        Form::Text | Form::Html | Form::Empty => Value::Null,
    };
    if let (Some(seconds), Some(fields)) = (answer.retry_after_field_s, value.as_object_mut()) {
        fields.insert("retryAfter".to_owned(), json!(seconds));
    }
    let mut response = match answer.form {
        Form::Json | Form::Object | Form::NoCode => json_response(status, &value),
        Form::Text => text_response(status, "text/plain", format!("error code: {code}")),
        Form::Html => page(status),
        Form::Empty => text_response(status, "text/plain", String::new()),
    };
    let retry_after = match (answer.retry_after_s, answer.retry_after_date_s) {
        (Some(seconds), _) => Some(HeaderValue::from(seconds)),
        (None, Some(seconds)) => now
            .saturating_add(jiff::SignedDuration::from_secs(i64::from(seconds)))
            .ok()
            .and_then(http_date),
        (None, None) => None,
    };
    if let Some(value) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

/// A time as HTTP headers spell it.
pub(super) fn http_date(time: Timestamp) -> Option<HeaderValue> {
    let text =
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()?;
    HeaderValue::from_str(&text).ok()
}

fn page(status: StatusCode) -> Response {
    let title = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or("Error"));
    text_response(
        status,
        "text/html",
        format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body><center><h1>{title}</h1></center></body>\r\n</html>\r\n"
        ),
    )
}

fn text_response(status: StatusCode, content_type: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
