//! Crates only look down: a crate depends on crates of lower floors alone.

use std::process::Command;

use serde::Deserialize;

/// The floors of `ARCHITECTURE.md`. A crate that is not here fails the check.
const FLOORS: &[(u8, &[&str])] = &[
    (1, &["stockade-model", "stockade-scan"]),
    (
        2,
        &[
            "stockade-wire",
            "stockade-policy",
            "stockade-federation",
            "stockade-keys",
            "stockade-digest",
        ],
    ),
    (
        3,
        &[
            "stockade-detect",
            "stockade-ingest",
            "stockade-store",
            "stockade-cloud",
        ],
    ),
    (4, &["stockade-range", "stockade-respond"]),
    (5, &["stockade-drill"]),
    (6, &["stockade"]),
    (7, &["xtask"]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Only the workspace's own crates have a path.
    path: Option<String>,
}

/// Why the check failed.
#[derive(Debug, thiserror::Error)]
pub enum LayersError {
    /// `cargo metadata` gave no answer.
    #[error("cargo metadata failed: {0}")]
    Metadata(String),
    /// One line for each crate that looks up or sideways.
    #[error("crates must only look down (see ARCHITECTURE.md):\n{0}")]
    Upward(String),
}

/// Checks every dependency between the workspace's crates, those of tests and build scripts included.
pub fn run() -> Result<(), LayersError> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps"])
        .current_dir(crate::root())
        .output()
        .map_err(|e| LayersError::Metadata(e.to_string()))?;
    if !output.status.success() {
        return Err(LayersError::Metadata(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ));
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).map_err(|e| LayersError::Metadata(e.to_string()))?;
    let wrong = violations(&metadata.packages);
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(LayersError::Upward(wrong.join("\n")))
    }
}

fn floor(name: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(_, crates)| crates.contains(&name))
        .map(|(floor, _)| *floor)
}

fn violations(packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in packages {
        let Some(own) = floor(&package.name) else {
            wrong.push(format!(
                "  {} has no floor: add it to xtask/src/layers.rs",
                package.name
            ));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.path.is_some()) {
            if floor(&dependency.name).is_none_or(|theirs| theirs >= own) {
                wrong.push(format!(
                    "  {} must not depend on {}",
                    package.name, dependency.name
                ));
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependency: &str) -> Package {
        let dependency = Dependency {
            name: dependency.to_owned(),
            path: Some(String::new()),
        };
        Package {
            name: name.to_owned(),
            dependencies: vec![dependency],
        }
    }

    #[test]
    fn looking_down_is_fine() {
        assert!(violations(&[package("stockade-range", "stockade-wire")]).is_empty());
    }

    #[test]
    fn looking_sideways_up_or_nowhere_is_not() {
        for (name, dependency) in [
            ("stockade-respond", "stockade-range"),
            ("stockade-model", "stockade-wire"),
            ("stockade-drill", "stockade-unheard-of"),
            ("stockade-unheard-of", "stockade-model"),
        ] {
            assert_eq!(
                violations(&[package(name, dependency)]).len(),
                1,
                "{name} → {dependency}"
            );
        }
    }
}
