//! `taxiway sandbox`: the documented API, on this machine.

use crate::config::Email;
use crate::sandbox::{FAULTS, OPTIONS, Options, Sandbox};
use crate::text::shown;

use super::args::{Common, FaultArg, SandboxArgs};
use super::{Exit, Failure, output};

/// Runs the command.
pub fn sandbox(common: &Common, args: SandboxArgs) -> Result<Exit, Failure> {
    let mut faults = Vec::new();
    for fault in args.faults {
        match fault {
            FaultArg::Help => return Ok(help()),
            FaultArg::Fault(fault) => faults.push(*fault),
        }
    }
    let (dir, passing) = match args.dir {
        Some(dir) => (dir, false),
        None => {
            let name = format!("taxiway-sandbox-{}", std::process::id());
            (std::env::temp_dir().join(name), true)
        }
    };
    let mut options = Options::new(dir.clone());
    options.listen = args.listen;
    options.faults = faults;
    options.token = args.token.map(|token| token.to_string_lossy().into_owned());
    if !args.accounts.is_empty() {
        options.accounts = args.accounts.iter().map(Email::to_string).collect();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(common, options, &shown(&dir)));
    if passing {
        // It was made by this process; what is left of it is of no use to anybody.
        let _ = std::fs::remove_dir_all(&dir);
    }
    served
}

async fn serve(common: &Common, options: Options, dir: &str) -> Result<Exit, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // One that was given is known to whoever gave it.
    let token = if options.token.is_some() { "…" } else { "user:1-sandbox" };
    let sandbox = Sandbox::start(options)
        .await
        .map_err(|error| Failure::new(Exit::Usage, error.to_string(), "taxiway sandbox --help"))?;
    output::line(&sandbox.base_url());
    output::flush();
    if common.quiet == 0 {
        output::tell(&format!("assets are kept in {dir}; Ctrl-C ends"));
        // A state directory of its own: a ledger belongs to one server for good.
        output::tell(&format!(
            "try it: TAXIWAY_BASE_URL={} TAXIWAY_TOKEN={token} taxiway run DIR --state-dir {}",
            sandbox.base_url(),
            crate::text::shell_word(std::env::temp_dir().join("taxiway-try"))
        ));
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    sandbox.stop().await;
    Ok(Exit::Well)
}

fn help() -> Exit {
    output::line("a fault is FAULT[=VALUE][,OPTION[=VALUE]]…");
    output::line("\nfaults:");
    for doc in FAULTS {
        output::line(&format!("  {:<28} {}", doc.spelling, doc.meaning));
    }
    output::line("\noptions:");
    for doc in OPTIONS {
        output::line(&format!("  {:<28} {}", doc.spelling, doc.meaning));
    }
    output::flush();
    Exit::Well
}
