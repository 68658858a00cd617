//! Reading rule files from disk.
//!
//! The only place in this crate that opens files, and only rules and their examples: logs come in
//! as events.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::load::Problem;

/// Folders nest no deeper than this.
const DEPTH: usize = 32;

/// The texts of every rule file under the paths, sorted, and what could not be read.
pub(crate) fn rules(paths: &[PathBuf]) -> (Vec<(String, String)>, Vec<Problem>) {
    let mut found = BTreeSet::new();
    let mut problems = Vec::new();
    for path in paths {
        let before = found.len();
        if path.is_dir() {
            walk(path, 0, &mut found, &mut problems);
            if found.len() == before {
                problems.push(problem(
                    path,
                    "holds no rule file (*.yml, *.yaml): name the folder that has them",
                ));
            }
        } else {
            found.insert(path.clone());
        }
    }
    let mut texts = Vec::new();
    for path in found {
        match text(&path) {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(error) => problems.push(error),
        }
    }
    (texts, problems)
}

/// The text of a file.
pub(crate) fn text(path: &Path) -> Result<String, Problem> {
    let bytes =
        fs::read(path).map_err(|error| problem(path, &format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| problem(path, "is not UTF-8 text: save it as UTF-8"))
}

fn walk(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>, problems: &mut Vec<Problem>) {
    if depth > DEPTH {
        problems.push(problem(folder, "lies too deep: is there a loop of links?"));
        return;
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            problems.push(problem(folder, &format!("cannot be listed: {error}")));
            return;
        }
    };
    for entry in entries {
        match entry {
            Ok(entry) => {
                let path = entry.path();
                let linked = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                if path.is_dir() {
                    if !linked {
                        walk(&path, depth + 1, found, problems);
                    }
                } else if path.extension().is_some_and(|e| e == "yml" || e == "yaml") {
                    found.insert(path);
                }
            }
            Err(error) => problems.push(problem(folder, &format!("cannot be listed: {error}"))),
        }
    }
}

fn problem(path: &Path, message: &str) -> Problem {
    Problem {
        source: path.display().to_string(),
        line: None,
        message: message.to_owned(),
    }
}

/// The detection folders under `root`, as `<tactic>/<name>` and path, sorted. `root` may also be
/// one tactic's folder, or one detection's.
pub(crate) fn detections(root: &Path) -> Result<Vec<(String, PathBuf)>, Problem> {
    let mut found = Vec::new();
    let root = root
        .canonicalize()
        .map_err(|error| problem(root, &format!("cannot be read: {error}")))?;
    collect(&root, 0, &mut found)?;
    if found.is_empty() {
        return Err(problem(
            &root,
            "holds no detection: each is a folder <tactic>/<name> with a rule.yml",
        ));
    }
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<(String, PathBuf)>) -> Result<(), Problem> {
    if folder.join("rule.yml").is_file() {
        let name = |path: Option<&Path>| {
            path.and_then(Path::file_name)
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let path = format!("{}/{}", name(folder.parent()), name(Some(folder)));
        found.push((path, folder.to_owned()));
        return Ok(());
    }
    if depth > 2 {
        return Ok(());
    }
    let entries = fs::read_dir(folder)
        .map_err(|error| problem(folder, &format!("cannot be listed: {error}")))?;
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), depth + 1, found)?;
        }
    }
    Ok(())
}
