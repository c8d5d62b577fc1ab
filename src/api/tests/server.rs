//! A server whose every byte the test decides on.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{ID, LONG};

/// Listens on loopback; answers nothing by itself.
pub(super) struct Server {
    listener: TcpListener,
}

/// One connection, seen from the server.
pub(super) struct Conn {
    stream: TcpStream,
    read: Vec<u8>,
}

/// The head of a request.
#[derive(Debug)]
pub(super) struct Head {
    pub line: String,
    pub headers: Vec<(String, String)>,
}

impl Server {
    pub async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Server { listener }
    }

    pub fn port(&self) -> u16 {
        self.listener.local_addr().expect("an address").port()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1/runwayml", self.port())
    }

    pub async fn accept(&self) -> Conn {
        let accepted = tokio::time::timeout(LONG, self.listener.accept()).await;
        let (stream, _) = accepted.expect("in time").expect("accepted");
        Conn { stream, read: Vec::new() }
    }

    /// Nobody has connected.
    pub async fn untouched(&self) -> bool {
        let accepted = tokio::time::timeout(Duration::from_millis(50), self.listener.accept());
        accepted.await.is_err()
    }
}

impl Conn {
    /// Reads the head of a request.
    pub async fn head(&mut self) -> Head {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            assert!(self.more().await > 0, "closed in the head");
        };
        let head = String::from_utf8(self.read.drain(..end + 4).collect()).expect("text");
        let mut lines = head.trim_end().lines();
        Head {
            line: lines.next().unwrap_or_default().to_owned(),
            headers: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
        }
    }

    /// Reads so many bytes of a body.
    pub async fn body(&mut self, bytes: usize) -> Vec<u8> {
        while self.read.len() < bytes {
            assert!(self.more().await > 0, "closed in the body");
        }
        self.read.drain(..bytes).collect()
    }

    /// Reads to the end of the connection, however it ends; how many bytes came.
    pub async fn rest(&mut self) -> usize {
        while self.more().await > 0 {}
        std::mem::take(&mut self.read).len()
    }

    /// Sends these bytes.
    pub async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("sent");
    }

    /// Sends these bytes, if the other side still takes them.
    pub async fn try_say(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).await.is_ok()
    }

    /// An answer with this status and body.
    pub async fn answer(&mut self, status: &str, body: &str) {
        let length = body.len();
        self.say(&format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}")).await;
    }

    /// The answer to an upload that was stored.
    pub async fn stored(&mut self) {
        self.answer("200 OK", &format!(r#"{{"assetId":"{ID}"}}"#)).await;
    }

    /// Takes a whole upload: its head and its body.
    pub async fn upload(&mut self) -> (Head, Vec<u8>) {
        let head = self.head().await;
        let length = head.header("content-length").expect("a length");
        let body = self.body(length.parse().expect("a number")).await;
        (head, body)
    }

    /// Closes the connection, and waits until the other side has seen it.
    pub async fn close(mut self) {
        self.stream.shutdown().await.expect("shut down");
        assert_eq!(self.rest().await, 0);
    }

    /// Breaks the connection off with a reset.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("set");
    }

    async fn more(&mut self) -> usize {
        let more = self.stream.read_buf(&mut self.read);
        let more = tokio::time::timeout(LONG, more).await.expect("in time");
        more.unwrap_or(0)
    }
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}
