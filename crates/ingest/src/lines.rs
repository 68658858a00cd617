//! Reading one document a line. A bad line is reported, and the next is read.

use std::io::{self, BufRead, Read as _};

use serde::de::DeserializeSeed as _;

use crate::json::Document;
use crate::source::{LIMIT, Output, explain};
use crate::summary::Position;

/// Reads to the end, or to where the bytes cannot be had.
pub(crate) fn read(mut input: impl BufRead, output: &mut Output<'_>) {
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        match input.by_ref().take(LIMIT).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => return output.skip(Position::Line(number), explain(&error)),
        }
        if line.len() as u64 >= LIMIT && line.last() != Some(&b'\n') {
            output.skip(Position::Line(number), "is longer than 64 MiB");
            if let Err(error) = pass_line(&mut input) {
                return output.skip(Position::Line(number), explain(&error));
            }
            continue;
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let mut parser = serde_json::Deserializer::from_slice(text);
        let read = Document::on_line(output, number)
            .deserialize(&mut parser)
            .and_then(|()| parser.end());
        if let Err(error) = read {
            output.skip(Position::Line(number), format!("is not JSON: {error}"));
        }
    }
}

/// Reads up to the next line's start, keeping nothing.
fn pass_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        if let Some(end) = buffer.iter().position(|b| *b == b'\n') {
            input.consume(end + 1);
            return Ok(());
        }
        let all = buffer.len();
        input.consume(all);
    }
}
