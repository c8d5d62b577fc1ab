//! `GET /metrics`: how things stand and what was done, as Prometheus reads it.
//!
//! Owns:
//! - a name has its help and its type before its first sample, and a sample is there once;
//! - there are never more series than accounts and folders that are configured: no file's name and
//!   no error's words make one.
//!
//! Lines of our own instead of a client library: nearly all values are read off when they are asked
//! for, and a registry that keeps them would only be filled anew each time.

use std::fmt::{Display, Write as _};
use std::path::Path;
use std::time::Duration;

use super::standing::Figures;
use super::status::{Daemon, Status};
use crate::daemon::{Histogram, Numbers, Outcome, STEPS_MS, View};
use crate::ledger::State;
use crate::planner::{Cause, Wall};

/// What the text is, to who reads it.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Accounts that are told of one by one.
const ACCOUNTS_MOST: usize = 32;

/// All that is told.
pub(super) struct Told<'a> {
    pub(super) numbers: &'a Numbers,
    pub(super) view: &'a View,
    pub(super) status: &'a Status,
    pub(super) figures: &'a Figures,
    /// How old the figures are.
    pub(super) age: Duration,
    pub(super) daemon: &'a Daemon,
    pub(super) ledger: &'a Path,
    pub(super) now: Wall,
}

