//! What people and programs ask of taxiway while it runs or rests, and how it is answered.
//!
//! Owns:
//! - a wish is judged by what the ledger says, granted in one step of the engine, and answered
//!   after that step is on disk, whoever grants it;
//! - what cannot be granted says why, and changes nothing;
//! - nobody but us reaches the socket (of the system service: nobody but its group), nobody without
//!   our token is heard over TCP, and nothing that a client does hurts the daemon.
//!
//! ```text
//! cli ── Wish ──▶ alone: the lock, one step ──────────────────────────▶ Answer
//!          └────▶ client ══ socket ══ server: routes ──▶ daemon's loop ──▶ Answer
//!     browser ══ TCP: guard ══ server: page ─────────────────┘
//! ```

mod alone;
mod app;
mod client;
mod forgotten;
mod guard;
mod heartbeat;
mod listing;
mod metrics;
mod page;
mod place;
mod pushing;
mod refusal;
mod retold;
mod routes;
mod server;
mod standing;
mod status;
mod stream;
mod tcp;
#[cfg(test)]
mod tests;
mod waiting;
mod whence;
mod why;
mod wire;
mod wish;

pub use alone::grant;
pub use app::Reload;
pub use client::{ClientError, ask, request};
pub use forgotten::Forgotten;
pub use place::Place;
pub use pushing::{PushBody, email_for, known_emails};
pub use refusal::Refusal;
pub use retold::retold;
pub use server::Server;
pub use standing::Standing;
pub use status::{AccountStatus, Counts, FolderStatus, Status, UploadStatus};
pub use stream::Heard;
pub use why::{Next, absence, decided_by, history_json, next};
pub use wish::{Answer, Judged, Verdict, Wish, asset};
