//! `taxiway ledger export`: every upload, for other programs and other ledgers.

use std::ops::ControlFlow;

use serde::Serialize;

use crate::config::Flags;
use crate::ledger::{Holder, Ledger, UploadRow};

use super::super::row::{path_hex, quoted, time};
use super::{Common, Exit, Failure, load, lock, output};

/// The names of the columns of CSV.
const CSV_HEADER: &str = "hash,size,media_type,width,height,duration,account,state,asset_id,\
    asset_url,name,uploaded_at,attempts,reason,path,path_hex,server";

/// Runs the command.
pub fn export(common: &Common, csv: bool) -> Result<Exit, Failure> {
    let (loaded, _) = load(common, Flags::default())?;
    let state_dir = &loaded.config.state_dir;
    if csv {
        output::line(CSV_HEADER);
    }
    if let Some(ledger) = Ledger::read(&lock::ledger_path(state_dir))? {
        let server = ledger.server()?;
        ledger.each_upload(lock::is_held(state_dir), |upload| {
            let fields = Fields::of(&upload, server.as_deref());
            output::line(&if csv { fields.csv() } else { fields.json() });
            ControlFlow::Continue(())
        })?;
    }
    output::flush();
    Ok(Exit::Well)
}

/// The fields of an upload, in the order in which they are printed.
#[derive(Debug, Serialize)]
struct Fields<'a> {
    schema: u8,
    hash: String,
    size: u64,
    media_type: &'a str,
    width: Option<u32>,
    height: Option<u32>,
    duration: Option<f64>,
    account: Option<&'a str>,
    state: &'static str,
    asset_id: Option<&'a str>,
    asset_url: Option<&'a str>,
    name: &'a str,
    uploaded_at: Option<String>,
    attempts: u32,
    reason: Option<&'a str>,
    paths: Vec<PathFields>,
    /// The base URL of the ledger: an asset of one server is none of another.
    server: Option<&'a str>,
}

/// A path that holds it, or, with a time, held it.
#[derive(Debug, Serialize)]
struct PathFields {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    gone_at: Option<String>,
}

impl PathFields {
    fn of(holder: &Holder) -> PathFields {
        PathFields {
            path: holder.path.to_string_lossy().into_owned(),
            path_hex: path_hex(&holder.path),
            gone_at: holder.gone_at.map(time),
        }
    }
}

impl<'a> Fields<'a> {
    fn of(upload: &'a UploadRow, server: Option<&'a str>) -> Fields<'a> {
        Fields {
            schema: 1,
            hash: upload.hash.to_string(),
            size: upload.size,
            media_type: &upload.media_type,
            width: upload.width,
            height: upload.height,
            duration: upload.duration_ms.map(|ms| ms as f64 / 1_000.0),
            account: upload.account.as_deref(),
            state: upload.state.as_str(),
            asset_id: upload.asset_id.as_deref(),
            asset_url: upload.asset_url.as_deref(),
            name: &upload.name,
            uploaded_at: upload.uploaded_at.map(time),
            attempts: upload.attempts,
            reason: upload.reason.as_deref(),
            paths: upload.paths.iter().map(PathFields::of).collect(),
            server,
        }
    }

    fn json(&self) -> String {
        // Strings, numbers and nulls: there is nothing in it that has no JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// One line of CSV (RFC 4180), with the first path only.
    fn csv(&self) -> String {
        let number = |number: Option<u32>| number.map_or(String::new(), |n| n.to_string());
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let path = self.paths.first();
        let cells = [
            self.hash.clone(),
            self.size.to_string(),
            self.media_type.to_owned(),
            number(self.width),
            number(self.height),
            self.duration.map_or(String::new(), |seconds| seconds.to_string()),
            text(self.account),
            self.state.to_owned(),
            text(self.asset_id),
            text(self.asset_url),
            self.name.to_owned(),
            text(self.uploaded_at.as_deref()),
            self.attempts.to_string(),
            text(self.reason),
            path.map_or(String::new(), |path| path.path.clone()),
            path.and_then(|path| path.path_hex.clone()).unwrap_or_default(),
            text(self.server),
        ];
        cells.map(|cell| quoted(&cell)).join(",")
    }
}
