//! `cargo xtask new <kind> <name>`: the folder or file for one more of a thing, ready to be filled in.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What to make.
#[derive(clap::Args)]
pub struct NewArgs {
    /// detection, action, service or drill
    kind: Kind,
    /// The new thing's name: `persistence/new-thing` for a detection, `put_user_deny` for an action, `kms` for a service
    name: String,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    Detection,
    Action,
    Service,
    Drill,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name does not fit the kind.
    #[error("`{name}` is no name for this: it must read like {example}")]
    Name {
        /// What was given.
        name: String,
        /// What would do.
        example: &'static str,
    },
    /// It is there already.
    #[error("{0} exists already; nothing was changed")]
    Exists(PathBuf),
    /// The file system refused.
    #[error("cannot write {path}: {source}")]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Makes the files and says which.
pub fn run(arguments: &NewArgs) -> Result<(), NewError> {
    for path in make(&crate::root(), arguments.kind, &arguments.name)? {
        println!("made {}", path.display());
    }
    Ok(())
}

fn make(root: &Path, kind: Kind, name: &str) -> Result<Vec<PathBuf>, NewError> {
    let files = match kind {
        Kind::Detection => detection(name)?,
        Kind::Action => action(name)?,
        Kind::Service => service(name)?,
        Kind::Drill => drill(name)?,
    };
    let files: Vec<_> = files
        .into_iter()
        .map(|(path, text)| (root.join(path), text))
        .collect();
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(NewError::Exists(path.clone()));
    }
    for (path, text) in &files {
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| {
                fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()))
            });
        written.map_err(|source| NewError::Write {
            path: path.clone(),
            source,
        })?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

type Files = Vec<(PathBuf, String)>;

fn words(name: &str, separator: char) -> bool {
    name.split(separator).all(|word| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    })
}

fn title(name: &str) -> String {
    let text = name.replace(['-', '_'], " ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}

fn detection(name: &str) -> Result<Files, NewError> {
    let wrong = || NewError::Name {
        name: name.to_owned(),
        example: "persistence/access-key-for-another-user",
    };
    let (tactic, rule) = name
        .split_once('/')
        .filter(|(t, r)| words(t, '-') && words(r, '-'))
        .ok_or_else(wrong)?;
    let folder = PathBuf::from("content/detections").join(tactic).join(rule);
    let text = format!(
        "title: {}\nid: # a fresh UUID\nstatus: experimental\ndescription: # what it means when it fires\nauthor: Stockade\n\
         logsource:\n  product: aws\n  service: cloudtrail\ndetection:\n  selection:\n    eventSource: iam.amazonaws.com\n    \
         eventName: # the call\n    errorCode: null\n  condition: selection\nfalsepositives:\n  - # who does this honestly\n\
         level: medium\ntags:\n  - attack.{tactic}\n  - # attack.t1098.001\nstockade:\n  next: # what a responder does next\n",
        title(rule)
    );
    Ok(vec![
        (folder.join("rule.yml"), text),
        (folder.join("fires.ndjson"), String::new()),
        (folder.join("quiet.ndjson"), String::new()),
    ])
}

fn action(name: &str) -> Result<Files, NewError> {
    if !words(name, '_') {
        return Err(NewError::Name {
            name: name.to_owned(),
            example: "put_user_deny",
        });
    }
    let text = format!(
        "//! {}: what it writes, what it saves first, and how it is undone.\n",
        title(name)
    );
    Ok(vec![(
        PathBuf::from(format!("crates/respond/src/actions/{name}.rs")),
        text,
    )])
}

fn service(name: &str) -> Result<Files, NewError> {
    if !words(name, '_') {
        return Err(NewError::Name {
            name: name.to_owned(),
            example: "secretsmanager",
        });
    }
    let folder = PathBuf::from("crates/range/src/services").join(name);
    let rows = format!(
        "//! {name}: one row an operation. Owns this service's behaviour; must not authenticate, authorise or record.\n\n\
         pub mod state;\n\nuse crate::row::Row;\n\n/// The operations that the range has.\npub const ROWS: &[Row] = &[];\n"
    );
    let state = format!(
        "//! What {name} remembers in one account.\n\n/// The state of {name}.\n#[derive(Debug, Clone, Default)]\npub struct State {{}}\n\n// How it is kept: see rows.rs.\ncrate::rows!(State {{\n    values: [],\n    below: [],\n}});\n"
    );
    Ok(vec![
        (folder.join("mod.rs"), rows),
        (folder.join("state.rs"), state),
    ])
}

fn drill(name: &str) -> Result<Files, NewError> {
    if !words(name, '-') {
        return Err(NewError::Name {
            name: name.to_owned(),
            example: "compromised-user",
        });
    }
    let text = format!(
        "# {}\n\n## What it trains\n\n## Cast\n\n## Story\n\n## What counts as done\n",
        title(name)
    );
    Ok(vec![(
        PathBuf::from(format!("content/drills/{name}/drill.md")),
        text,
    )])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_each_kind_once() {
        let root = tempfile::tempdir().unwrap();
        for (kind, name, files) in [
            (Kind::Detection, "persistence/new-thing", 3),
            (Kind::Action, "put_user_deny", 1),
            (Kind::Service, "kms", 2),
            (Kind::Drill, "leaked-key", 1),
        ] {
            let made = make(root.path(), kind, name).unwrap();
            assert_eq!(made.len(), files);
            assert!(made.iter().all(|path| path.is_file()));
            assert!(matches!(
                make(root.path(), kind, name),
                Err(NewError::Exists(_))
            ));
        }
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        let root = tempfile::tempdir().unwrap();
        for name in [
            "",
            "..",
            "../x",
            "a/../../b",
            "/etc/x",
            "A b",
            "persistence/",
            "x/y/z",
        ] {
            for kind in [Kind::Detection, Kind::Action, Kind::Service, Kind::Drill] {
                assert!(
                    matches!(make(root.path(), kind, name), Err(NewError::Name { .. })),
                    "{name}"
                );
            }
        }
    }
}
