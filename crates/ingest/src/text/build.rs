//! A record written as JSON, with the places of its members, for those who read JSON.

use stockade_scan::Member;

/// Writes one record at a time, into the same memory.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) bytes: Vec<u8>,
    pub(super) members: Vec<Member>,
}

impl Builder {
    /// Begins a record.
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        self.members.clear();
        self.bytes.push(b'{');
    }

    /// Ends it.
    pub(super) fn end(&mut self) {
        self.bytes.push(b'}');
    }

    /// Adds a value, a number where it is one. `-` says that there is none.
    pub(super) fn value(&mut self, key: &str, value: &str) {
        let digits = !value.is_empty()
            && value.len() < 16
            && value.bytes().all(|b| b.is_ascii_digit())
            && (value.len() == 1 || !value.starts_with('0'));
        match value {
            "-" | "" => {}
            number if digits => {
                self.member(key, |bytes| bytes.extend_from_slice(number.as_bytes()))
            }
            text => self.text(key, text),
        }
    }

    /// Adds a text.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        if value == "-" || value.is_empty() {
            return;
        }
        self.member(key, |bytes| {
            bytes.push(b'"');
            for byte in value.bytes() {
                match byte {
                    b'"' | b'\\' => bytes.extend([b'\\', byte]),
                    0..0x20 => bytes.extend(format!("\\u{byte:04x}").into_bytes()),
                    _ => bytes.push(byte),
                }
            }
            bytes.push(b'"');
        });
    }

    fn member(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        if self.bytes.len() > 1 {
            self.bytes.push(b',');
        }
        self.bytes.push(b'"');
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key.as_bytes());
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(b"\":");
        let value = self.bytes.len();
        write(&mut self.bytes);
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.members.push(Member {
            key: place(start),
            key_end: place(key_end),
            value: place(value),
            value_end: place(self.bytes.len()),
        });
    }
}
