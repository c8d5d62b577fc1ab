//! One upload: the request, and the watch over it.
//!
//! Owns:
//! - a body that may have gone out whole ends as an answer or as unknown, never as not sent;
//! - a body that stands still ends, and whoever it waited for is named;
//! - a request is tried again on another connection only while not one byte was handed over.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{Body, RequestBuilder, Response};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::body::FileBody;
use super::client::{Client, Token};
use super::flow::{Flow, Party, Stage};
use super::line::Ahead;
use super::source::{Reader, Source};
use super::verdict::{self, Answer};
use super::{Rate, words};
use crate::crash;
use crate::planner::{self, NotSent, Outcome, Trouble, Wall};

/// Most bytes of an answer to an upload that are read; a real one has about 2,000.
const ANSWER_MOST: usize = 1024 * 1024;

/// The reins of one upload.
#[derive(Debug, Clone)]
pub struct SendControl {
    /// Takes the upload back if the connection has no byte of it; later it is too late.
    pub withdraw: CancellationToken,
    /// Ends the upload: at once before its last byte, after `abort_grace` once it is whole.
    pub abort: CancellationToken,
    /// How long a whole body's answer is still waited for after `abort`.
    pub abort_grace: Duration,
    /// Counts up the bytes that the connection took.
    pub progress: Arc<AtomicU64>,
    /// The limit that all uploads share.
    pub rate: Arc<Rate>,
    /// How long after the last byte the answer came; set once it does.
    pub waited: Arc<OnceLock<Duration>>,
}

impl Client {
    /// Sends one file and says how that ended. Dropping the future ends the request.
    /// `ahead`: what was read of it already.
    pub async fn send(
        &self,
        token: &Token,
        send: &planner::Send,
        ahead: Option<Ahead>,
        control: SendControl,
    ) -> Outcome {
        if let Some(outcome) = self.attempt(token, send, ahead, &control).await {
            return outcome;
        }
        // A kept connection turned out to be closed before it took a byte. Once is enough: the
        // planner tries again later.
        let again = self.attempt(token, send, None, &control).await;
        again.unwrap_or_else(|| {
            Outcome::NotSent(NotSent::Broken {
                reason: "the connection closed before the first byte, twice".into(),
            })
        })
    }

    /// One request. None: the connection failed under it before it took a byte.
    async fn attempt(
        &self,
        token: &Token,
        send: &planner::Send,
        ahead: Option<Ahead>,
        control: &SendControl,
    ) -> Option<Outcome> {
        let source = match self.open(send, ahead, control).await {
            Ok(source) => source,
            Err(why) => return Some(Outcome::NotSent(why)),
        };
        let flow = Arc::new(Flow::new(Arc::clone(&control.progress)));
        let body = FileBody::new(source, Arc::clone(&flow), Arc::clone(&control.rate));
        let request = self.request(token, send).body(Body::wrap(body));
        tokio::select! {
            biased;
            answered = self.exchange(request, &flow) => match answered {
                Ok(answer) => {
                    let whole = !flow.cut();
                    if whole {
                        control.waited.get_or_init(|| flow.progress().since.elapsed());
                    }
                    Some(verdict::of_upload(&answer, whole, took_ms(&flow), wall()))
                }
                Err(error) => failed(&error, &flow),
            },
            given_up = self.watch(&flow, control) => Some(given_up),
        }
    }

    /// Has a small file read before it has a place, if there is room for that.
    pub fn read_ahead(&self, send: &planner::Send) -> Option<Ahead> {
        let reader = Reader::new(send, &self.buffers);
        if reader.is_small() { self.lines.ahead(reader) } else { None }
    }

    /// Opens the file, unless that takes for ever or is not wanted any more.
    async fn open(
        &self,
        send: &planner::Send,
        ahead: Option<Ahead>,
        control: &SendControl,
    ) -> Result<Source, NotSent> {
        let open = async {
            let reader = Reader::new(send, &self.buffers);
            match ahead {
                None if !reader.is_small() => Source::open(reader).await,
                None => self.lines.join(reader).whole().await.map(Source::whole),
                Some(ahead) => ahead.whole().await.map(Source::whole),
            }
        };
        tokio::select! {
            biased;
            () = control.withdraw.cancelled() => Err(NotSent::Withdrawn),
            () = control.abort.cancelled() => Err(NotSent::Withdrawn),
            opened = open => opened,
            () = tokio::time::sleep(self.stall_timeout) => Err(self.stuck_disk()),
        }
    }

    fn request(&self, token: &Token, send: &planner::Send) -> RequestBuilder {
        let content = &send.content;
        let visual = !content.media_type.as_str().starts_with("audio/");
        let number = |wanted: bool, number: Option<u32>| {
            number.filter(|_| wanted).map(|number| number.to_string())
        };
        let width = number(self.facts.width && visual, content.width);
        let height = number(self.facts.height && visual, content.height);
        let duration = content.duration_ms.filter(|_| self.facts.duration).map(seconds);
        let mut query = vec![("name", send.name.as_str())];
        let optional = [
            ("email", send.email.as_deref()),
            ("width", width.as_deref()),
            ("height", height.as_deref()),
            ("duration", duration.as_deref()),
        ];
        query.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        self.http
            .post(self.assets_url(&query))
            .header(AUTHORIZATION, token.header())
            .header(CONTENT_TYPE, content.media_type.as_str())
    }

    /// Sends, and reads the answer. A 2xx is read to its end while the body goes on; any other
    /// answer settles the matter, so its words get a limited time.
    async fn exchange(&self, request: RequestBuilder, flow: &Flow) -> reqwest::Result<Answer> {
        let mut response = request.send().await?;
        crash::point("answered");
        let status = response.status();
        flow.answered(status.as_u16());
        let mut answer = head(&response);
        let body = read(&mut response, ANSWER_MOST, &mut answer.body);
        if status.is_success() {
            // What is missing shows when the answer is parsed.
            drop(body.await);
        } else {
            drop(tokio::time::timeout(self.stall_timeout, body).await);
        }
        Ok(answer)
    }

