//! What the rules of this repository say of its text: a boundary that no machine checks does not
//! exist.
//!
//! "Production" is a source file without its test modules.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An outside crate has one door: it is named below these places only.
const DOORS: &[(&str, &[&str])] = &[
    ("rusqlite", &["src/ledger"]),
    ("notify", &["src/watch"]),
    ("reqwest", &["src/api"]),
    ("clap", &["src/cli", "src/main.rs"]),
    ("axum", &["src/sandbox", "src/control"]),
    ("hyper", &["src/sandbox", "src/control"]),
    ("ignore", &["src/rules"]),
    ("file_format", &["src/media"]),
    ("toml", &["src/config"]),
    ("unicode_width", &["src/cli/progress"]),
    ("blake3", &["src/hash.rs", "src/api", "src/sandbox"]),
];

/// Modules that touch the world and do not know each other.
const ADAPTERS: &[&str] = &["scan", "watch", "media", "api", "sandbox", "ledger"];

/// What an adapter may import: the planner's types and the leaves.
const LEAVES: &[&str] = &["planner", "hash", "secret", "text", "stamp", "crash", "rules", "config"];

/// The most lines of production in one file.
const LINES_MOST: usize = 520;

/// Files that are longer, and why.
const LONG_FILES: &[(&str, &str)] = &[];

/// Places in production that may panic on a `None` or an `Err`, and why that cannot happen.
const SURE: &[(&str, &str)] = &[];

