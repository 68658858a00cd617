//! Lists the folders under `content/detections`, so that adding one is all it takes to ship it.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../content/detections");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut table = String::from("&[\n");
    for tactic in folders(&root)? {
        println!("cargo:rerun-if-changed={}", tactic.display());
        for folder in folders(&tactic)? {
            println!("cargo:rerun-if-changed={}", folder.display());
            if folder.join("rule.yml").is_file() {
                let path = format!("{}/{}", name(&tactic), name(&folder));
                writeln!(table, "    Embedded {{ path: {path:?},")?;
                for (field, file) in [
                    ("rule", "rule.yml"),
                    ("fires", "fires.ndjson"),
                    ("quiet", "quiet.ndjson"),
                ] {
                    let file = folder.join(file);
                    println!("cargo:rerun-if-changed={}", file.display());
                    if field == "rule" {
                        writeln!(table, "        {field}: include_str!({file:?}),")?;
                    } else if file.is_file() {
                        writeln!(table, "        {field}: Some(include_str!({file:?})),")?;
                    } else {
                        writeln!(table, "        {field}: None,")?;
                    }
                }
                table.push_str("    },\n");
            }
        }
    }
    table.push(']');
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("detections.rs"),
        table,
    )?;
    Ok(())
}

/// The folders in a folder, sorted; none where there is no folder yet.
fn folders(root: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    if !root.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
