//! Packs the tables, so that the program carries them in a tenth of their size.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::DeflateEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    let tables = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("tables");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", tables.display());
    for entry in fs::read_dir(&tables)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "json") {
            let packed = out
                .join(path.file_name().unwrap_or_default())
                .with_extension("deflate");
            let mut encoder = DeflateEncoder::new(File::create(packed)?, Compression::best());
            encoder.write_all(&fs::read(&path)?)?;
            encoder.finish()?;
        }
    }
    Ok(())
}
