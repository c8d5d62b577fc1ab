//! The log: how much of it, in which form, and where it goes.
//!
//! Owns:
//! - one record is one line of text, one JSON object a line, or one entry of the journal, and in
//!   one run nothing else is written between them;
//! - what the environment or the command line says of the level holds, whatever the configuration
//!   says and however often it is read.

mod journal;

use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt as text, reload};

use super::args::Common;
use super::output::colored;
use super::terminal;
use crate::config::{self, LogFormat, LogLevel};
use crate::daemon::Clock;
use crate::row::time;

use journal::Journal;

/// In which form the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Shape {
    /// Lines for people.
    Text,
    /// An object a line.
    Json,
    /// Entries of systemd's journal.
    Journal,
}

/// How much a person should mind, as syslog counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It ends, or a promise broke.
    Error = 3,
    /// A person should act.
    Warning = 4,
    /// It is as it should be.
    Info = 6,
    /// For who looks for a fault.
    Debug = 7,
}

static SHAPE: AtomicU8 = AtomicU8::new(Shape::Text as u8);
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    /// What says how much is logged, if that is not the configuration.
    fixed: Option<&'static str>,
    journal: Journal,
    /// Where stderr goes.
    to_journal: bool,
}

/// Begins to log: warnings, or what `TAXIWAY_LOG` or the flags ask for.
pub fn start(common: &Common) {
    let verbosity = i16::from(common.verbose) - i16::from(common.quiet);
    let level = match verbosity {
        ..=-1 => LogLevel::Error,
        0 => LogLevel::Warn,
        1 => LogLevel::Info,
        2 => LogLevel::Debug,
        3.. => LogLevel::Trace,
    };
    let asked = std::env::var("TAXIWAY_LOG").ok().filter(|text| !text.is_empty());
    let asked = asked.and_then(|text| EnvFilter::try_new(text).ok());
    let fixed = match (&asked, verbosity) {
        (Some(_), _) => Some("TAXIWAY_LOG"),
        (None, 0) => None,
        (None, _) => Some("-v or -q"),
    };
    let (filter, handle) = reload::Layer::new(asked.unwrap_or_else(|| filter(level)));
    let to_journal = journal::is_stderr(std::env::var_os("JOURNAL_STREAM").as_deref());
    let log = Log { filter: handle, fixed, journal: Journal::of_system(), to_journal };
    if LOG.set(log).is_err() {
        // Tests start several commands in one process: the first log stays.
        return;
    }
    set_shape(LogFormat::Auto);
    let lines = text::layer()
        .with_writer(|| terminal::Above)
        .with_ansi(colored(common))
        .event_format(OnlyText(text::format()));
    let _ = tracing_subscriber::registry().with(filter).with(lines).with(Structured).try_init();
}

/// Goes by the configuration from now on, as far as nothing else says otherwise.
pub fn follow(wanted: config::Log) {
    let Some(log) = LOG.get() else { return };
    set_shape(wanted.format);
    if log.fixed.is_none() {
        // It is gone only together with the log.
        let _ = log.filter.reload(filter(wanted.level));
    }
}

/// What keeps this level from being used, if anything does.
pub fn fixed() -> Option<&'static str> {
    LOG.get().and_then(|log| log.fixed)
}

/// The form in use.
pub fn shape() -> Shape {
    match SHAPE.load(Ordering::Relaxed) {
        shape if shape == Shape::Json as u8 => Shape::Json,
        shape if shape == Shape::Journal as u8 => Shape::Journal,
        _ => Shape::Text,
    }
}

/// Writes a record in the form in use, whatever the level is.
pub fn say(severity: Severity, message: &str, fields: Map<String, Value>) {
    let message = message.trim_end().replace('\n', "; ");
    match shape() {
        Shape::Text => {
            let _ = terminal::tell(&format!("{message}\n"));
        }
        Shape::Json => {
            let mut object = Map::new();
            object.insert("at".into(), json!(time(Clock::start().now().wall)));
            object.insert("level".into(), json!(severity.as_str()));
            object.insert("message".into(), json!(message));
            let known = ["schema", "at"];
            object.extend(fields.into_iter().filter(|(key, _)| !known.contains(&key.as_str())));
            let _ = terminal::tell(&format!("{}\n", Value::Object(object)));
        }
        Shape::Journal => {
            if let Some(log) = LOG.get() {
                log.journal.write(severity, &message, &fields);
            }
        }
    }
}

impl Severity {
    /// The word for it.
    fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warn",
            Severity::Info => "info",
            Severity::Debug => "debug",
        }
    }
}

fn set_shape(format: LogFormat) {
    let to_journal = LOG.get().is_some_and(|log| log.to_journal);
    let shape = match format {
        LogFormat::Auto if to_journal => Shape::Journal,
        LogFormat::Auto | LogFormat::Text => Shape::Text,
        LogFormat::Json => Shape::Json,
        LogFormat::Journal => Shape::Journal,
    };
    SHAPE.store(shape as u8, Ordering::Relaxed);
}

/// More of what is ours than of what others have to say.
fn filter(level: LogLevel) -> EnvFilter {
    EnvFilter::new(match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "warn,taxiway=info",
        LogLevel::Debug => "info,taxiway=debug",
        LogLevel::Trace => "debug,taxiway=trace",
    })
}

/// Lines for people, while that is the form.
struct OnlyText(Format);

impl<S, N> FormatEvent<S, N> for OnlyText
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match shape() {
            Shape::Text => self.0.format_event(context, writer, event),
            Shape::Json | Shape::Journal => Ok(()),
        }
    }
}

/// The other forms.
struct Structured;

impl<S: Subscriber> Layer<S> for Structured {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if shape() == Shape::Text {
            return;
        }
        let mut found = Found::default();
        event.record(&mut found);
        let Found { mut message, mut fields } = found;
        let metadata = event.metadata();
        // What comes from crates that log in another way says so in fields.
        let target = match fields.remove("log.target") {
            Some(Value::String(target)) => target,
            _ => metadata.target().to_owned(),
        };
        fields.retain(|key, _| !key.starts_with("log."));
        if shape() == Shape::Journal {
            // Whoever reads the journal sees the message first, and mostly nothing else.
            for (key, value) in &fields {
                message += &format!(" {key}={value}");
            }
        }
        fields.insert("target".into(), json!(target));
        let severity = match *metadata.level() {
            Level::ERROR => Severity::Error,
            Level::WARN => Severity::Warning,
            Level::INFO => Severity::Info,
            Level::DEBUG | Level::TRACE => Severity::Debug,
        };
        say(severity, &message, fields);
    }
}

/// The message of a record, and the rest.
#[derive(Default)]
struct Found {
    message: String,
    fields: Map<String, Value>,
}

impl Found {
    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => {
                self.fields.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Found {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, Value::String(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }
}

/// A line of stderr with the priority that the journal reads from it.
fn prioritised(severity: Severity, message: &str) -> io::Result<()> {
    terminal::tell(&format!("<{}>{message}\n", severity as u8))
}
