//! The client: built once from the configuration, shared by all uploads and lists.
//!
//! Owns:
//! - no time-out that a healthy upload could run into: what stands still is watched instead;
//! - redirects are not followed and nothing is retried behind our back;
//! - plain HTTP, and no proxy, for loopback addresses; HTTPS for all others;
//! - the token is in no text that anybody reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Certificate, ClientBuilder, Url, redirect, retry};
use secrecy::{ExposeSecret, SecretString};

use super::line::Lines;
use super::source::Buffers;
use super::words;

/// What a client is built from.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address of the API, up to and without `/assets`.
    pub base_url: String,
    /// From the name look-up to the end of the TLS handshake.
    pub connect_timeout: Duration,
    /// While a body goes out: how long no byte may move.
    pub stall_timeout: Duration,
    /// From the last byte of a body to the answer.
    pub answer_timeout: Duration,
    /// Certificates to trust besides the system's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// What is sent with an upload besides its name.
    pub facts: MediaFacts,
}

/// Which facts about a medium are sent with its upload, where they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaFacts {
    /// Pixels, of images and videos.
    pub width: bool,
    /// Pixels, of images and videos.
    pub height: bool,
    /// Seconds, of videos and audio. The API's page named it in 2024 and does so no more.
    pub duration: bool,
}

/// A token in the form in which it is sent; never shown.
#[derive(Clone)]
pub struct Token(HeaderValue);

/// Why a text cannot be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing but white space.
    #[error("the token is empty")]
    Empty,
    /// A line break, another control or a character beyond ASCII.
    #[error("the token holds characters that no token has")]
    BadCharacters,
}

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The base URL is none.
    #[error("the base URL {url:?} cannot be used: {reason}")]
    BadBaseUrl {
        /// As configured.
        url: String,
        /// In words.
        reason: String,
    },
    /// The file of certificates cannot be read.
    #[error("cannot read the certificates in {path:?}: {reason}")]
    CaFileUnreadable {
        /// As configured.
        path: PathBuf,
        /// In words.
        reason: String,
    },
    /// The file of certificates holds none that can be used.
    #[error("no usable certificate in {path:?}: {reason}")]
    CaFileBad {
        /// As configured.
        path: PathBuf,
        /// In words.
        reason: String,
    },
    /// The system has no certificates to check servers by.
    #[error("the system has no CA certificates, so no server can be trusted")]
    NoCaStore,
    /// Anything else.
    #[error("cannot set up HTTPS: {reason}")]
    Unusable {
        /// In words.
        reason: String,
    },
}

/// The only way to the API.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) http: reqwest::Client,
    pub(super) assets: Url,
    /// The base URL is on this machine.
    pub(super) loopback: bool,
    pub(super) stall_timeout: Duration,
    pub(super) answer_timeout: Duration,
    pub(super) facts: MediaFacts,
    pub(super) buffers: Arc<Buffers>,
    pub(super) lines: Arc<Lines>,
}

impl Client {
    /// Builds a client; nothing is connected yet.
    pub fn new(options: Options) -> Result<Client, ClientError> {
        let base = Base::parse(&options.base_url)?;
        let http = builder(&options, &base)?.build().map_err(|error| unbuildable(&error))?;
        Ok(Client {
            http,
            assets: base.assets,
            loopback: base.loopback,
            stall_timeout: options.stall_timeout,
            answer_timeout: options.answer_timeout,
            facts: options.facts,
            buffers: Arc::default(),
            lines: Arc::default(),
        })
    }

    /// The address of the assets, with a query of strictly encoded values.
    pub(super) fn assets_url(&self, query: &[(&str, &str)]) -> Url {
        let pairs: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let mut url = self.assets.clone();
        url.set_query(Some(&pairs.join("&")));
        url
    }

    /// The address of one asset. The documented form has `:` and `@` as they are.
    pub(super) fn asset_url(&self, asset_id: &str) -> Url {
        let id = encoded(asset_id).replace("%3A", ":").replace("%40", "@");
        let mut url = self.assets.clone();
        url.set_path(&format!("{}{id}", self.assets.path()));
        url
    }
}

