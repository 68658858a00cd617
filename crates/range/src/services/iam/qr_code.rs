//! QR codes as PNG: how a virtual MFA device gets into an authenticator app.
//!
//! Owns the picture. What it says is its user's.

use std::io::Write;

use crc::{CRC_32_ISO_HDLC, Crc};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use qrcodegen::{QrCode, QrCodeEcc};

/// The pixels of a module's side.
const SCALE: i32 = 4;
/// The modules of the white margin.
const MARGIN: i32 = 4;

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// A text as a QR code, in PNG; none where it is too long.
pub(super) fn png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let side = (code.size() + 2 * MARGIN) * SCALE;
    // A line: its filter, and then a bit a pixel, where 1 is white.
    let mut pixels = Vec::new();
    for y in 0..side {
        pixels.push(0_u8);
        let mut byte = 0_u8;
        for x in 0..side {
            let dark = code.get_module(x / SCALE - MARGIN, y / SCALE - MARGIN);
            byte = (byte << 1) | u8::from(!dark);
            if x % 8 == 7 {
                pixels.push(byte);
                byte = 0;
            }
        }
        let left = u32::try_from(side % 8).ok()?;
        if left > 0 {
            pixels.push(byte.checked_shl(8 - left)?);
        }
    }
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&pixels).ok()?;
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let side = u32::try_from(side).ok()?.to_be_bytes();
    // Width, height, one bit a pixel, grey.
    let header = [&side[..], &side[..], &[1, 0, 0, 0, 0]].concat();
    chunk(&mut png, *b"IHDR", &header)?;
    chunk(&mut png, *b"IDAT", &packed.finish().ok()?)?;
    chunk(&mut png, *b"IEND", &[])?;
    Some(png)
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) -> Option<()> {
    png.extend(u32::try_from(data.len()).ok()?.to_be_bytes());
    let body = [&kind[..], data].concat();
    png.extend(&body);
    png.extend(CRC.checksum(&body).to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_picture_holds_the_code() {
        let png = png("otpauth://totp/phone@123456789012?secret=ABC").unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
        assert!(png.ends_with(b"IEND\xae\x42\x60\x82"));
        let side = u32::from_be_bytes(png[16..20].try_into().unwrap()) as usize;
        let length = u32::from_be_bytes(png[33..37].try_into().unwrap()) as usize;
        let mut pixels = Vec::new();
        flate2::read::ZlibDecoder::new(&png[41..41 + length])
            .read_to_end(&mut pixels)
            .unwrap();
        assert_eq!(pixels.len(), side * (1 + side.div_ceil(8)));
        let line = 1 + side.div_ceil(8);
        let dark = |x: i32, y: i32| {
            let (x, y) = ((MARGIN + x) * SCALE, (MARGIN + y) * SCALE);
            pixels[y as usize * line + 1 + x as usize / 8] >> (7 - x % 8) & 1 == 0
        };
        // The corner that every code begins with: dark, a light ring, a dark middle.
        assert!(dark(0, 0) && dark(6, 6) && !dark(1, 1) && dark(3, 3) && !dark(7, 7));
    }

    #[test]
    fn what_does_not_fit_is_no_picture() {
        assert!(png(&"x".repeat(5000)).is_none());
    }
}