#[test]
fn the_planner_imports_nothing_but_std_and_itself() {
    let mut wrong = Vec::new();
    for file in sources().filter(|file| file.name.starts_with("src/planner/")) {
        for (number, line) in file.production() {
            let import = line.trim().trim_start_matches("pub ").strip_prefix("use ");
            let own = |import: &str| {
                let first = import.split("::").next().unwrap_or(import);
                ["std", "self", "super"].contains(&first)
                    || file.text.contains(&format!("mod {first};"))
            };
            if import.is_some_and(|import| !own(import)) || names(line, "crate") {
                wrong.push(format!("{}:{number}: {}", file.name, line.trim()));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn the_planner_compiles_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let output = Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "-o"])
        .arg(directory.path().join("planner.rmeta"))
        .arg(root().join("src/planner/mod.rs"))
        .output()
        .expect("rustc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_outside_crate_has_one_door() {
    let mut wrong = Vec::new();
    for file in sources() {
        for (number, line) in file.production() {
            for (outside, doors) in DOORS {
                let inside = doors.iter().any(|door| file.is_below(door));
                if !inside && names(line, outside) {
                    wrong.push(format!("{}:{number}: {outside}", file.name));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn adapters_import_the_planner_and_leaves_only() {
    let mut wrong = Vec::new();
    for file in sources().filter(|file| ADAPTERS.contains(&file.module())) {
        for (number, line) in file.production() {
            for used in modules_used(line) {
                if used != file.module() && !LEAVES.contains(&used) {
                    wrong.push(format!("{}:{number}: crate::{used}", file.name));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn the_engine_knows_the_planner_and_the_ledger_only() {
    let mut used = BTreeSet::new();
    for file in sources().filter(|file| file.module() == "engine") {
        used.extend(file.production().flat_map(|(_, line)| modules_used(line)).map(str::to_owned));
    }
    assert_eq!(Vec::from_iter(used), ["ledger", "planner"]);
}

#[test]
fn only_the_command_line_prints() {
    let prints = ["println!(", "eprintln!(", "print!(", "eprint!(", "dbg!("];
    let cli = |file: &Source| file.is_below("src/cli") || file.name == "src/main.rs";
    let found = found_in_production(|file, line| {
        !cli(file) && prints.iter().any(|print| has_call(line, print))
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn nothing_in_production_unwraps() {
    let found = found_in_production(|file, line| {
        let sure = SURE.iter().any(|(name, words)| file.name == *name && line.contains(words));
        !sure && (line.contains(".unwrap()") || line.contains(".expect("))
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn nothing_is_left_for_later_and_no_test_is_switched_off() {
    let words = [concat!("#[", "ignore"), concat!("to", "do!("), concat!("unimple", "mented!(")];
    let mut found = Vec::new();
    for file in sources().chain(rust_files("tests")) {
        for (number, line) in file.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{}: {}", file.name, number + 1, line.trim()));
            }
        }
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn files_are_short_enough_to_be_read() {
    let mut wrong = Vec::new();
    for file in sources() {
        let lines = file.production().count();
        let known = LONG_FILES.iter().any(|(name, _)| *name == file.name);
        if lines > LINES_MOST && !known {
            wrong.push(format!("{}: {lines} lines", file.name));
        }
        if lines <= LINES_MOST && known {
            wrong.push(format!("{}: not long any more", file.name));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_module_opens_with_a_sentence() {
    let silent = sources().filter(|file| !file.text.starts_with("//! "));
    assert_eq!(silent.map(|file| file.name).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_text_names_no_place_of_the_machine_it_was_written_on() {
    let words = [concat!("/wo", "rk/"), concat!("sha", "red/")];
    let mut found = Vec::new();
    for path in files_below(&root()) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for word in words {
                // `$/work/c.toml` stands for a temporary directory in expected texts.
                let named = line.match_indices(word).any(|(at, _)| !line[..at].ends_with('$'));
                if named {
                    found.push(format!("{}:{}: {word}", shown(&path), number + 1));
                }
            }
        }
    }
    assert_eq!(found, [""; 0]);
}

/// Words of errors that no test can have said, and why.
const UNSAID: &[(&str, &str)] = &[
    ("the answers ended: nothing is written", "a terminal whose input ends"),
    ("has come into being meanwhile", "a race with another program"),
    ("it would not be read as it was meant", "proof against a mistake of ours"),
    ("a path is not UTF-8, and has no", "the path of the token, given beside a folder that is"),
    ("choose paths with other names", "the same"),
    ("the server takes the token, but its", "the sandbox has no such owner"),
    ("not all of a folder could be seen:", "the superuser may look everywhere"),
    ("the daemon is busy, and may still do it", "a loop that hangs for a minute"),
    ("answering failed inside taxiway", "a panic"),
    ("its root is not there", "a folder that is away always says why"),
    ("was pushed by name: push it again", "ten minutes of waiting for the end of a file"),
    ("another content", "an asset whose file is long gone"),
    ("taxiway init --existing upload", "it is said with what was answered before"),
    ("taxiway init --folder DIR", "the same"),
    ("taxiway init --token-file FILE", "the same"),
    ("no key can be made:", "a machine that has no randomness"),
    ("has too many files of that name", "ten thousand of them"),
    ("the body does not come", "a client that stops in the middle, until it is cut off"),
];

#[test]
fn the_words_of_every_error_are_said_in_a_test() {
    let joined = |text: &str| {
        let mut joined = String::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            match line.strip_suffix('\\') {
                Some(line) => {
                    joined += line;
                    while lines.peek().is_some_and(|next| next.trim().is_empty()) {
                        lines.next();
                    }
                    if let Some(next) = lines.peek_mut() {
                        *next = next.trim_start();
                    }
                }
                None => {
                    joined += line;
                    joined.push('\n');
                }
            }
        }
        joined
    };
    let mut said = std::fs::read_to_string(root().join("docs/errors.md")).expect("the page");
    for file in files_below(&root().join("tests/transcripts")) {
        said += &std::fs::read_to_string(file).expect("a transcript");
    }
    for file in rust_files("tests/it").chain(rust_files("src")) {
        if !file.name.ends_with("it/tidy.rs") {
            said += &joined(&file.tests());
        }
    }
    // However a test spells its quotation marks.
    said.retain(|c| !['\\', '"', '\''].contains(&c));
    let mut unsaid = BTreeSet::new();
    let mut unused: BTreeSet<&str> = UNSAID.iter().map(|(words, _)| *words).collect();
    for file in sources() {
        if !(file.is_below("src/cli") || file.is_below("src/control")) {
            continue;
        }
        let text: String = file.production().map(|(_, line)| format!("{line}\n")).collect();
        for words in words_of_errors(&joined(&text)) {
            if said.contains(&words.replace('\'', "")) {
                continue;
            }
            match UNSAID.iter().find(|(known, _)| words.contains(known)) {
                Some((known, _)) => drop(unused.remove(known)),
                None => drop(unsaid.insert(format!("{}: {words}", file.name))),
            }
        }
    }
    assert_eq!(unsaid, BTreeSet::new(), "no test says these");
    assert_eq!(unused, BTreeSet::new(), "excused without need");
}

/// The longest run of plain words in each text near where an error is made: in the call, and in the
/// eight lines before it, where messages and hints are put together.
fn words_of_errors(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let makes = ["Failure::new(", "Refusal::new(", "of_file(", "Refusal::of_exit("];
    let mut near = BTreeSet::new();
    for (at, line) in lines.iter().enumerate() {
        if makes.iter().any(|make| line.contains(make)) {
            let mut open = 0_i32;
            let mut end = at;
            for (number, line) in lines.iter().enumerate().skip(at) {
                let count = |c| line.matches(c).count() as i32;
                open += count('(') - count(')');
                end = number;
                if open <= 0 {
                    break;
                }
            }
            near.extend(at.saturating_sub(8)..=end);
        }
    }
    let mut words = Vec::new();
    for line in near.into_iter().map(|at| lines[at]).filter(|line| !is_comment(line)) {
        for text in line.replace("\\\"", "'").split('"').skip(1).step_by(2) {
            let plain =
                text.split('{').map(|piece| piece.split_once('}').map_or(piece, |(_, rest)| rest));
            let longest = plain.max_by_key(|piece| piece.len()).unwrap_or_default().trim();
            if longest.len() >= 12 && longest.contains(' ') {
                words.push(longest.to_owned());
            }
        }
    }
    words
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[test]
fn this_test_sees_what_it_looks_for() {
    assert!(names("use ignore::WalkBuilder;", "ignore"));
    assert!(names("let x = (ignore::x(), 1);", "ignore"));
    assert!(names("use blake3;", "blake3"));
    assert!(!names("Rule::ignore::x", "ignore"));
    assert!(!names("use hyper_util::rt;", "hyper"));
    assert!(!names("// notify::Watcher", "notify"));
    assert_eq!(modules_used("use crate::scan::{self, Root};"), ["scan"]);
    assert_eq!(modules_used("use crate::{scan, watch::Inbox};"), ["scan", "watch"]);
    assert!(has_call("    println!(\"x\");", "println!("));
    assert!(!has_call("    eprintln!(\"x\");", "println!("));
    let text = "one();\n#[cfg(test)]\nmod tests {\n    two();\n}\n".to_owned();
    let file = Source { name: "src/x.rs".into(), text };
    assert_eq!(file.production().map(|(_, line)| line).collect::<Vec<_>>(), ["one();"]);
    let places: Vec<String> = sources().map(|file| file.name).collect();
    assert!(places.contains(&"src/planner/mod.rs".into()) && places.len() > 40, "{places:?}");
    assert!(places.iter().all(|name| !name.contains("tests")), "{places:?}");
}

struct Source {
    /// Relative to the repository, with slashes.
    name: String,
    text: String,
}

impl Source {
    /// Numbered lines, up to the module of tests that ends the file.
    fn production(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let end = lines.windows(2).position(|pair| {
            pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod tests {")
        });
        let end = end.unwrap_or(lines.len());
        lines.into_iter().take(end).enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The module of tests that ends the file; all of a file that is nothing else.
    fn tests(&self) -> String {
        if self.name.starts_with("tests/") || self.name.contains("/tests") {
            return self.text.clone();
        }
        let production = self.production().count();
        self.text.lines().skip(production).map(|line| format!("{line}\n")).collect()
    }

    /// `src/watch` is the door of `src/watch.rs` and of `src/watch/…`.
    fn is_below(&self, place: &str) -> bool {
        let rest = self.name.strip_prefix(place);
        rest.is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
    }

    /// The module right below the crate.
    fn module(&self) -> &str {
        let inside = self.name.trim_start_matches("src/").trim_end_matches(".rs");
        inside.split('/').next().unwrap_or(inside)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}

/// Every file of production.
fn sources() -> impl Iterator<Item = Source> {
    rust_files("src")
        .filter(|file| !file.name.contains("/tests/") && !file.name.ends_with("/tests.rs"))
}

fn rust_files(place: &str) -> impl Iterator<Item = Source> {
    let files = files_below(&root().join(place)).into_iter();
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        Source { name: shown(&path), text }
    })
}

/// All files, sorted; without what is built, and without the history.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut stack = vec![directory.to_owned()];
    while let Some(directory) = stack.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let (name, kind) = (entry.file_name(), entry.file_type().unwrap());
            if name == ".git" || name == "target" {
                continue;
            }
            if kind.is_dir() {
                stack.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

fn found_in_production(wrong: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources() {
        for (number, line) in file.production() {
            if !line.trim_start().starts_with("//") && wrong(&file, line) {
                found.push(format!("{}:{number}: {}", file.name, line.trim()));
            }
        }
    }
    found
}

/// Whether a line of code names a crate by itself, not as a part of another path.
fn names(line: &str, outside: &str) -> bool {
    let code = line.split("//").next().unwrap_or(line);
    code.match_indices(outside).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + outside.len()..];
        let begins = before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':');
        begins && (after.starts_with("::") || (after.starts_with(';') && code.contains("use ")))
    })
}

/// The modules right below the crate that a line of code names.
fn modules_used(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or(line);
    let ident =
        |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let mut used = Vec::new();
    for (at, word) in code.match_indices("crate::") {
        let rest = &code[at + word.len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = list.split('}').next().unwrap_or(list);
                used.extend(list.split(',').map(str::trim).map(|item| &item[..ident(item)]));
            }
            None => used.push(&rest[..ident(rest)]),
        }
    }
    used
}

fn has_call(line: &str, call: &str) -> bool {
    line.match_indices(call).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    })
}
