//! A sandbox to try clients against: `cargo run --example sandbox -- DIR [FAULT…]`.
//!
//! The first line of stdout is its base URL; it ends with its stdin.
use std::io::Read as _;

use taxiway::sandbox::{Options, Sandbox};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().unwrap_or_else(|| "sandbox".to_owned());
    let mut options = Options::new(dir);
    options.token = std::env::var("TAXIWAY_TOKEN").ok();
    for spec in args {
        options.faults.push(spec.parse()?);
    }
    let sandbox = Sandbox::start(options).await?;
    writeln(&sandbox.base_url())?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    sandbox.stop().await;
    Ok(())
}

fn writeln(line: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
