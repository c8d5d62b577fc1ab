//! taxiway: drop a file into a folder, get its assetId. The map of the code.
//!
//! # What happens to a file
//!
//! The system tells [`watch`] that something happened to a path, or a walk by [`scan`] comes past
//! it; both are only hints that lead to a look, and [`rules`] say whether the path is ours. What
//! the look showed goes as an `Event` to the loop in [`daemon`], which hands all that has happened
//! to [`engine`]: one step looks up in [`ledger`] what is known of each path, lets [`planner`]
//! decide, commits what it wants written, and only then returns what it wants done. The planner
//! wants a second look after the quiet time, or almost at once if the system told that its writer is
//! done; then the file read, if nobody has it open for writing ([`evidence`]; then [`hash`] and
//! [`media`] in one pass: its content, type, facts, and whether its end is there); then, if that
//! content is not on the account yet, an attempt opened, in the ledger before anything else, and the bytes sent by
//! [`api`], which hashes them again on their way and holds the last ones back until they proved to
//! be the same. The answer comes back as an `Event`: an assetId ends the upload; a refusal ends it
//! too; what never went out whole is tried again; and what went out whole without an answer is
//! looked up in the account's list until the planner knows, or a person must.
//!
//! # Where things are
//!
//! ```text
//!     eyes                       brain                        hands
//! watch · scan  ── Event ──▶  engine: planner  ── Effect ──▶  daemon::hands
//!   rules                            ledger    ◀── Event ──   hash · media · api
//!                               ▲
//!            daemon owns all    │   cli asks and shows
//! ```
//!
//! Eyes: what is on the disk.
//! - [`watch`]: the system's events, as hints; the only door to `notify`.
//! - [`scan`]: a look at one path, a walk through a folder, the ways of file systems.
//! - [`rules`]: which paths are ours, by pattern; the only door to `ignore`.
//!
//! Brain: what is to be done, and what was.
//! - [`planner`]: pure decisions. `settle` (is it at rest), `files` (one path), `known` (what a scan
//!   need not tell of it), `contents` (what was read of it), `readings` (whose turn it is to be
//!   read), `folders` (scans, and what is away), `missed` (what events did not tell), `uploads` (one
//!   content on one account), `doubt` (was it stored), `retry` (when again, and what stops
//!   everyone), `pause` and `conditions` (what keeps all from beginning), `commands` (what a person
//!   asks for), `configured` (another configuration, while all goes on), `errands` (what is done for
//!   a file after its upload), `pairing` (which asset is which content), `filter` (names that are never ours), `types` and
//!   `message` (the nouns).
//! - [`engine`]: one step: look up, decide, commit, return effects.
//! - [`ledger`]: all SQL; the schema is in `migrations/`. `step`, `uploads`, `wishes`, `errands`
//!   and `folder` write; `facts` and `places` (what lies where) read for the planner, `views`,
//!   `counts`, `recent` and `history` for people; `opening`, `verify`, `checkup`, `backup`,
//!   `exchange`, `adopt` and `salvage` are its upkeep.
//!
//! Hands: what is done.
//! - [`evidence`]: who has a file open for writing, as far as the kernel can prove it.
//! - [`hash`]: one pass over a file, and its content.
//! - [`media`]: type, facts and completeness, by small parsers of our own.
//! - [`api`]: the client: one file sent, one list read, one asset asked after, the meaning of every answer.
//!
//! Edges: people, programs, the machine.
//! - [`control`]: what is asked about files: judged, granted in one step, answered; the whole
//!   history of one; how things stand, and waiting for it; and the socket over which a running
//!   daemon is asked, or TCP beside it, which `guard` keeps; `whence`, who asks; `page`, what a
//!   browser is shown and may do (its files are in `src/page`); `metrics`, and the address that
//!   `heartbeat` calls.
//! - [`daemon`]: the loop that owns everything; a thread a folder, tasks for the hands, the lock;
//!   `readers`: whose file is read next; `pace` and `places`: how many uploads go out at once;
//!   `senses`: what the machine goes through; `errands`: hooks, sidecars, and files that are moved
//!   away; `reload`, which gives it another configuration.
//! - [`cli`]: commands, texts, exit codes; `main.rs` only calls it.
//! - [`config`]: what is set, where it comes from, what is refused.
//! - [`service`]: units for systemd, an agent for launchd, and the commands that make them known.
//! - [`secret`]: where the token is found, a keyring being the last place, and how it is kept out of
//!   every text.
//! - [`sandbox`]: the documented API on this machine, with faults to order.
//! - [`row`]: a row of the ledger as programs read it.
//! - [`supervisor`]: what systemd is told of a service that it started.
//! - [`stamp`]: whether a small file changed. [`text`]: outside words in one safe line. [`patient`]:
//!   what is asked of a disk that may never answer. [`program`]: a program of the system, asked
//!   something. [`power`] and [`link`]: whether the machine runs on its battery, and whether its link is
//!   metered. [`spare`]: memory given back.
//! - [`crash`]: where a build for tests dies when it is told to. `fuzzing`: where fuzzers get in.
//!
//! # Rings
//!
//! | ring | may import |
//! |---|---|
//! | `planner` | `std`, nothing else |
//! | leaves: `hash`, `link`, `power`, `program`, `spare`, `stamp`, `text`, `secret`, `supervisor`, `patient`, `crash` | other leaves |
//! | adapters: `watch`, `scan`, `evidence`, `rules`, `ledger`, `media`, `api`, `sandbox`, `config` | the planner's types, leaves; `scan` and `config` also `rules`; no other adapter |
//! | `service` | the types of `config`, leaves; it reads and writes nothing |
//! | `engine` | `planner`, `ledger` |
//! | `row` | the ledger and the planner's types |
//! | `daemon`, `control`, `cli` | everything; nobody imports `cli`, and `daemon` not `control` |
//!
//! An outside crate that does I/O has one door: notify in `watch`, ignore in `rules`, rusqlite in
//! `ledger`, reqwest in `api`, axum in `sandbox` and `control`, clap in `cli`, trash in
//! `daemon::errands`. What is drawn on a terminal goes through `cli::terminal`. The first line of the
//! table is checked by `.ci/run`, which compiles the planner alone; the others by whoever reads a
//! change.
//!
//! # What always holds
//!
//! | promise | kept by |
//! |---|---|
//! | one content on one account has at most one assetId | `UNIQUE` in `migrations/0001_ledger.sql`; `planner::uploads` opens no second attempt |
//! | an attempt is durable before its first byte | [`engine`]: effects are returned after the commit |
//! | what may have been stored is looked up before it is sent again | `planner::doubt`; [`ledger`]: an attempt without an outcome is in doubt at the next start |
//! | two contents that a list could not tell apart are never both under way | `planner::uploads`, before it opens an attempt |
//! | the bytes that are stored are those that were hashed | `api::source`: the last buffer waits for the hash |
//! | nothing is read before two equal looks and the quiet time, or without proof instead | `planner::settle` |
//! | nothing is read that somebody has open for writing, where that can be asked | `daemon::identify` and [`evidence`] |
//! | every way of losing sight of a file owes a scan | [`watch`] and `planner::settle`, whose memories are bounded |
//! | memory does not grow with the backlog | `planner::Limits`; [`ledger`] pages; `scan::walk` lists in pieces |
//! | a refused token is not tried again before it changes | `planner::retry` |
//! | where uploads wait for a condition, none begins before it was asked about | `planner::conditions` |
//! | one process writes a ledger | `daemon::lock` |
//! | what a folder wants done for a file is owed in the commit that makes the reason true | [`ledger`]: `errands`, asked by every write that ends an upload or links a path |
//! | a file is moved away only while it is what was uploaded, and the server confirms it | `planner::errands`, `daemon::errands` |
//! | a loop that hangs is restarted by the service manager, and a disk that hangs is no reason to | [`supervisor`]: signs of life come from [`daemon`]'s loop alone |
//! | who looks at the page came in by the socket, and no other site does anything in his name | `control::guard` and `control::page` |
//! | the token is in no log, error or ledger | [`secret`] and `api::client`: types that do not show it |
//! | whatever the answer, it is an event of a closed list | `planner::message`; no `_ =>` in the planner |
//!
//! The simulator in `tests/sim` runs the real engine over real SQLite through thousands of random
//! worlds. A list of deliberate bugs, `planner::sabotage::Bug`, names for each the test that notices.

pub mod api;
pub mod cli;
pub mod config;
pub mod control;
pub mod crash;
pub mod daemon;
pub mod engine;
pub mod evidence;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod hash;
pub mod ledger;
pub mod link;
pub mod media;
pub mod patient;
pub mod planner;
pub mod power;
pub mod program;
pub mod row;
pub mod rules;
pub mod sandbox;
pub mod scan;
pub mod secret;
pub mod service;
pub mod spare;
pub mod stamp;
pub mod supervisor;
pub mod text;
pub mod watch;

#[cfg(test)]
#[path = "../tests/sim/mod.rs"]
mod sim;
