//! `taxiway ledger verify --server`: whether the server still has what the ledger says it has.
//!
//! Owns:
//! - gone is what the API itself says is gone and does not list; any trouble ends the check and
//!   makes nothing gone;
//! - nothing is forgotten unless a person says so.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, IsTerminal};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use crate::api::{self, Client, Presence};
use crate::cli::args::Common;
use crate::cli::key::Key;
use crate::cli::row::{path_hex, time};
use crate::cli::session::Server;
use crate::cli::{Exit, Failure, again, load, output};
use crate::config::{Config, Flags};
use crate::daemon::lock::{Lock, Role, ledger_path};
use crate::daemon::{Clock, SetupError, means};
use crate::ledger::{Ledger, LedgerError, StoredUpload};
use crate::planner::{AccountId, RefusalKind, Trouble, Write};
use crate::text::{escaped, shell_word, shown};

use super::args::VerifyArgs;
use super::{note, trouble};

/// Uploads read from the ledger at once.
const PAGE: usize = 200;
/// How often a server that is asked too much is asked again, and for how long at most.
const PAUSES: u32 = 3;
const PAUSE_MOST_MS: i64 = 60_000;
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Runs the check.
pub fn check(common: &Common, check: &VerifyArgs) -> Result<Exit, Failure> {
    if check.forget && !check.yes && !std::io::stdin().is_terminal() {
        let hint = again(common, "ledger verify --server --forget --yes");
        let message = "--forget asks before it forgets, and there is nobody to ask";
        return Err(Failure::new(Exit::Usage, message, hint));
    }
    let (loaded, environment) = load(common, Flags::default())?;
    let config = loaded.config;
    let key = Key::find(&config, &environment, common.sandbox)?;
    let lock = if check.forget {
        Some(Lock::take(&config.state_dir, Role::Upkeep, Duration::ZERO)?)
    } else {
        None
    };
    let server = Server::open(&config, common.sandbox)?;
    let ledger = match &lock {
        Some(lock) => super::adopt::open(lock, &server).map(Some),
        None => read(&config, &server),
    };
    let ended = match ledger.map_err(Failure::from) {
        Err(failure) => Err(failure),
        Ok(None) => {
            note(common, "there is no ledger yet: nothing to check");
            Ok(Exit::Well)
        }
        Ok(Some(ledger)) => ask_after_all(common, &config, &server, key, &ledger, check),
    };
    server.close();
    ended
}

fn read(config: &Config, server: &Server) -> Result<Option<Ledger>, LedgerError> {
    let Some(ledger) = Ledger::read(&ledger_path(&config.state_dir))? else { return Ok(None) };
    match ledger.server()? {
        Some(remembered) if remembered != server.remembered => {
            Err(LedgerError::OtherServer { remembered, asked: server.remembered.clone() })
        }
        Some(_) | None => Ok(Some(ledger)),
    }
}

fn ask_after_all(
    common: &Common,
    config: &Config,
    server: &Server,
    key: Key,
    ledger: &Ledger,
    check: &VerifyArgs,
) -> Result<Exit, Failure> {
    let source = key.source();
    let (token, _changed) = key.watch();
    let means = means(config, &server.base_url, token).map_err(SetupError::from)?;
    let (Some(client), Some(token)) = (means.client, (means.token)()) else {
        return Err(trouble::unsendable(&source));
    };
    let after = match &check.after {
        None => 0,
        Some(asset_id) => ledger.upload_of_asset(asset_id)?.ok_or_else(|| {
            let hint = again(common, "ledger verify --server");
            Failure::new(Exit::Usage, "--after: the ledger has no such assetId", hint)
        })?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("check")
        .enable_all()
        .build()?;
    let mut asking = Asking {
        common,
        ledger,
        client,
        token,
        source,
        at_once: config.api.concurrency,
        lists: BTreeMap::new(),
        all: ledger.stored_count()?,
        after,
        last: None,
        checked: 0,
        gone: Vec::new(),
        left_out: None,
        told_at: Instant::now(),
    };
    let ended = runtime.block_on(asking.all());
    drop(runtime);
    asking.end(check, ended)
}

struct Asking<'a> {
    common: &'a Common,
    ledger: &'a Ledger,
    client: Client,
    token: api::Token,
    /// Where the token came from.
    source: String,
    at_once: usize,
    /// What each account's list shows; none if it is not to be had.
    lists: BTreeMap<AccountId, Option<BTreeSet<String>>>,
    /// Uploads of the ledger.
    all: u64,
    /// The last row that was checked, and all before it.
    after: i64,
    /// Its assetId, once there is one.
    last: Option<String>,
    checked: u64,
    gone: Vec<StoredUpload>,
    /// Why an account was left out.
    left_out: Option<Failure>,
    told_at: Instant,
}

