//! A client that says exactly what a test wants to say, also what no library would send.
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::sandbox::{Asset, Options, Outcome, RequestRecord, Sandbox};

pub(super) const TOKEN: &str = "user:1-sandbox";
/// A condition that does not hold after this long never will.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running sandbox in a directory of its own.
pub(super) struct Ground {
    pub(super) sandbox: Sandbox,
    pub(super) dir: TempDir,
}

impl Ground {
    pub(super) async fn with(faults: &[&str]) -> Ground {
        Ground::with_accounts(faults, &["a@b.c"]).await
    }

    pub(super) async fn with_accounts(faults: &[&str], accounts: &[&str]) -> Ground {
        let dir = TempDir::new().unwrap();
        let sandbox = start(&dir, faults, accounts).await;
        Ground { sandbox, dir }
    }

    /// Stops it and starts another one in the same directory.
    pub(super) async fn restart(self) -> Ground {
        self.sandbox.stop().await;
        let sandbox = start(&self.dir, &[], &["a@b.c"]).await;
        Ground { sandbox, dir: self.dir }
    }

    pub(super) async fn connect(&self) -> Wire {
        Wire::open(self.sandbox.address()).await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, "", b"").await
    }

    /// One request with the token on a connection of its own.
    pub(super) async fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
        self.try_ask(method, path, headers, body).await.unwrap()
    }

    pub(super) async fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> io::Result<Reply> {
        let headers = format!("authorization: Bearer {TOKEN}\r\n{headers}");
        self.bare_ask(method, path, &headers, body).await
    }

    /// One request with no other headers than those given, and a length if there is a body.
    pub(super) async fn bare_ask(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> io::Result<Reply> {
        let mut wire = self.connect().await;
        let length = match body {
            [] => String::new(),
            body => format!("content-length: {}\r\n", body.len()),
        };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}{length}\r\n");
        wire.send(head.as_bytes()).await?;
        wire.send(body).await?;
        wire.reply().await
    }

    /// Uploads a PNG to the only account.
    pub(super) async fn upload(&self, name: &str, body: &[u8]) -> Reply {
        self.try_upload(name, body).await.unwrap()
    }

    pub(super) async fn try_upload(&self, name: &str, body: &[u8]) -> io::Result<Reply> {
        let path = format!("/v1/runwayml/assets/?name={name}");
        self.try_ask("POST", &path, "content-type: image/png\r\n", body).await
    }

    /// The entries of the list, at most 50.
    pub(super) async fn list(&self) -> Vec<Value> {
        let reply = self.get("/v1/runwayml/assets/?offset=0&limit=50").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json().as_array().unwrap().clone()
    }

    pub(super) async fn listed_names(&self) -> Vec<String> {
        let list = self.list().await;
        let name = |asset: &Value| asset["name"].as_str().unwrap().to_owned();
        list.iter().map(name).collect()
    }

    pub(super) fn stored(&self) -> Vec<Asset> {
        let assets = self.sandbox.assets();
        assets.iter().map(|asset| Asset::clone(asset)).collect()
    }

    pub(super) fn last_request(&self) -> RequestRecord {
        self.sandbox.requests().requests.last().cloned().unwrap()
    }

    /// Waits until the request with this number has come to that.
    pub(super) async fn until_request(
        &self,
        sequence: u64,
        condition: impl Fn(&RequestRecord) -> bool,
    ) {
        until(|| {
            let requests = self.sandbox.requests().requests;
            requests.iter().any(|request| request.sequence == sequence && condition(request))
        })
        .await;
    }

    pub(super) async fn until_ended(&self, sequence: u64, outcome: Outcome) {
        self.until_request(sequence, |request| request.outcome == outcome).await;
    }

    pub(super) async fn until_received(&self, sequence: u64, bytes: u64) {
        self.until_request(sequence, |request| request.received == bytes).await;
    }

    pub(super) fn set_faults(&self, faults: &[&str]) {
        let faults = faults.iter().map(|spec| spec.parse().unwrap()).collect();
        self.sandbox.set_faults(faults);
    }

    /// How many bodies are on their way to the disk.
    pub(super) fn incoming(&self) -> usize {
        let dir = self.dir.path().join("incoming");
        std::fs::read_dir(dir).unwrap().count()
    }
}

async fn start(dir: &TempDir, faults: &[&str], accounts: &[&str]) -> Sandbox {
    let mut options = Options::new(dir.path());
    options.token = Some(TOKEN.to_owned());
    options.accounts = accounts.iter().map(|&email| email.to_owned()).collect();
    options.faults = faults.iter().map(|spec| spec.parse().unwrap()).collect();
    Sandbox::start(options).await.unwrap()
}

/// Waits for a condition; fails when it never holds.
pub(super) async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the condition never held");
}

/// One connection.
pub(super) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    async fn open(address: SocketAddr) -> Wire {
        Wire { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The head of an upload of a PNG; the body is the test's business.
    pub(super) async fn send_upload_head(&mut self, name: &str, length: usize) {
        let head = format!(
            "POST /v1/runwayml/assets/?name={name} HTTP/1.1\r\nhost: localhost\r\n\
             authorization: Bearer {TOKEN}\r\ncontent-type: image/png\r\n\
             content-length: {length}\r\n\r\n"
        );
        self.send(head.as_bytes()).await.unwrap();
    }

    pub(super) async fn end_sending(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next answer. An end of the connection before it is `UnexpectedEof`.
    pub(super) async fn reply(&mut self) -> io::Result<Reply> {
        tokio::time::timeout(PATIENCE, self.read_reply()).await.expect("no answer")
    }

    async fn read_reply(&mut self) -> io::Result<Reply> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut reply = Reply { status: status.parse().unwrap(), headers, body: Vec::new() };
        let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.read.len() < length {
            self.read_more().await?;
        }
        reply.body = self.read.drain(..length).collect();
        Ok(reply)
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The text of a documented error, which is nothing but that and the code.
    pub(super) fn error(&self) -> String {
        let value = self.json();
        assert_eq!(value["code"], self.status, "{value}");
        assert_eq!(value.as_object().unwrap().len(), 2, "{value}");
        value["error"].as_str().unwrap().to_owned()
    }
}
