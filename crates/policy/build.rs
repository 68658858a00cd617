//! Packs the tables of actions, each by itself, so that a service costs nothing until somebody asks about it.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::DeflateEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    let tables = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("actions");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", tables.display());
    let mut paths: Vec<PathBuf> = fs::read_dir(&tables)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
    // By name, in the order in which they are looked up.
    paths.sort_by_key(|path| path.file_stem().map(ToOwned::to_owned));
    let (mut packed, mut places) = (Vec::new(), String::new());
    for path in &paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let start = packed.len();
        let mut encoder = DeflateEncoder::new(&mut packed, Compression::best());
        encoder.write_all(&fs::read(path)?)?;
        encoder.finish()?;
        writeln!(places, "    ({name:?}, {start}, {}),", packed.len())?;
    }
    fs::write(out.join("actions.deflate"), packed)?;
    let count = paths.len();
    let list = format!(
        "/// Each service's prefix, and where its table begins and ends.\nconst PLACES: [(&str, usize, usize); {count}] = [\n{places}];\n"
    );
    fs::write(out.join("actions.rs"), list)?;
    Ok(())
}
