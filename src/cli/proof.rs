//! The server asked whether token and accounts work, for `init` and `doctor`: nothing is changed.
//!
//! Owns:
//! - with `--sandbox` a server of this process is asked, whose assets are in a directory of their
//!   own that ends with it: the state directory stays as it is.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use tokio::runtime::Runtime;

use crate::api::{Asked, Client, RunwayAccount, Storage, Subscription, Unanswered};
use crate::config::Config;
use crate::daemon::{SetupError, means};
use crate::sandbox::{Options, Sandbox};
use crate::{api, secret};

use super::Failure;
use super::session::SANDBOX_TOKEN;

/// A way to ask.
pub struct Prober {
    runtime: Runtime,
    client: Client,
    token: api::Token,
    /// Where is asked.
    pub base_url: String,
    sandbox: Option<Playground>,
}

/// A sandbox that ends with this command.
struct Playground {
    sandbox: Option<Sandbox>,
    directory: PathBuf,
}

impl Prober {
    /// A way to ask the configured server.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(config: &Config, token: &secret::Token) -> Result<Prober, Failure> {
        Prober::to(config, config.api.base_url.as_str().to_owned(), token, runtime()?, None)
    }

    /// A way to ask a sandbox that has the accounts of the configuration and this one.
    ///
    /// # Errors
    /// If no sandbox can be started.
    pub fn sandbox(config: &Config, email: Option<&str>) -> Result<Prober, Failure> {
        let runtime = runtime()?;
        let directory = std::env::temp_dir().join(format!(
            "taxiway-proof-{}-{}",
            std::process::id(),
            crate::daemon::Clock::start().now().wall.0
        ));
        DirBuilder::new().mode(0o700).create(&directory)?;
        let mut options = Options::new(directory.join("server"));
        let of_folders = config.folders.iter().filter_map(|folder| folder.email.as_ref());
        let emails = of_folders.chain(&config.api.email).map(|email| email.as_str());
        let mut emails: Vec<String> = emails.chain(email).map(str::to_owned).collect();
        emails.sort();
        emails.dedup();
        if !emails.is_empty() {
            options.accounts = emails;
        }
        let mut playground = Playground { sandbox: None, directory };
        let sandbox = runtime.block_on(Sandbox::start(options)).map_err(|error| {
            let error = std::io::Error::other(error.to_string());
            Failure::from(error)
        })?;
        let base_url = sandbox.base_url();
        playground.sandbox = Some(sandbox);
        let token = secret::Token::parse(SANDBOX_TOKEN)
            .map_err(|fault| Failure::from(std::io::Error::other(fault.to_string())))?;
        Prober::to(config, base_url, &token, runtime, Some(playground))
    }

    fn to(
        config: &Config,
        base_url: String,
        token: &secret::Token,
        runtime: Runtime,
        sandbox: Option<Playground>,
    ) -> Result<Prober, Failure> {
        let means = means(config, &base_url, Box::new(|| None)).map_err(SetupError::from)?;
        let sent = api::Token::parse(token.secret());
        match (means.client, sent) {
            (Some(client), Ok(token)) => Ok(Prober { runtime, client, token, base_url, sandbox }),
            (None, _) => Err(std::io::Error::other("there is no client").into()),
            (_, Err(error)) => Err(std::io::Error::other(error.to_string()).into()),
        }
    }

    /// Whether the token is taken, and paid for.
    pub fn subscription(&self) -> Asked<Subscription> {
        self.runtime.block_on(self.client.subscription(&self.token))
    }

    /// The accounts that the token can use.
    pub fn accounts(&self) -> Result<Vec<RunwayAccount>, Unanswered> {
        self.runtime.block_on(self.client.accounts(&self.token)).answer
    }

    /// Whether the list of an account can be read.
    pub fn reads_list(&self, email: Option<&str>) -> Result<(), Unanswered> {
        self.runtime.block_on(self.client.reads_list(&self.token, email)).answer
    }

    /// The room of an account.
    pub fn storage(&self, email: &str) -> Result<Storage, Unanswered> {
        self.runtime.block_on(self.client.storage(&self.token, email)).answer
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        let sandbox = self.sandbox.as_mut().and_then(|playground| playground.sandbox.take());
        if let Some(sandbox) = sandbox {
            self.runtime.block_on(sandbox.stop());
        }
    }
}

impl Drop for Playground {
    fn drop(&mut self) {
        // It was made by this process; what is left of it is of no use to anybody.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn runtime() -> std::io::Result<Runtime> {
    // The sandbox answers while this thread waits for it.
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
}