impl Asking<'_> {
    async fn all(&mut self) -> Result<(), Failure> {
        loop {
            let page = self.ledger.stored_after(self.after, PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            for upload in &page {
                self.list_of(upload).await?;
            }
            let answers = self.answers(&page).await;
            for (upload, answer) in page.into_iter().zip(answers) {
                self.take(upload, answer)?;
            }
        }
    }

    /// Reads an account's list when its first upload is met. An account that cannot be listed, or
    /// an address that is not the API's, would let everything look gone.
    async fn list_of(&mut self, upload: &StoredUpload) -> Result<(), Failure> {
        if self.lists.contains_key(&upload.key.account) {
            return Ok(());
        }
        let email = upload.email.as_deref();
        let listed = match self.client.inventory(&self.token, email).await {
            Ok((offered, _)) => {
                Some(offered.into_iter().map(|offer| offer.listed.asset.asset_id).collect())
            }
            Err(found) if trouble::of_one_account(&found) => {
                let whose = email.unwrap_or("the account without an e-mail");
                note(self.common, &format!("{whose} is left out: {}", escaped(&found.reason)));
                self.left_out.get_or_insert(trouble::failure(&found, &self.source));
                None
            }
            Err(found) => return Err(trouble::failure(&found, &self.source)),
        };
        self.lists.insert(upload.key.account, listed);
        Ok(())
    }

    /// What the server says of each, in their order; none of those whose account is left out, or
    /// that were not asked after any more because of trouble with one before.
    async fn answers(&self, page: &[StoredUpload]) -> Vec<Option<Result<Presence, Trouble>>> {
        let mut answers: Vec<Option<Result<Presence, Trouble>>> = vec![None; page.len()];
        let mut asked = JoinSet::new();
        let mut next = page.iter().enumerate();
        let mut stopped = false;
        loop {
            while asked.len() < self.at_once && !stopped {
                let Some((place, upload)) = next.next() else { break };
                if matches!(self.lists.get(&upload.key.account), Some(Some(_))) {
                    let (client, token) = (self.client.clone(), self.token.clone());
                    let asset_id = upload.asset_id.clone();
                    asked.spawn(async move { (place, ask(&client, &token, &asset_id).await) });
                }
            }
            match asked.join_next().await {
                None => return answers,
                Some(Ok((place, answer))) => {
                    stopped |= answer.is_err();
                    answers[place] = Some(answer);
                }
                Some(Err(_)) => stopped = true,
            }
        }
    }

    fn take(
        &mut self,
        upload: StoredUpload,
        answer: Option<Result<Presence, Trouble>>,
    ) -> Result<(), Failure> {
        let listed = self.lists.get(&upload.key.account).and_then(Option::as_ref);
        match (answer, listed) {
            (_, None) => {}
            (Some(Ok(Presence::There)), Some(_)) => self.checked += 1,
            (Some(Ok(Presence::Gone)), Some(listed)) if listed.contains(&upload.asset_id) => {
                let reason = "it lists an asset that it says it does not know".to_owned();
                return Err(trouble::failure(&Trouble { reason, refusal: None }, &self.source));
            }
            (Some(Ok(Presence::Gone)), Some(_)) => {
                self.checked += 1;
                self.tell(&upload);
                self.gone.push(upload.clone());
            }
            (Some(Err(found)), Some(_)) => return Err(trouble::failure(&found, &self.source)),
            (None, Some(_)) => {
                let reason = "asking failed inside taxiway".to_owned();
                return Err(trouble::failure(&Trouble { reason, refusal: None }, &self.source));
            }
        }
        self.after = upload.id;
        self.last = Some(upload.asset_id);
        if self.told_at.elapsed() >= TELL_EVERY {
            self.told_at = Instant::now();
            note(self.common, &format!("checked   {} of {}", self.checked, self.all));
        }
        Ok(())
    }

    fn tell(&self, upload: &StoredUpload) {
        let path = upload.path.as_deref();
        if !self.common.json {
            let name = path.map_or_else(|| escaped(&upload.name), shown);
            return output::line(&format!("gone     {name}  {}", upload.asset_id));
        }
        let mut object = json!({
            "schema": 1,
            "state": "gone",
            "path": path.map(|path| path.to_string_lossy()),
            "account": upload.email,
            "hash": upload.key.hash.to_string(),
            "asset_id": upload.asset_id,
            "name": upload.name,
            "uploaded_at": time(upload.uploaded_at),
        });
        if let (Some(hex), Some(fields)) = (path.and_then(path_hex), object.as_object_mut()) {
            fields.insert("path_hex".into(), json!(hex));
        }
        output::line(&object.to_string());
    }

    fn end(self, check: &VerifyArgs, ended: Result<(), Failure>) -> Result<Exit, Failure> {
        output::flush();
        let (checked, gone) = (self.checked, self.gone.len());
        let word = if ended.is_ok() { "checked  " } else { "so far   " };
        note(self.common, &format!("{word} {checked} of {}: {gone} gone", self.all));
        let mut exit = if gone > 0 { Exit::Some } else { Exit::Well };
        if check.forget && gone > 0 && (check.yes || confirmed(gone)) {
            forget(self.ledger, &self.gone)?;
            note(self.common, &format!("forgotten {gone}: files in folders are sent again"));
            exit = Exit::Well;
        } else if gone > 0 {
            let command = again(self.common, "ledger verify --server --forget");
            note(self.common, &format!("hint: to have such files sent again: {command}"));
        }
        match (ended, self.left_out) {
            (Err(failure), _) => {
                if let Some(asset_id) = &self.last {
                    let after = shell_word(asset_id);
                    let rest = format!("ledger verify --server --after {after}");
                    let command = again(self.common, &rest);
                    note(self.common, &format!("the rest, once it can be asked: {command}"));
                }
                Err(failure)
            }
            (Ok(()), Some(failure)) => Err(Failure { exit: failure.exit.worst(exit), ..failure }),
            (Ok(()), None) => Ok(exit),
        }
    }
}

