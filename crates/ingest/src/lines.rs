//! Reading line by line: a JSON document on each, or text of another kind of log. A bad line is
//! reported, and the next is read.

use crate::json;
use crate::output::Output;
use crate::summary::Position;
use crate::text::Text;
use crate::unpack::explain;
use crate::window::{LIMIT, More, Window};

/// Reads to the end, or to where the bytes cannot be had. `text` reads lines that are not JSON.
pub(crate) fn read(window: &mut Window<'_>, mut text: Option<Text>, output: &mut Output<'_>) {
    let mut number = 0u64;
    // How far the line at hand was looked through without finding its end.
    let mut looked = 0;
    loop {
        let rest = window.rest();
        let fresh = rest.get(looked..).unwrap_or_default();
        if let Some(length) = memchr::memchr(b'\n', fresh) {
            number += 1;
            let from = window.start();
            let to = from + looked + length;
            looked = 0;
            line(window.bytes(), from, to, number, &mut text, output);
            window.pass(to + 1);
            continue;
        }
        looked = rest.len();
        match window.more() {
            More::Some => {}
            More::End => {
                let (from, to) = (window.start(), window.start() + window.rest().len());
                line(window.bytes(), from, to, number + 1, &mut text, output);
                return window.pass(to);
            }
            More::TooLong => {
                number += 1;
                output.skip(
                    Position::Line(number),
                    format!("is longer than {} MiB", LIMIT >> 20),
                );
                if let Some(error) = pass_line(window) {
                    return output.skip(Position::Line(number), explain(&error));
                }
                looked = 0;
            }
            More::Fault(error) => return output.skip(Position::Line(number + 1), explain(&error)),
        }
    }
}

/// Goes on to the next line's start, keeping nothing.
fn pass_line(window: &mut Window<'_>) -> Option<std::io::Error> {
    loop {
        if let Some(end) = memchr::memchr(b'\n', window.rest()) {
            window.pass(window.start() + end + 1);
            return None;
        }
        window.pass(usize::MAX);
        match window.more() {
            More::Some | More::TooLong => {}
            More::End => return None,
            More::Fault(error) => return Some(error),
        }
    }
}

fn line(
    bytes: &[u8],
    from: usize,
    to: usize,
    number: u64,
    text: &mut Option<Text>,
    output: &mut Output<'_>,
) {
    let line = bytes.get(from..to).unwrap_or_default();
    let content = line.trim_ascii();
    let at = Position::Line(number);
    if content.is_empty() {
        return;
    }
    match text {
        Some(text) if !matches!(content.first(), Some(b'{' | b'[')) => {
            text.line(content, at, output);
        }
        _ => {
            // The end is the line's: what lies after it must not be scanned.
            let upto = bytes.get(..from + line.trim_ascii_end().len());
            let start = from + (line.len() - line.trim_ascii_start().len());
            json::line(upto.unwrap_or_default(), start, at, output);
        }
    }
}
