//! What the page shows of the ledger: rows newest first, counts, one file's history, what was done
//! when.
//!
//! Owns:
//! - a page of rows is bounded, and the next one begins behind a cursor: nothing is kept between two.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::extract::{RawQuery, State as Of};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use serde::Serialize;

use crate::config::Email;
use crate::control::app::{App, blocking, read_ledger, status_of, unreadable};
use crate::control::listing::directory;
use crate::control::refusal::{No, Refusal};
use crate::control::routes::{answer, no_parameters, refused, respond};
use crate::control::status::{Counts, Status};
use crate::control::why::history_json;
use crate::control::wire::{parameters, senseless, written};
use crate::control::wish::Answer;
use crate::ledger::{Behind, Done, Filter, Ledger, Row, State};
use crate::planner::Wall;
use crate::row::{RowFields, time};

/// Rows of a page, unless asked for otherwise.
const ROWS: usize = 100;
/// Rows of a page at most.
const ROWS_MOST: usize = 500;
/// The header that says where the next page begins.
const NEXT: HeaderName = HeaderName::from_static("x-next");

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Minutes and hours that a plot shows.
const MINUTES: i64 = 60;
const HOURS: i64 = 24;

/// Which rows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Question {
    filter: Filter,
    behind: Option<Behind>,
    most: usize,
}

/// What rows are chosen by.
const CHOICE: [&str; 3] = ["email", "under", "q"];
/// The same, and which of them.
const PAGE: [&str; 6] = ["email", "under", "q", "state", "after", "limit"];

impl Question {
    fn read(query: &str, known: &[&str]) -> Result<Question, Refusal> {
        let mut asked = Question { most: ROWS, ..Question::default() };
        asked.filter.with_gone = true;
        for (key, value) in parameters(query, known)? {
            if value.is_empty() {
                continue;
            }
            let text = || String::from_utf8_lossy(&value).into_owned();
            match key {
                "email" => {
                    let email: Result<Email, _> = text().parse();
                    let email = email.map_err(|why| senseless(&format!("email: {why}")))?;
                    asked.filter.email = Some(email.as_str().to_owned());
                }
                "under" => asked.filter.under = Some(directory(value)?),
                "q" => asked.filter.text = Some(text().to_lowercase()),
                "state" => {
                    let known = State::ALL.into_iter().find(|state| state.as_str() == text());
                    let known = known.ok_or_else(|| senseless("state: there is no such state"))?;
                    asked.filter.state = Some(known);
                }
                "after" => {
                    let behind = cursor(&text());
                    asked.behind = Some(behind.ok_or_else(|| senseless("after: no cursor"))?);
                }
                _ => {
                    let most = text().parse().ok().filter(|most| (1..=ROWS_MOST).contains(most));
                    let words = format!("limit: a number from 1 to {ROWS_MOST}");
                    asked.most = most.ok_or_else(|| senseless(&words))?;
                }
            }
        }
        Ok(asked)
    }
}

fn cursor(text: &str) -> Option<Behind> {
    let (at, id) = text.split_once('.')?;
    Some(Behind { at: Wall(at.parse().ok()?), id: id.parse().ok()? })
}

/// A row as the page reads it.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    row: RowFields,
    id: i64,
    gone_at: Option<String>,
}

impl Line {
    fn of(row: &Row) -> Line {
        Line { row: RowFields::of(row), id: row.id, gone_at: row.gone_at.map(time) }
    }
}

/// `GET /ui/rows`: the newest rows, a line each.
pub(super) async fn rows(Of(app): Of<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let turn = Arc::clone(&app.page.passes).acquire_owned().await;
    let found = blocking(&app, move |app| {
        // Whoever wants to know may be gone: the pass goes on all the same.
        let _turn = turn;
        let asked = Question::read(&query.unwrap_or_default(), &PAGE)?;
        let Some(ledger) = read_ledger(app)? else { return Ok((String::new(), None)) };
        let found = ledger.recent(&asked.filter, true, asked.behind, asked.most);
        let found = found.map_err(unreadable)?;
        let lines = found.rows.iter().map(|row| written(&Line::of(row)) + "\n").collect();
        Ok((lines, found.next))
    });
    let (lines, next): (String, Option<Behind>) = match found.await {
        Ok(found) => found,
        Err(refusal) => return refused(&refusal),
    };
    let mut response = respond(200, lines);
    let next = next.map(|Behind { at, id }| HeaderValue::from_str(&format!("{}.{id}", at.0)));
    if let Some(Ok(next)) = next {
        response.headers_mut().insert(NEXT, next);
    }
    response
}

#[derive(Serialize)]
struct Found {
    schema: u8,
    total: u64,
    states: Counts,
}

/// `GET /ui/counts`: how many rows there are, by state.
pub(super) async fn counts(Of(app): Of<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let turn = Arc::clone(&app.page.passes).acquire_owned().await;
    let found = blocking(&app, move |app| {
        // Whoever wants to know may be gone: the pass goes on all the same.
        let _turn = turn;
        let asked = Question::read(&query.unwrap_or_default(), &CHOICE)?;
        let counts = match read_ledger(app)? {
            Some(ledger) => ledger.chosen(&asked.filter, true).map_err(unreadable)?,
            None => [0; 8],
        };
        let (total, states) = (counts.iter().sum(), Counts::of(counts));
        Ok(vec![Answer::Granted(written(&Found { schema: 1, total, states }))])
    });
    answer(found.await)
}

/// `GET /ui/why`: the history of the file of a row.
pub(super) async fn why(Of(app): Of<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let told = blocking(&app, move |app| {
        let id = id_asked(&query.unwrap_or_default(), &["id"])?;
        let ledger = read_ledger(app)?.ok_or_else(|| no_row(id))?;
        let row = row_of(&ledger, id)?;
        let history = ledger.history(&row.path, true).map_err(unreadable)?;
        let history = history.ok_or_else(|| no_row(id))?;
        Ok(vec![Answer::Granted(history_json(&history, &app.config(), true))])
    });
    answer(told.await)
}