/// Asks after one asset, and again where the server wants a pause.
async fn ask(client: &Client, token: &api::Token, asset_id: &str) -> Result<Presence, Trouble> {
    let mut pauses = 0;
    loop {
        let answer = client.presence(token, asset_id).await;
        let Err(found) = &answer else { return answer };
        let rate = found.refusal.as_ref().map(|refusal| refusal.kind);
        let Some(RefusalKind::Rate { retry_after_ms }) = rate else { return answer };
        if pauses == PAUSES {
            return answer;
        }
        pauses += 1;
        let pause_ms = retry_after_ms.unwrap_or(1_000).clamp(0, PAUSE_MOST_MS);
        tokio::time::sleep(Duration::from_millis(pause_ms.unsigned_abs())).await;
    }
}

fn confirmed(gone: usize) -> bool {
    let (assets, they) = if gone == 1 { ("1 asset", "it") } else { ("assets", "they") };
    let assets = if gone == 1 { assets.to_owned() } else { format!("{gone} {assets}") };
    output::tell(&format!(
        "forget {assets}? {they} will count as never uploaded, and files in folders are sent \
         again [y/N]"
    ));
    let mut answer = String::new();
    // Who cannot be heard has not said yes.
    let heard = std::io::stdin().lock().read_line(&mut answer).is_ok();
    heard && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// In pieces, so that a hundred thousand of them do not make one huge transaction.
fn forget(ledger: &Ledger, gone: &[StoredUpload]) -> Result<(), LedgerError> {
    let now = Clock::start().now().wall;
    for some in gone.chunks(PAGE) {
        ledger.begin_step()?;
        for upload in some {
            let done = ledger.apply(&Write::Forget { key: upload.key }, now);
            if done.is_err() {
                ledger.abandon_step();
                return done;
            }
        }
        ledger.commit_step()?;
    }
    Ok(())
}
