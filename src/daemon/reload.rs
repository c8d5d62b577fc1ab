//! Another configuration for the session that runs.
//!
//! Owns:
//! - it holds as a whole or not at all: whatever can fail comes before anything is changed;
//! - a folder whose rules and ways of looking stay keeps its thread and its watches.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use super::eyes::Eyes;
use super::setup::{Setup, SetupError, setup};
use super::{Session, crash};
use crate::api::Client;
use crate::config::Config;
use crate::engine::Input;
use crate::planner::{Configured, Event, FolderId, Limits};

/// Another configuration.
#[derive(Debug)]
pub struct Reload {
    /// The configuration.
    pub config: Arc<Config>,
    /// The way to the API, if it is another.
    pub client: Option<Client>,
    /// What is never ours, wherever it lies.
    pub kept_out: Vec<PathBuf>,
}

/// A reload that is asked for, and who is told of its end.
pub(super) type Asked = (Reload, Sender<Result<(), SetupError>>);
/// Who is told what, once the step is on disk.
type Told = (Sender<Result<(), SetupError>>, Result<(), SetupError>);

impl Session {
    /// Takes over what is asked for, one after the other. Gives what the engine is to hear of it.
    pub(super) fn reload(&mut self, asked: Vec<Asked>) -> (Vec<Input>, Vec<Told>) {
        let (mut inputs, mut told) = (Vec::new(), Vec::new());
        for (reload, reply) in asked {
            let result = self.take_over(reload).map(|follows| inputs.extend(follows));
            told.push((reply, result));
        }
        (inputs, told)
    }

    fn take_over(&mut self, reload: Reload) -> Result<Vec<Input>, SetupError> {
        let Reload { config, client, kept_out } = reload;
        let ledger = self.engine.ledger();
        let Setup { limits, folders, sights } =
            setup(&config, ledger, &kept_out, self.clock.now().wall)?;
        crash::point("reload");
        let accounts = ledger.accounts()?;
        let former = |id: &FolderId| self.eyes.get(id).map(Eyes::made_from);
        let anew: Vec<_> =
            sights.into_iter().filter(|sight| former(&sight.root.folder) != Some(sight)).collect();
        let stays = |id: &FolderId| folders.iter().any(|policy| policy.id == *id);
        let gone: Vec<FolderId> = self.eyes.keys().filter(|id| !stays(id)).copied().collect();
        let ids: Vec<FolderId> = anew.iter().map(|sight| sight.root.folder).collect();
        let mut opened = Vec::new();
        for sight in anew {
            // It begins when the former has ended, which is told to when all are there.
            let former = self.eyes.get_mut(&sight.root.folder).and_then(Eyes::thread);
            let eyes = Eyes::open(sight, self.out.clone(), former, self.tally.clone());
            opened.push(eyes.map_err(SetupError::Thread)?);
        }
        for id in gone.iter().chain(&ids) {
            self.hanging.remove(id);
            self.crowded.retain(|folder| folder != id);
            self.eyes.remove(id);
        }
        self.eyes.extend(opened.into_iter().map(|eyes| (eyes.life().folder, eyes)));
        let another_way = client.is_some();
        self.hands.refit(&config, client);
        let known = accounts.into_iter();
        let known = known.map(|(account, email)| Event::AccountKnown { account, email });
        let Limits { concurrency, pause_on, .. } = limits;
        let configured = Configured { folders, anew: ids, concurrency, pause_on, another_way };
        let events = known.chain([Event::Configured(Box::new(configured))]);
        Ok(events.map(Input::Event).collect())
    }
}
