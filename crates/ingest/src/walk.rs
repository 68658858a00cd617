//! Which files to read: those that are named, and those under the folders that are named.
//!
//! Owns order and loops. Must not open a file.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::IngestError;
use crate::summary::{Position, Summary};

/// One thing to read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// Lists what to read, each file once. A path that was named and is not there is an error; what is
/// wrong deeper down is noted in the summary.
pub(crate) fn inputs(paths: &[PathBuf], summary: &mut Summary) -> Result<Vec<Input>, IngestError> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for path in paths {
        if path == Path::new("-") {
            if seen.insert(PathBuf::from("-")) {
                found.push(Input::Stdin);
            }
            continue;
        }
        let unreadable = |error: std::io::Error| IngestError::Unreadable {
            path: path.clone(),
            reason: error.to_string(),
        };
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(IngestError::Missing(path.clone()));
            }
            Err(error) => return Err(unreadable(error)),
        };
        if metadata.is_dir() {
            fs::read_dir(path).map_err(unreadable)?;
            folder(path, &mut seen, &mut found, summary);
        } else {
            add(path.clone(), &mut seen, &mut found);
        }
    }
    Ok(found)
}

fn add(path: PathBuf, seen: &mut HashSet<PathBuf>, found: &mut Vec<Input>) {
    // A pipe has no canonical path of use; it is taken by its name.
    let key = path.canonicalize().unwrap_or_else(|_| path.clone());
    if seen.insert(key) {
        found.push(Input::File(path));
    }
}

fn folder(root: &Path, seen: &mut HashSet<PathBuf>, found: &mut Vec<Input>, summary: &mut Summary) {
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        let name = folder.display().to_string();
        // A folder met before, by whatever link, is not read again: that ends every loop.
        match folder.canonicalize() {
            Ok(path) if !seen.insert(path.clone()) => continue,
            Ok(_) => {}
            Err(error) => {
                summary.skip(
                    &name,
                    Position::Whole,
                    format!("cannot be followed: {error}"),
                );
                continue;
            }
        }
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                summary.skip(&name, Position::Whole, format!("cannot be listed: {error}"));
                continue;
            }
        };
        let mut paths = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => paths.push(entry.path()),
                Err(error) => {
                    summary.skip(&name, Position::Whole, format!("cannot be listed: {error}"))
                }
            }
        }
        paths.sort();
        let mut folders = Vec::new();
        for path in paths {
            let name = path.display().to_string();
            match fs::metadata(&path) {
                Err(error) => {
                    summary.skip(
                        &name,
                        Position::Whole,
                        format!("cannot be followed: {error}"),
                    );
                }
                Ok(metadata) if metadata.is_dir() => {
                    if is_hidden(&path) {
                        summary.leave_out(&name, "a hidden folder");
                    } else {
                        folders.push(path);
                    }
                }
                Ok(metadata) if !metadata.is_file() => {
                    summary.skip(&name, Position::Whole, "is not a regular file");
                }
                Ok(_) => match no_log(&path) {
                    Some(reason) => summary.leave_out(&name, reason),
                    None => add(path, seen, found),
                },
            }
        }
        // Last in, first out: the first folder by name is read next.
        waiting.extend(folders.into_iter().rev());
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// What lies beside logs and is none, by its name. A file that the user names is read regardless.
fn no_log(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    if name.starts_with('.') {
        return Some("a hidden file");
    }
    let documents = ["readme", "license", "licence", "notice", "copying"];
    let stem = name.split('.').next().unwrap_or_default();
    if documents.contains(&stem) || name.ends_with(".md") {
        return Some("a document and no log");
    }
    None
}
