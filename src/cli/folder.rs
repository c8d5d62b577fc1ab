//! A configured folder as a walk sees it, for commands that look without a ledger.

use std::path::PathBuf;

use crate::config::{Config, Folder};
use crate::planner::FolderId;
use crate::rules::Rules;
use crate::scan::{self, KeptOut, Root};

/// What a walk of a folder needs to know.
///
/// # Errors
/// If a pattern does not compile, in words.
pub fn root(folder: &Folder, config: &Config) -> Result<Root, String> {
    let rules = Rules::new(&folder.include, &folder.exclude, folder.hidden, folder.recursive);
    let roots: Vec<PathBuf> = config.folders.iter().map(|folder| folder.root.clone()).collect();
    let why = "taxiway keeps its own state here";
    let kept_out = super::run::kept_out(config).into_iter();
    Ok(Root {
        folder: FolderId(0),
        path: folder.root.clone(),
        follow_symlinks: folder.follow_symlinks,
        rules: rules.map_err(|why| why.to_string())?,
        nested: scan::nested_in(&folder.root, &roots),
        kept_out: kept_out.map(|path| KeptOut { path, why: why.to_owned() }).collect(),
        expected: None,
    })
}