    /// Watches the body until it has to be given up, and says how that ends.
    async fn watch(&self, flow: &Flow, control: &SendControl) -> Outcome {
        let mut grace: Option<Instant> = None;
        let mut withdrawn = false;
        loop {
            let now = Instant::now();
            let until = self.deadline(flow, grace);
            if until.is_some_and(|until| until <= now) {
                if let Some(outcome) = self.expired(flow, grace) {
                    return outcome;
                }
                continue;
            }
            // The body moves without waking us, so a look is due whenever a time-out could be.
            let look = now + self.stall_timeout.min(self.answer_timeout);
            tokio::select! {
                biased;
                () = control.abort.cancelled(), if grace.is_none() => {
                    if flow.cut() {
                        return Outcome::NotSent(NotSent::Withdrawn);
                    }
                    grace = Some(now + control.abort_grace);
                }
                () = control.withdraw.cancelled(), if !withdrawn => {
                    withdrawn = true;
                    if flow.withdraw() {
                        return Outcome::NotSent(NotSent::Withdrawn);
                    }
                }
                () = tokio::time::sleep_until(until.map_or(look, |until| until.min(look))) => {}
            }
        }
    }

    /// When the wait of this moment has lasted too long; none if others watch over it.
    fn deadline(&self, flow: &Flow, grace: Option<Instant>) -> Option<Instant> {
        let progress = flow.progress();
        match progress.stage {
            // The connect time-out, and the time that the words of an answer have.
            Stage::Fresh | Stage::Held => None,
            Stage::Begun => match progress.waits_for {
                Party::Connection | Party::Source => Some(progress.since + self.stall_timeout),
                Party::Rate => None,
            },
            // The connection is about to see it.
            Stage::Cut => Some(progress.since + self.stall_timeout),
            Stage::Whole => {
                let until = progress.since + self.answer_timeout;
                Some(grace.map_or(until, |grace| until.min(grace)))
            }
        }
    }

    /// The wait has lasted too long. None: something moved at the last moment.
    fn expired(&self, flow: &Flow, grace: Option<Instant>) -> Option<Outcome> {
        let progress = flow.progress();
        if self.deadline(flow, grace).is_none_or(|until| until > Instant::now()) {
            return None;
        }
        match progress.stage {
            Stage::Whole => Some(Outcome::Unknown {
                status: progress.status,
                reason: match grace {
                    Some(_) => "stopped while waiting for the answer".into(),
                    None => format!("no answer {} after the last byte", shown(self.answer_timeout)),
                },
                took_ms: took_ms(flow),
            }),
            Stage::Fresh | Stage::Begun | Stage::Held | Stage::Cut => flow.cut().then(|| {
                Outcome::NotSent(flow.failure().unwrap_or_else(|| match progress.waits_for {
                    Party::Source => self.stuck_disk(),
                    Party::Connection | Party::Rate => NotSent::Broken {
                        reason: format!("no byte moved for {}", shown(self.stall_timeout)),
                    },
                }))
            }),
        }
    }

    fn stuck_disk(&self) -> NotSent {
        NotSent::SourceUnreadable {
            reason: format!("the disk gave nothing for {}", shown(self.stall_timeout)),
        }
    }
}

/// What an answer's head says; its body is still to be read.
pub(super) fn head(response: &Response) -> Answer {
    let header = |name: HeaderName| {
        let value = response.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Answer {
        status: response.status().as_u16(),
        date: header(DATE),
        retry_after: header(RETRY_AFTER),
        location: header(LOCATION),
        body: Vec::new(),
    }
}

/// Reads an answer's body up to `most` bytes; what was read stays in `body` whatever happens.
pub(super) async fn read(
    response: &mut Response,
    most: usize,
    body: &mut Vec<u8>,
) -> reqwest::Result<()> {
    while let Some(chunk) = response.chunk().await? {
        let room = most - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    Ok(())
}

/// Our clock.
pub(super) fn wall() -> Wall {
    Wall(jiff::Timestamp::now().as_millisecond())
}

/// A request that ended without an answer. None: before the connection took a byte.
fn failed(error: &reqwest::Error, flow: &Flow) -> Option<Outcome> {
    if let Some(failure) = flow.failure() {
        return Some(Outcome::NotSent(failure));
    }
    if !flow.cut() {
        return Some(Outcome::Unknown {
            status: None,
            reason: words::line(&format!("no answer: {}", words::of_error(error))),
            took_ms: took_ms(flow),
        });
    }
    if error.is_connect() {
        return Some(Outcome::NotSent(NotSent::Offline(Trouble {
            reason: words::of_connect(error, error.is_timeout()),
            refusal: None,
        })));
    }
    flow.progress().began?;
    Some(Outcome::NotSent(NotSent::Broken { reason: words::of_error(error) }))
}

/// From the first byte to now.
fn took_ms(flow: &Flow) -> i64 {
    let took = flow.progress().began.map(|began| began.elapsed());
    took.map_or(0, |took| i64::try_from(took.as_millis()).unwrap_or(i64::MAX))
}

/// Seconds with as many decimals as are needed.
fn seconds(duration_ms: u64) -> String {
    let text = format!("{}.{:03}", duration_ms / 1_000, duration_ms % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A time-out as words say it.
fn shown(timeout: Duration) -> String {
    match timeout.as_millis() {
        ms if ms % 60_000 == 0 => format!("{} min", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}
