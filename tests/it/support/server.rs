//! The sandbox in the test's own process.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use taxiway::sandbox::{Asset, Call, Counter, Fault, Options, RequestRecord, Sandbox};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A running server; it ends with the test.
pub struct Server {
    runtime: Runtime,
    sandbox: Option<Sandbox>,
    address: std::net::SocketAddr,
    directory: TempDir,
    accounts: Vec<String>,
}

impl Server {
    /// With one account, `me@example.com`.
    pub fn start() -> Server {
        Server::of(&["me@example.com"])
    }

    /// With these accounts.
    pub fn of(accounts: &[&str]) -> Server {
        let directory = tempfile::tempdir().expect("a directory");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let accounts: Vec<String> = accounts.iter().map(|account| (*account).to_owned()).collect();
        let mut options = Options::new(directory.path());
        options.accounts.clone_from(&accounts);
        let sandbox = runtime.block_on(Sandbox::start(options)).expect("a sandbox");
        let address = sandbox.address();
        Server { runtime, sandbox: Some(sandbox), address, directory, accounts }
    }

    fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().expect("a running server")
    }

    /// As a client is configured with it.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1/runwayml", self.address)
    }

    /// Replaces what goes wrong.
    pub fn faults(&self, specs: &[&str]) {
        let faults = specs.iter().map(|spec| spec.parse::<Fault>().expect("a fault")).collect();
        self.sandbox().set_faults(faults);
    }

    /// Resets the token.
    pub fn set_token(&self, token: &str) {
        self.sandbox().set_token(token.to_owned()).expect("a token");
    }

    /// Stops listening; the assets stay.
    pub fn stop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            self.runtime.block_on(sandbox.stop());
        }
    }

    /// Listens again, at the same address.
    pub fn restart(&mut self) {
        let mut options = Options::new(self.directory.path());
        options.accounts.clone_from(&self.accounts);
        options.listen = self.address;
        self.sandbox = Some(self.runtime.block_on(Sandbox::start(options)).expect("a sandbox"));
    }

    /// Everything stored, oldest first.
    pub fn assets(&self) -> Vec<Arc<Asset>> {
        self.sandbox().assets()
    }

    /// The only asset.
    #[track_caller]
    pub fn asset(&self) -> Arc<Asset> {
        let assets = self.assets();
        assert_eq!(assets.len(), 1, "{assets:#?}");
        assets[0].clone()
    }

    /// The asset of this name.
    #[track_caller]
    pub fn asset_named(&self, name: &str) -> Arc<Asset> {
        let assets = self.assets();
        let named: Vec<_> = assets.iter().filter(|asset| asset.name == name).collect();
        assert_eq!(named.len(), 1, "{name}: {assets:#?}");
        named[0].clone()
    }

    /// Where the bytes of an asset lie.
    pub fn bytes_of(&self, asset: &Asset) -> PathBuf {
        self.directory.path().join("assets").join(format!("{}.bin", asset.id))
    }

    /// How many requests of any kind came.
    pub fn requests(&self) -> u64 {
        self.sandbox().requests().counters.values().map(|counter| counter.total).sum()
    }

    /// How many of a call came.
    pub fn calls(&self, call: Call) -> u64 {
        self.sandbox().requests().counters.get(&call).map_or(0, |counter| counter.total)
    }

    /// How the requests of a call ended.
    pub fn counters(&self, call: Call) -> Counter {
        self.sandbox().requests().counters.get(&call).cloned().unwrap_or_default()
    }

    /// How many uploads were begun.
    pub fn uploads(&self) -> u64 {
        self.calls(Call::Upload)
    }

    /// How many uploads are under way.
    pub fn open(&self) -> u64 {
        self.sandbox().requests().uploads_open
    }

    /// Deletes an asset, as its owner does.
    #[track_caller]
    pub fn delete(&self, asset_id: &str) {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(self.address).expect("a connection");
        let path = format!("/v1/runwayml/assets/{asset_id}");
        let token = super::TOKEN;
        let head = format!(
            "DELETE {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             connection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// The latest requests.
    pub fn log(&self) -> Vec<RequestRecord> {
        self.sandbox().requests().requests
    }

    /// No content is stored twice on one account.
    #[track_caller]
    pub fn nothing_twice(&self) {
        let mut seen = BTreeSet::new();
        for asset in self.assets() {
            let key = (asset.account.clone(), asset.blake3.clone());
            assert!(seen.insert(key), "{} is stored twice", asset.name);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