/// The status, its first line as people read it, and what a page that was open for long goes by.
#[derive(Serialize)]
struct Standing<'a> {
    #[serde(flatten)]
    status: &'a Status,
    line: String,
    next: Vec<String>,
    /// The folders' numbers in the ledger, in their order: a place is another's after a reload.
    folder_ids: Vec<i64>,
    /// What no other process knows that may listen here later.
    daemon: &'a str,
}

/// `GET /ui/status`: how things stand, for people too.
pub(super) async fn status(Of(app): Of<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let view = match no_parameters(query) {
        Ok(()) => app.view().await,
        Err(refusal) => Err(refusal),
    };
    let view = match view {
        Ok(view) => view,
        Err(refusal) => return refused(&refusal),
    };
    let told = blocking(&app, move |app| {
        let status = status_of(app, &view)?;
        let next = status.next().into_iter().map(|command| format!("taxiway {command}"));
        let (line, next) = (status.line(app.now()), next.collect());
        let folder_ids = view.folders.iter().map(|folder| folder.id.0).collect();
        let daemon = app.page.daemon.as_str();
        let told = Standing { status: &status, line, next, folder_ids, daemon };
        Ok(vec![Answer::Granted(written(&told))])
    });
    answer(told.await)
}

#[derive(Serialize)]
struct Plot {
    schema: u8,
    minutes: Vec<Span>,
    hours: Vec<Span>,
}

#[derive(Serialize)]
struct Span {
    at: String,
    uploads: u64,
    bytes: u64,
    failed: u64,
}

/// `GET /ui/plot`: what was done in each minute of the last hour, and each hour of the last day.
pub(super) async fn plot(Of(app): Of<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    if let Err(refusal) = no_parameters(query) {
        return refused(&refusal);
    }
    let told = blocking(&app, |app| {
        let ledger = read_ledger(app)?;
        let now = app.now();
        let minutes = spans(ledger.as_ref(), last(now, MINUTE_MS, MINUTES), MINUTE_MS)?;
        let hours = spans(ledger.as_ref(), last(now, HOUR_MS, HOURS), HOUR_MS)?;
        Ok(vec![Answer::Granted(written(&Plot { schema: 1, minutes, hours }))])
    });
    answer(told.await)
}

/// The numbers of the last spans, since the epoch; the last of them is not over.
fn last(now: Wall, span_ms: i64, count: i64) -> RangeInclusive<i64> {
    let this = now.0.div_euclid(span_ms);
    this - count + 1..=this
}

fn spans(
    ledger: Option<&Ledger>,
    numbers: RangeInclusive<i64>,
    span_ms: i64,
) -> Result<Vec<Span>, Refusal> {
    let since = Wall(numbers.start() * span_ms);
    let done = ledger.map(|ledger| ledger.done_since(since, span_ms)).transpose();
    let done = done.map_err(unreadable)?.unwrap_or_default();
    let span = |number| {
        let Done { uploads, bytes, failed } = done.get(&number).copied().unwrap_or_default();
        Span { at: time(Wall(number * span_ms)), uploads, bytes, failed }
    };
    Ok(numbers.map(span).collect())
}

/// The row that a question is about, `id=…`, among other parameters that are known.
pub(super) fn id_asked(query: &str, known: &[&str]) -> Result<i64, Refusal> {
    let id = parameters(query, known)?.into_iter().find(|(key, _)| *key == "id");
    let (_, id) = id.ok_or_else(|| senseless("the parameter id is missing"))?;
    let id = std::str::from_utf8(&id).ok().and_then(|id| id.parse().ok());
    id.ok_or_else(|| senseless("id: the number of a row"))
}

pub(super) fn row_of(ledger: &Ledger, id: i64) -> Result<Row, Refusal> {
    let row = ledger.row_numbered(id, true).map_err(unreadable)?;
    row.ok_or_else(|| no_row(id))
}

pub(super) fn no_row(id: i64) -> Refusal {
    Refusal::new(No::Unknown, format!("row {id} is not in the ledger"), "taxiway ls")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_and_what_is_empty_chooses_nothing() {
        let asked = Question::read("q=CAT&state=&email=&under=&after=-5.7&limit=3", &PAGE).unwrap();
        let text = Some("cat".to_owned());
        let filter = Filter { with_gone: true, text, ..Filter::default() };
        let behind = Some(Behind { at: Wall(-5), id: 7 });
        assert_eq!(asked, Question { filter, behind, most: 3 });
        for (query, words) in [
            ("state=gone", "state: there is no such state"),
            ("after=7", "after: no cursor"),
            ("after=a.b", "after: no cursor"),
            ("limit=0", "limit: a number from 1 to 500"),
            ("limit=501", "limit: a number from 1 to 500"),
            ("under=here", "\"here\" is not an absolute path"),
            ("email=me", "email: it is not NAME@HOST"),
            (
                "path=/a",
                "unknown parameter \"path\": there is email, under, q, state, after, limit",
            ),
        ] {
            assert_eq!(Question::read(query, &PAGE).unwrap_err().error, words);
        }
        assert!(Question::read("state=held", &CHOICE).is_err(), "counts are of all states");
    }

    #[test]
    fn the_last_spans_end_with_the_one_that_is_not_over() {
        assert_eq!(last(Wall(10 * MINUTE_MS), MINUTE_MS, 3), 8..=10);
        assert_eq!(last(Wall(11 * MINUTE_MS - 1), MINUTE_MS, 3), 8..=10);
    }
}
