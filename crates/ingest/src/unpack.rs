//! From the bytes of a file to its content: gzip, zstd, or as it is, told by the first bytes.
//!
//! Owns the decoders. A file of a usual size is unpacked at once, by the fastest of them; a large or a
//! broken one piece by piece, so that what comes before a tear is had.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use libdeflater::Decompressor;

use crate::window::Window;

/// Packed within packed is unpacked this often.
const LAYERS: usize = 3;
/// A file up to this size is read at once.
pub(crate) const PACKED: u64 = 8 << 20;
/// Content up to this size is unpacked at once.
const UNPACKED: usize = 32 << 20;

/// Why content cannot be had.
pub(crate) enum Refusal {
    /// The bytes.
    Bytes(io::Error),
    /// A form that is not read.
    Form(&'static str),
}

/// What a worker keeps from file to file.
#[derive(Default)]
pub(crate) struct Unpacker {
    decoder: Option<Decompressor>,
    /// The file as it lies on disk.
    pub(crate) packed: Vec<u8>,
    /// Its content.
    pub(crate) plain: Vec<u8>,
}

impl Unpacker {
    /// The content of a file that was read into `packed`. `None` where it must be unpacked by the piece.
    pub(crate) fn at_once(&mut self) -> Option<Window<'static>> {
        let packed = self.packed.as_slice();
        if !is_gzip(packed) {
            return None;
        }
        let (_, trailer) = packed.split_last_chunk::<8>()?;
        let [a, b, c, d, size @ ..] = *trailer;
        let size = u32::from_le_bytes(size) as usize;
        // Deflate packs a thousandfold at best: a size beyond that is not this file's.
        if size == 0 || size > UNPACKED || size / 1_040 > packed.len() {
            return None;
        }
        if self.plain.len() < size {
            self.plain.resize(size, 0);
        }
        let plain = self.plain.get_mut(..size)?;
        let decoder = self.decoder.get_or_insert_with(Decompressor::new);
        let deflated = packed.get(header(packed)?..)?;
        let written = decoder.deflate_decompress(deflated, plain).ok()?;
        // The decoder stops after the first member. It was the only one if the file's last bytes are
        // its check sum and size, and no other place of the file holds the same.
        let sum = u32::from_le_bytes([a, b, c, d]);
        let alone = written == size
            && libdeflater::crc32(plain) == sum
            && memchr::memmem::find(packed, trailer) == Some(packed.len() - trailer.len());
        let head = plain.first_chunk::<8>().copied().unwrap_or_default();
        if !alone || is_gzip(&head) || is_zstd(&head) || other_form(&head).is_some() {
            return None;
        }
        let mut plain = std::mem::take(&mut self.plain);
        plain.truncate(size);
        Some(Window::whole(plain))
    }
}

/// How long the header of a gzip member is.
fn header(packed: &[u8]) -> Option<usize> {
    let flags = match packed {
        [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 => *flags,
        _ => return None,
    };
    let mut at = 10;
    if flags & 4 != 0 {
        let length = packed.get(at..)?.first_chunk::<2>()?;
        at += 2 + usize::from(u16::from_le_bytes(*length));
    }
    // A name and a comment, each with a zero at its end.
    for flag in [8, 16] {
        if flags & flag != 0 {
            at += memchr::memchr(0, packed.get(at..)?)? + 1;
        }
    }
    Some(if flags & 2 != 0 { at + 2 } else { at })
}

/// Content by the piece, whatever it is packed in.
pub(crate) fn by_the_piece<'r>(
    input: Box<dyn BufRead + 'r>,
) -> Result<Box<dyn BufRead + 'r>, Refusal> {
    let mut input = input;
    for layer in 0.. {
        let head = peek(&mut input).map_err(Refusal::Bytes)?;
        let packed = is_gzip(&head) || is_zstd(&head);
        if packed && layer >= LAYERS {
            return Err(Refusal::Form("is packed within packed, too often"));
        }
        if is_gzip(&head) {
            input = Box::new(BufReader::with_capacity(
                1 << 16,
                MultiGzDecoder::new(input),
            ));
        } else if is_zstd(&head) {
            input = Box::new(BufReader::with_capacity(1 << 16, Frames::new(input)));
        } else if let Some(reason) = other_form(&head) {
            return Err(Refusal::Form(reason));
        } else {
            break;
        }
    }
    Ok(input)
}

/// The first bytes, without taking them. A reader may give them one by one.
fn peek(input: &mut Box<dyn BufRead + '_>) -> io::Result<Vec<u8>> {
    loop {
        match input.fill_buf() {
            Ok(buffer) => {
                return Ok(buffer
                    .get(..buffer.len().min(8))
                    .unwrap_or_default()
                    .to_vec());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b])
}

fn is_zstd(head: &[u8]) -> bool {
    head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

fn other_form(head: &[u8]) -> Option<&'static str> {
    let forms: [(&[u8], &str); 6] = [
        (b"PK\x03\x04", "is a zip archive: unpack it first"),
        (b"BZh", "is bzip2: unpack it first"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "is xz: unpack it first"),
        (
            b"PAR1",
            "is Parquet, which is not read: have the flow logs delivered as text, or convert the file to JSON",
        ),
        (&[0xff, 0xfe], "is UTF-16 text: save it as UTF-8"),
        (&[0xfe, 0xff], "is UTF-16 text: save it as UTF-8"),
    ];
    forms
        .iter()
        .find(|(magic, _)| head.starts_with(magic))
        .map(|(_, reason)| *reason)
}

/// Zstd frames, one after another.
struct Frames<'r> {
    input: Option<Box<dyn BufRead + 'r>>,
    frame: Option<Frame<'r>>,
}

type Frame<'r> =
    ruzstd::decoding::StreamingDecoder<Box<dyn BufRead + 'r>, ruzstd::decoding::FrameDecoder>;

impl<'r> Frames<'r> {
    fn new(input: Box<dyn BufRead + 'r>) -> Self {
        Self {
            input: Some(input),
            frame: None,
        }
    }
}

fn damaged(what: impl std::fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the zstd stream is damaged or cut off here ({what})"),
    )
}

impl Read for Frames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(frame) = &mut self.frame {
                let count = frame.read(buffer).map_err(damaged)?;
                if count > 0 {
                    return Ok(count);
                }
                self.input = self.frame.take().map(Frame::into_inner);
            }
            let Some(mut input) = self.input.take() else {
                return Ok(0);
            };
            if input.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.frame = Some(Frame::new(input).map_err(damaged)?);
        }
    }
}

/// Why bytes could not be had.
pub(crate) fn explain(error: &io::Error) -> String {
    let text = error.to_string();
    match error.kind() {
        _ if text.contains("zstd") => text,
        io::ErrorKind::UnexpectedEof => "the gzip stream is cut off here".to_owned(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            format!("the gzip stream is damaged here ({text})")
        }
        _ => text,
    }
}
