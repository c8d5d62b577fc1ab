//! What goes into one step of the loop.

use super::eyes::Life;
use super::{Message, Reply, View, Wanted, reload};
use crate::engine::Input;
use crate::planner::Event;

/// What goes into the next step, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// What happened; what a folder's thread saw, with its life.
    pub(super) inputs: Vec<(Option<Life>, Input)>,
    pub(super) replies: Vec<Reply>,
    /// Who wants to know whether the loop turns and the ledger can be written.
    pub(super) proofs: Vec<Reply>,
    pub(super) pushed: Vec<Wanted>,
    /// Who wants to know how things stand.
    pub(super) asked: Vec<tokio::sync::oneshot::Sender<View>>,
    pub(super) reloads: Vec<reload::Asked>,
}

impl Incoming {
    /// This happened.
    pub(super) fn happens(&mut self, event: Event) {
        self.inputs.push((None, Input::Event(event)));
    }

    /// Takes a message in. True if it is a stop.
    pub(super) fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Event(event) => self.happens(event),
            Message::Sight(life, input) => self.inputs.push((Some(life), input)),
            Message::Ask(commands, reply) if commands.is_empty() => self.proofs.push(reply),
            Message::Ask(commands, reply) => {
                commands.into_iter().map(Event::Asked).for_each(|event| self.happens(event));
                self.replies.push(reply);
            }
            Message::Push(files, reply) => {
                self.pushed.extend(files);
                self.replies.push(reply);
            }
            Message::View(reply) => self.asked.push(reply),
            // That it came makes the loop look.
            Message::Token => {}
            Message::Reload(reload, reply) => self.reloads.push((*reload, reply)),
            Message::Stop => return true,
        }
        false
    }
}
