//! Uploads and lists over real HTTP, against scripted servers on loopback.

mod account;
mod answers;
mod assets;
mod broken;
mod lists;
mod server;
mod sources;
mod stops;

use std::num::NonZeroU64;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Client, MediaFacts, Options, Rate, SendControl, Token};
use crate::planner::{
    self, AttemptId, Content, ContentHash, Fingerprint, MediaType, NotSent, Outcome, RefusalKind,
};
use server::Server;

const ID: &str = "user:1-runwayml:a@b.c-asset:0f";
/// Longer than any test may take.
const LONG: Duration = Duration::from_secs(20);
/// A time-out that a test waits for.
const SHORT: Duration = Duration::from_millis(200);
/// More than what the buffers of both ends hold together.
const LARGE: usize = 32 * 1024 * 1024;

/// One upload: its server, its file and its reins.
struct Case {
    server: Server,
    options: Options,
    dir: tempfile::TempDir,
    send: planner::Send,
    control: SendControl,
}

impl Case {
    /// A file of `size` bytes, and long time-outs.
    async fn new(size: usize) -> Case {
        let server = Server::start().await;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.png");
        std::fs::write(&path, bytes(size)).expect("written");
        Case {
            options: options(&server.url()),
            server,
            send: send(&path),
            dir,
            control: SendControl {
                withdraw: CancellationToken::new(),
                abort: CancellationToken::new(),
                abort_grace: LONG,
                progress: Arc::new(AtomicU64::new(0)),
                rate: Arc::new(Rate::new(None)),
                waited: Arc::default(),
            },
        }
    }

    fn client(&self) -> Client {
        Client::new(self.options.clone()).expect("a client")
    }

    /// Begins the upload.
    fn begin(&self) -> JoinHandle<Outcome> {
        self.begin_with(self.client())
    }

    fn begin_with(&self, client: Client) -> JoinHandle<Outcome> {
        let (send, control) = (self.send.clone(), self.control.clone());
        tokio::spawn(async move {
            let (token, ahead) = (token(), client.read_ahead(&send));
            let sent = client.send(&token, &send, ahead, control);
            tokio::time::timeout(LONG, sent).await.expect("ends in time")
        })
    }

    fn path(&self) -> &Path {
        &self.send.path
    }

    fn handed(&self) -> u64 {
        self.control.progress.load(Ordering::Relaxed)
    }

    fn limit(&self, bytes_per_second: u64) {
        self.control.rate.set(NonZeroU64::new(bytes_per_second));
    }
}

fn token() -> Token {
    Token::parse(&SecretString::from("user:1-abc")).expect("a token")
}

fn options(base_url: &str) -> Options {
    Options {
        base_url: base_url.to_owned(),
        connect_timeout: LONG,
        stall_timeout: LONG,
        answer_timeout: LONG,
        ca_file: None,
        facts: MediaFacts { width: true, height: true, duration: false },
    }
}

/// Bytes that differ from place to place: the block's length divides no buffer's.
fn bytes(size: usize) -> Vec<u8> {
    let block: Vec<u8> = (0..65_537_u32).map(|at| (at ^ (at >> 8)) as u8).collect();
    let mut bytes = block.repeat(size / block.len() + 1);
    bytes.truncate(size);
    bytes
}

/// The upload of a file as it is now.
pub(super) fn send(path: &Path) -> planner::Send {
    let bytes = std::fs::read(path).expect("readable");
    planner::Send {
        attempt: AttemptId(1),
        path: Arc::from(path),
        fingerprint: look(path),
        content: Content {
            hash: ContentHash(*blake3::hash(&bytes).as_bytes()),
            size: bytes.len() as u64,
            media_type: MediaType::Png,
            width: None,
            height: None,
            duration_ms: None,
        },
        email: None,
        name: "a.png".into(),
    }
}

fn look(path: &Path) -> Fingerprint {
    let seen = std::fs::metadata(path).expect("there");
    Fingerprint {
        device: seen.dev(),
        inode: seen.ino(),
        size: seen.len(),
        mtime_ns: seen.mtime() * 1_000_000_000 + seen.mtime_nsec(),
        ctime_ns: seen.ctime() * 1_000_000_000 + seen.ctime_nsec(),
    }
}

#[track_caller]
fn assert_stored(outcome: &Outcome) {
    match outcome {
        Outcome::Stored(asset) => assert_eq!(asset.asset_id, ID),
        outcome => panic!("{outcome:?}"),
    }
}

#[track_caller]
fn refused(outcome: Outcome) -> (RefusalKind, u16, String) {
    match outcome {
        Outcome::Refused(refusal) => (refusal.kind, refusal.status, refusal.message),
        outcome => panic!("{outcome:?}"),
    }
}

/// The status and words of an unknown.
#[track_caller]
fn unknown(outcome: Outcome) -> (Option<u16>, String) {
    match outcome {
        Outcome::Unknown { status, reason, took_ms } => {
            assert!(took_ms >= 0);
            (status, reason)
        }
        outcome => panic!("{outcome:?}"),
    }
}

#[track_caller]
fn broken(outcome: Outcome) -> String {
    match outcome {
        Outcome::NotSent(NotSent::Broken { reason }) => reason,
        outcome => panic!("{outcome:?}"),
    }
}

#[track_caller]
fn offline(outcome: Outcome) -> String {
    match outcome {
        Outcome::NotSent(NotSent::Offline(trouble)) => {
            assert_eq!(trouble.refusal, None);
            trouble.reason
        }
        outcome => panic!("{outcome:?}"),
    }
}