/// Labels, and a value.
type Sample = (Vec<(&'static str, String)>, String);

/// The text.
pub(super) fn text(told: &Told<'_>) -> String {
    let Told { numbers, view, status, age, daemon, ledger, .. } = told;
    let mut page = Page::default();
    let version = vec![("version", daemon.version.to_owned())];
    page.gauge("taxiway_build_info", "Which version this is.", [(version, "1".into())]);
    let started = seconds(daemon.started_at.0);
    page.gauge("process_start_time_seconds", "When the daemon began.", [plain(started)]);
    let words = "Times that the loop took in what happened and put it on disk.";
    page.counter("taxiway_loop_steps_total", words, [plain(numbers.steps)]);
    files(&mut page, told);
    let words = "How long ago the files of each state were counted.";
    page.gauge("taxiway_files_age_seconds", words, [plain(age.as_secs_f64())]);
    eyes(&mut page, numbers, view);
    stops(&mut page, status, view);
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut log = ledger.as_os_str().to_owned();
    log.push("-wal");
    let sizes = [("ledger", size(ledger)), ("log", size(Path::new(&log)))];
    let words = "Bytes of the ledger's file, and of the log beside it.";
    page.gauge("taxiway_ledger_bytes", words, labelled("file", sizes));
    page.0
}

fn files(page: &mut Page, told: &Told<'_>) {
    let Told { numbers, view, status, figures, now, .. } = told;
    let outcomes =
        Outcome::ALL.map(|outcome| (outcome.as_str(), numbers.outcomes[outcome as usize]));
    let words = "What has become of files and uploads: uploaded, found (stored although the answer \
                 was lost), deduplicated (known, nothing was sent), retried, unknown (sent whole, \
                 answer lost), failed, held.";
    page.counter("taxiway_uploads_total", words, labelled("outcome", outcomes));
    let words = "Bytes that the server's connections took, those of uploads that had to begin again \
                 included.";
    page.counter("taxiway_sent_bytes_total", words, [plain(numbers.sent)]);
    let words = "Uploads that may go out at once for now; `concurrency` is the limit.";
    page.gauge("taxiway_uploads_allowed", words, [plain(view.allowed)]);
    let words = "Files of the folders by state.";
    page.gauge("taxiway_files", words, labelled("state", status.counts.by_state()));
    let words = "Bytes of what is queued, going out, or in doubt.";
    page.gauge("taxiway_left_bytes", words, [plain(status.bytes_left)]);
    let open = [State::Settling, State::Queued, State::Uploading, State::Unknown];
    let oldest = open.iter().filter_map(|state| figures.amounts[*state as usize].oldest).min();
    let age_ms = oldest.map_or(0, |oldest| (now.0 - oldest.0).max(0));
    let words =
        "How long ago the file was first seen that has been waiting longest; 0 if none waits.";
    page.gauge("taxiway_oldest_waiting_seconds", words, [plain(seconds(age_ms))]);
    let errands = [("waiting", figures.errands.waiting), ("given_up", figures.errands.given_up)];
    let words = "What is still to be done for files after their upload, or was given up.";
    page.gauge("taxiway_errands", words, labelled("state", errands));
    let words = "From the last event about a file to its being at rest and identified.";
    page.histogram("taxiway_event_to_settled_seconds", words, &numbers.to_settled);
    let words = "From the last event about a file to its assetId, uploaded or known already.";
    page.histogram("taxiway_event_to_asset_seconds", words, &numbers.to_asset);
}

fn eyes(page: &mut Page, numbers: &Numbers, view: &View) {
    let words = "Times that events were lost or could not be had, and a scan was owed.";
    page.counter("taxiway_overflows_total", words, [plain(numbers.overflows)]);
    let words = "Files that events should have told of, and only scans did.";
    page.counter("taxiway_missed_by_events_total", words, [plain(numbers.missed)]);
    let scans = [("complete", numbers.scans), ("incomplete", numbers.scans_incomplete)];
    page.counter("taxiway_scans_total", "Scans of folders.", labelled("result", scans));
    let modes = ["events", "poll", "away"].map(|mode| {
        let folders = view.folders.iter().filter(|folder| folder.mode == mode);
        (mode, folders.count())
    });
    let words = "Folders by how they are watched.";
    page.gauge("taxiway_folders", words, labelled("mode", modes));
}

fn stops(page: &mut Page, status: &Status, view: &View) {
    let is = |yes: bool| [plain(u8::from(yes))];
    let words = "Whether nothing settles, waits, goes out or is in doubt, and no scan is owed.";
    page.gauge("taxiway_done", words, is(status.done));
    page.gauge(
        "taxiway_paused",
        "Whether no upload begins: a person wants it so, or the machine is in a state of pause_on.",
        is(view.paused.is_some()),
    );
    page.gauge(
        "taxiway_needs_person",
        "Whether something needs a person.",
        is(status.needs_person(view)),
    );
    let of_all = view.stops.iter().find(|stop| stop.account.is_none());
    let mut causes: Vec<&str> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
    causes.dedup();
    let all = causes.iter().map(|cause| {
        let stopped = of_all.is_some_and(|stop| stop.cause.as_str() == *cause);
        (*cause, u8::from(stopped))
    });
    let words = "Whether this stops all uploads.";
    page.gauge("taxiway_stopped", words, labelled("cause", all));
    let states: Vec<&str> = ["ok"].into_iter().chain(causes).collect();
    let samples = status.accounts.iter().take(ACCOUNTS_MOST).flat_map(|account| {
        let email = account.email.clone().unwrap_or_default();
        let now = account.state.clone();
        states.iter().map(move |state| {
            let labels = vec![("account", email.clone()), ("state", (*state).to_owned())];
            (labels, u8::from(now == *state).to_string())
        })
    });
    let words =
        "Which state an account is in: 1 for that one. Without an e-mail until it is learnt.";
    page.gauge("taxiway_account_state", words, samples.collect::<Vec<_>>());
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = Sample>) {
        self.family(name, "gauge", help);
        self.samples(name, samples);
    }

    fn counter(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = Sample>) {
        self.family(name, "counter", help);
        self.samples(name, samples);
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        let ends = STEPS_MS.iter().map(|end| seconds(i64::try_from(*end).unwrap_or(i64::MAX)));
        let ends = ends.map(|end| end.to_string()).chain(["+Inf".to_owned()]);
        let mut so_far = 0;
        let steps = ends.zip(histogram.counts).map(|(end, count)| {
            so_far += count;
            (vec![("le", end)], so_far.to_string())
        });
        self.samples(&format!("{name}_bucket"), steps.collect::<Vec<_>>());
        let sum = seconds(i64::try_from(histogram.sum_ms).unwrap_or(i64::MAX));
        self.samples(&format!("{name}_sum"), [plain(sum)]);
        self.samples(&format!("{name}_count"), [plain(so_far)]);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn samples(&mut self, name: &str, samples: impl IntoIterator<Item = Sample>) {
        for (labels, value) in samples {
            let labels: Vec<String> =
                labels.iter().map(|(key, value)| format!("{key}=\"{}\"", quoted(value))).collect();
            let labels = match labels.is_empty() {
                true => String::new(),
                false => format!("{{{}}}", labels.join(",")),
            };
            _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }
}

fn plain(value: impl Display) -> Sample {
    (Vec::new(), value.to_string())
}

fn labelled<'a, V: Display>(
    label: &'static str,
    values: impl IntoIterator<Item = (&'a str, V)>,
) -> Vec<Sample> {
    let sample = |(word, value): (&str, V)| (vec![(label, word.to_owned())], value.to_string());
    values.into_iter().map(sample).collect()
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
