//! Trouble with the server, for commands that ask it something: what to say, and how to end.

use crate::cli::{Exit, Failure};
use crate::planner::{RefusalKind, Trouble};
use crate::text::escaped;

/// As a person meets it. `source` is where the token came from.
pub fn failure(trouble: &Trouble, source: &str) -> Failure {
    let reason = escaped(&trouble.reason);
    let (exit, hint) = match trouble.refusal.as_ref().map(|refusal| refusal.kind) {
        Some(RefusalKind::Token) => {
            (Exit::Stopped, format!("put the new token where this one came from: {source}"))
        }
        Some(RefusalKind::Subscription) => {
            (Exit::Stopped, "renew the subscription at useapi.net".to_owned())
        }
        Some(RefusalKind::Account) => (Exit::Stopped, "mend the account at useapi.net".to_owned()),
        Some(RefusalKind::File | RefusalKind::Other) => {
            (Exit::Stopped, "check the email of the folder: taxiway config show".to_owned())
        }
        Some(RefusalKind::Rate { .. }) => (Exit::Later, "try again later".to_owned()),
        None => (Exit::Later, "check the network, then try again".to_owned()),
    };
    Failure::new(exit, format!("the server cannot be asked: {reason}"), hint)
}

/// There is a token, and no header can hold it. `source` is where it came from.
pub fn unsendable(source: &str) -> Failure {
    let hint = format!("put a token where this one came from: {source}");
    Failure::new(Exit::Config, "the token cannot be sent", hint)
}

/// Whether other accounts may fare better.
pub fn of_one_account(trouble: &Trouble) -> bool {
    let kind = trouble.refusal.as_ref().map(|refusal| refusal.kind);
    matches!(kind, Some(RefusalKind::Account | RefusalKind::File | RefusalKind::Other))
}
