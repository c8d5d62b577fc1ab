//! The assets on disk: bytes, and beside them what was said about them.
//!
//! Owns:
//! - `assets/UUID.bin` and `assets/UUID.json`; an asset exists when its `.json` does, and that is
//!   written last;
//! - `incoming/`: bodies that are not whole yet, emptied at every start;
//! - `lock`: one sandbox a directory.
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Error;

/// One stored asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// Counts the assets of a directory from 1; never used twice while the newest is kept.
    pub sequence: u64,
    /// The bare id, a UUID.
    pub id: String,
    /// The account it was uploaded to.
    pub account: String,
    /// The name, as sent.
    pub name: String,
    /// The content type, as sent.
    pub content_type: String,
    /// Size of the bytes.
    pub size: u64,
    /// BLAKE3-256 of the bytes, 64 hex digits.
    pub blake3: String,
    /// When it was stored, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// Width in pixels, if the client said it.
    pub width: Option<u32>,
    /// Height in pixels, if the client said it.
    pub height: Option<u32>,
    /// Duration in seconds, if the client said it.
    pub duration: Option<f64>,
    /// Whether the request carried a `Content-Length`; else it came in chunks.
    pub had_content_length: bool,
}

impl Asset {
    /// The long id that every later call wants.
    pub fn asset_id(&self) -> String {
        format!("user:{}-runwayml:{}-asset:{}", super::wire::USER_ID, self.account, self.id)
    }
}

/// What an upload says about its asset; the bytes say the rest.
#[derive(Debug, Clone)]
pub(super) struct Description {
    pub(super) account: String,
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) duration: Option<f64>,
    pub(super) had_content_length: bool,
}

/// All assets of one directory.
pub(super) struct Store {
    assets_dir: PathBuf,
    incoming_dir: PathBuf,
    index: Mutex<Index>,
    incoming: AtomicU64,
    ids: RandomState,
    /// Held for as long as the store lives; the system lets go of it when the process dies.
    _lock: File,
}

#[derive(Default)]
struct Index {
    by_sequence: BTreeMap<u64, Arc<Asset>>,
    by_id: HashMap<String, u64>,
    last: u64,
}