impl Token {
    /// Takes a token as a person supplied it; white space around it does not count.
    pub fn parse(secret: &SecretString) -> Result<Token, TokenError> {
        let text = secret.expose_secret().trim();
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::BadCharacters);
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {text}"))
            .map_err(|_| TokenError::BadCharacters)?;
        value.set_sensitive(true);
        Ok(Token(value))
    }

    /// The header `Authorization`.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl ClientError {
    /// What to do about it, if there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            ClientError::BadBaseUrl { .. } => {
                Some("set base_url under [api] to https://…, or to http:// and a loopback address")
            }
            ClientError::CaFileUnreadable { .. } => Some("check ca_file under [api]"),
            ClientError::CaFileBad { .. } => {
                Some("ca_file under [api] must hold certificates in PEM form (BEGIN CERTIFICATE)")
            }
            ClientError::NoCaStore => Some(
                "install the package ca-certificates, or set ca_file under [api] to a PEM file",
            ),
            ClientError::Unusable { .. } => None,
        }
    }
}

/// How long a connection waits for its next upload.
const IDLE_MOST: Duration = Duration::from_secs(3);

/// A base URL that was looked at.
struct Base {
    assets: Url,
    loopback: bool,
}

impl Base {
    fn parse(text: &str) -> Result<Base, ClientError> {
        let bad = |reason: &str| ClientError::BadBaseUrl {
            url: words::line(text),
            reason: reason.to_owned(),
        };
        let url = Url::parse(text.trim()).map_err(|error| bad(&error.to_string()))?;
        let loopback = match url.host_str() {
            None | Some("") => return Err(bad("it names no host")),
            Some(host) => loopback(host),
        };
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(bad("http:// would show the token to everybody on the way")),
            _ => return Err(bad("it is neither https:// nor http://")),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it must end before any ? or #"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("it must not hold a user name or password"));
        }
        // The documented address has the slash before the question mark.
        let mut assets = url.clone();
        assets.set_path(&format!("{}/assets/", url.path().trim_end_matches('/')));
        Ok(Base { assets, loopback })
    }
}

pub(super) fn loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

fn builder(options: &Options, base: &Base) -> Result<ClientBuilder, ClientError> {
    let https = base.assets.scheme() == "https";
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("taxiway/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .https_only(https)
        .connect_timeout(options.connect_timeout)
        // Shorter than servers keep idle connections (Node.js: 5 s). A small file that goes out on
        // one just closed is a doubt, which costs a minute; a handshake costs nothing beside it.
        .pool_idle_timeout(IDLE_MOST)
        // Over HTTP/2 all uploads share one connection, and the server's window is the limit.
        .http1_only();
    #[cfg(target_os = "linux")]
    {
        // The system's own watch for unanswered bytes; a little later than ours, whose words are
        // better, and by default too early.
        let margin = Duration::from_secs(5);
        builder = builder.tcp_user_timeout(options.stall_timeout + margin);
    }
    if base.loopback {
        builder = builder.no_proxy();
    }
    builder = match &options.ca_file {
        _ if !https => builder.tls_certs_only([]),
        Some(path) => builder.tls_certs_merge(certificates(path)?),
        None => builder,
    };
    Ok(builder)
}

/// A client for an address that is not the API's.
pub(super) fn plain_client(
    url: &str,
    patience: Duration,
    ca_file: Option<PathBuf>,
) -> Result<reqwest::Client, ClientError> {
    let address = url.split('?').next().unwrap_or(url);
    let options = Options {
        base_url: address.to_owned(),
        connect_timeout: patience,
        stall_timeout: patience,
        answer_timeout: patience,
        ca_file,
        facts: MediaFacts { width: false, height: false, duration: false },
    };
    let base = Base::parse(&options.base_url)?;
    builder(&options, &base)?.build().map_err(|error| unbuildable(&error))
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, ClientError> {
    let pem = std::fs::read(path).map_err(|error| ClientError::CaFileUnreadable {
        path: path.to_owned(),
        reason: words::line(&error.to_string()),
    })?;
    let bad = |reason: String| ClientError::CaFileBad { path: path.to_owned(), reason };
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| bad(words::of_error(&error)))?;
    if found.is_empty() {
        return Err(bad("it holds none".into()));
    }
    Ok(found)
}

/// rustls has no error of its own for a system without certificates, only these words.
fn unbuildable(error: &reqwest::Error) -> ClientError {
    let reason = words::of_error(error);
    if reason.to_lowercase().contains("no ca certificates") {
        ClientError::NoCaStore
    } else {
        ClientError::Unusable { reason }
    }
}

/// Percent-encoding of everything but the unreserved characters of RFC 3986, 2.3: a `+` that
/// stays a `+` is read as a space.
fn encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
