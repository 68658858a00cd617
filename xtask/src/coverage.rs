//! `cargo xtask coverage`: which operations the range has, told by the tables and the code.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

use stockade_range::row::{Access, Row};
use stockade_range::services::SERVICES;
use stockade_wire::table::{self, Service};

/// How to make the page.
#[derive(clap::Args)]
pub struct CoverageArgs {
    /// Write nothing: fail if the page is not what the code says
    #[arg(long)]
    check: bool,
}

/// Why the page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CoverageError {
    /// A row names an operation that its service's model does not have.
    #[error("the range has a row for {0}, which the model does not know")]
    Unknown(String),
    /// The page cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `--check` found a difference.
    #[error("{0} is not what the code says: run cargo xtask coverage")]
    Stale(PathBuf),
}

/// Writes the page, or checks it.
pub fn run(arguments: &CoverageArgs) -> Result<(), CoverageError> {
    let text = page()?;
    let path = crate::root().join("docs/reference/coverage.md");
    let file = |source| CoverageError::File {
        path: path.clone(),
        source,
    };
    if arguments.check {
        let there = fs::read_to_string(&path).map_err(file)?;
        return if there == text {
            Ok(())
        } else {
            Err(CoverageError::Stale(path))
        };
    }
    let folder = path.parent().map_or_else(|| Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(&path, text)).map_err(file)?;
    println!("{}", path.display());
    Ok(())
}

fn page() -> Result<String, CoverageError> {
    let mut text = String::from(
        "# What the range has\n\n\
         Made by `cargo xtask coverage` from the code; do not edit by hand. An operation that is not listed answers\n\
         `NotImplemented` (501) and is recorded like any other call.\n\n\
         | service | operations | of the model |\n|---|---|---|\n",
    );
    let mut sections = String::new();
    let mut without = Vec::new();
    for name in table::services() {
        let unknown = || CoverageError::Unknown(name.to_owned());
        let service = table::service(name).ok_or_else(unknown)?;
        let all = service.operations.len();
        let Some((_, rows)) = SERVICES.iter().find(|(has, _)| *has == name) else {
            without.push(format!("{name} (0 of {all})"));
            continue;
        };
        let _ = writeln!(text, "| [{name}](#{name}) | {} | {all} |", rows.len());
        sections += &section(service, rows)?;
    }
    if let Some((unknown, _)) = SERVICES
        .iter()
        .find(|(name, _)| table::service(name).is_none())
    {
        return Err(CoverageError::Unknown((*unknown).to_owned()));
    }
    if !without.is_empty() {
        let _ = writeln!(
            text,
            "\nThe range reads the requests of these services too, and has no operation of theirs yet: {}.",
            without.join(", ")
        );
    }
    Ok(text + &sections)
}

fn section(service: &Service, rows: &[Row]) -> Result<String, CoverageError> {
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by_key(|row| row.operation);
    let mut text = format!("\n## {}\n\n", service.name);
    for access in [Access::Read, Access::Write] {
        let names: Vec<&str> = rows
            .iter()
            .filter(|row| row.access == access)
            .map(|row| row.operation)
            .collect();
        if let Some(unknown) = names
            .iter()
            .find(|name| !service.operations.contains_key(**name))
        {
            return Err(CoverageError::Unknown(format!(
                "{}:{unknown}",
                service.name
            )));
        }
        if !names.is_empty() {
            let title = if access == Access::Read {
                "Read"
            } else {
                "Write"
            };
            let _ = writeln!(text, "{title}: {}.\n", names.join(", "));
        }
    }
    Ok(text.trim_end().to_owned() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_an_operation_of_the_model_and_stands_once() {
        let page = page().unwrap();
        assert!(
            table::services().all(|name| page.contains(&format!("[{name}]"))
                || page.contains(&format!("{name} (0 of ")))
        );
        for (name, rows) in SERVICES {
            assert!(page.contains(&format!("## {name}\n")));
            let mut names: Vec<&str> = rows.iter().map(|row| row.operation).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{name} has an operation twice");
        }
    }
}