impl Store {
    /// Opens a directory, creates what is missing, and reads back every asset. Blocks.
    pub(super) fn open(dir: &Path) -> Result<Store, Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Store { path, source }
        };
        let assets_dir = dir.join("assets");
        let incoming_dir = dir.join("incoming");
        for each in [&assets_dir, &incoming_dir] {
            fs::create_dir_all(each).map_err(failed(each))?;
        }
        let lock_path = dir.join("lock");
        let lock = File::create(&lock_path).map_err(failed(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(dir.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(&lock_path)(source)),
        }
        clear(&incoming_dir).map_err(failed(&incoming_dir))?;
        let index = load(&assets_dir)?;
        Ok(Store {
            assets_dir,
            incoming_dir,
            index: Mutex::new(index),
            incoming: AtomicU64::new(0),
            ids: RandomState::new(),
            _lock: lock,
        })
    }

    /// A place for a body that begins to arrive; `running` is let go of after it. Blocks.
    pub(super) fn begin(self: &Arc<Store>, running: TaskTrackerToken) -> io::Result<Incoming> {
        let number = self.incoming.fetch_add(1, Ordering::Relaxed);
        let path = self.incoming_dir.join(format!("{number}.part"));
        Ok(Incoming {
            file: File::create(&path)?,
            path,
            hasher: blake3::Hasher::new(),
            size: 0,
            store: Arc::clone(self),
            _running: running,
        })
    }

    /// The asset with this long id.
    pub(super) fn find(&self, asset_id: &str) -> Option<Arc<Asset>> {
        let (_, id) = asset_id.rsplit_once("-asset:")?;
        self.find_by_id(id).filter(|asset| asset.asset_id() == asset_id)
    }

    /// The asset with this bare id.
    pub(super) fn find_by_id(&self, id: &str) -> Option<Arc<Asset>> {
        let index = self.index();
        let sequence = index.by_id.get(id)?;
        index.by_sequence.get(sequence).cloned()
    }

    /// Opens the bytes of an asset. Blocks.
    pub(super) fn open_bytes(&self, asset: &Asset) -> io::Result<File> {
        File::open(self.bytes_path(&asset.id))
    }

    /// Forgets an asset and its bytes; false when there is no such one any more. Blocks.
    pub(super) fn remove(&self, asset: &Asset) -> io::Result<bool> {
        {
            let mut index = self.index();
            if index.by_id.remove(&asset.id).is_none() {
                return Ok(false);
            }
            index.by_sequence.remove(&asset.sequence);
        }
        fs::remove_file(self.description_path(&asset.id))?;
        fs::remove_file(self.bytes_path(&asset.id))?;
        Ok(true)
    }

    /// At most `limit` of the assets that `keep` likes, newest first.
    pub(super) fn newest_first(
        &self,
        limit: usize,
        keep: impl Fn(&Asset) -> bool,
    ) -> Vec<Arc<Asset>> {
        self.index()
            .by_sequence
            .values()
            .rev()
            .filter(|asset| keep(asset))
            .take(limit)
            .cloned()
            .collect()
    }

    /// At most `limit` assets with a sequence above `after`, oldest first.
    pub(super) fn oldest_first(&self, after: u64, limit: usize) -> Vec<Arc<Asset>> {
        self.index()
            .by_sequence
            .range(after.saturating_add(1)..)
            .map(|(_, asset)| Arc::clone(asset))
            .take(limit)
            .collect()
    }

    /// The size of all assets of an account together.
    pub(super) fn bytes_of(&self, account: &str) -> u64 {
        self.index()
            .by_sequence
            .values()
            .filter(|asset| asset.account == account)
            .map(|asset| asset.size)
            .sum()
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // Every change under this lock is complete before anything can panic.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes_path(&self, id: &str) -> PathBuf {
        self.assets_dir.join(format!("{id}.bin"))
    }

    fn description_path(&self, id: &str) -> PathBuf {
        self.assets_dir.join(format!("{id}.json"))
    }

    /// A new id of the shape of a random UUID (version 4).
    fn new_id(&self, sequence: u64) -> String {
        let half = |which: u8| self.ids.hash_one((which, sequence, std::process::id()));
        let bits = (u128::from(half(0)) << 64) | u128::from(half(1));
        let bits = (bits & !(0xf << 76)) | (0x4 << 76);
        let bits = (bits & !(0x3 << 62)) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

/// A body on its way to the disk. Dropped before [`Incoming::keep`], it leaves nothing behind.
pub(super) struct Incoming {
    file: File,
    path: PathBuf,
    hasher: blake3::Hasher,
    size: u64,
    store: Arc<Store>,
    /// Last, so that who waits for it finds the file removed and the lock free. The task that
    /// writes ends earlier than what it returns.
    _running: TaskTrackerToken,
}

impl Incoming {
    /// Adds the next bytes. Blocks.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// Makes an asset of all bytes written so far. Blocks.
    pub(super) fn keep(
        mut self,
        description: Description,
        created_at_ms: i64,
    ) -> io::Result<Arc<Asset>> {
        self.file.flush()?;
        let store = Arc::clone(&self.store);
        let sequence = {
            let mut index = store.index();
            index.last += 1;
            index.last
        };
        let asset = Asset {
            sequence,
            id: store.new_id(sequence),
            account: description.account,
            name: description.name,
            content_type: description.content_type,
            size: self.size,
            blake3: self.hasher.finalize().to_hex().to_string(),
            created_at_ms,
            width: description.width,
            height: description.height,
            duration: description.duration,
            had_content_length: description.had_content_length,
        };
        fs::rename(&self.path, store.bytes_path(&asset.id))?;
        // The name in `incoming/` is free again: the description passes through it as well.
        fs::write(&self.path, serde_json::to_vec(&asset)?)?;
        fs::rename(&self.path, store.description_path(&asset.id))?;
        let asset = Arc::new(asset);
        let mut index = store.index();
        index.by_id.insert(asset.id.clone(), sequence);
        index.by_sequence.insert(sequence, Arc::clone(&asset));
        Ok(asset)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Gone already after `keep`; what cannot be removed now goes at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

fn clear(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "part") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn load(assets_dir: &Path) -> Result<Index, Error> {
    let failed = |path: &Path, source| Error::Store { path: path.to_owned(), source };
    let mut index = Index::default();
    let entries = fs::read_dir(assets_dir).map_err(|error| failed(assets_dir, error))?;
    for entry in entries {
        let path = entry.map_err(|error| failed(assets_dir, error))?.path();
        if path.extension().is_some_and(|ext| ext == "bin") && !path.with_extension("json").exists()
        {
            // A kill between the two renames of `keep`: never an asset.
            fs::remove_file(&path).map_err(|error| failed(&path, error))?;
        }
        if path.extension().is_none_or(|ext| ext != "json") {
            continue;
        }
        let text = fs::read(&path).map_err(|error| failed(&path, error))?;
        let asset: Asset =
            serde_json::from_slice(&text).map_err(|error| failed(&path, error.into()))?;
        index.last = index.last.max(asset.sequence);
        index.by_id.insert(asset.id.clone(), asset.sequence);
        index.by_sequence.insert(asset.sequence, Arc::new(asset));
    }
    Ok(index)
}
