//! The whole cloud at one time: begun anew, put into an archive, taken out of one.
//!
//! Owns the form of the archive. What a cloud is made of is the state's; that it is kept is the store's.
//!
//! An archive is a line that names its format, and behind it, compressed with gzip: rows (their places and values), the bodies of
//! objects that are not in their rows, and at the end a digest over all of it. So an archive that is cut off, or in which a byte
//! is wrong, is no archive.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use aws_lc_rs::digest;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::SignedDuration;
use stockade_keys::RootKey;
use stockade_model::Clock as _;
use stockade_wire::AwsError;

use crate::clock::ClockReading;
use crate::desk::Aside;
use crate::request::Desk;
use crate::rows::{self, Place, RowError};
use crate::state::{Behaviour, State};
use crate::store::NotKept;

/// The first line of an archive, up to its version.
const HEAD: &str = "stockade range snapshot ";
/// The version that is written and read.
const VERSION: &str = "1";

/// Why a cloud cannot be put into an archive.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The body of an object cannot be read.
    #[error("the body of an object cannot be read: {0}")]
    Body(#[from] io::Error),
    /// A row has no form.
    #[error(transparent)]
    Row(#[from] RowError),
}

/// Why a cloud cannot be taken out of an archive.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It is none, or not a whole one.
    #[error("this is not a snapshot that can be restored: {0}; nothing was changed")]
    Archive(String),
    /// The bodies of objects cannot be written.
    #[error("the bodies of objects cannot be written: {0}; nothing was changed")]
    Body(io::Error),
    /// The root key of its KMS cannot be kept.
    #[error("the root key of KMS cannot be written: {0}; nothing was changed")]
    Root(io::Error),
    /// The disk failed.
    #[error(transparent)]
    NotKept(#[from] NotKept),
    /// It cannot be begun anew.
    #[error("{0}")]
    Birth(AwsError),
}

impl From<RowError> for RestoreError {
    fn from(error: RowError) -> Self {
        Self::Archive(error.to_string())
    }
}

/// What an archive holds.
#[derive(Debug, Default)]
struct Contents {
    rows: Vec<(Place, Vec<u8>)>,
    bodies: BTreeMap<String, Bytes>,
    /// The root key of KMS: without it the rows of keys are worth nothing elsewhere.
    root: Option<RootKey>,
}

const ROOT: u8 = b'k';
const ROW: u8 = b'r';
const BODY: u8 = b'b';
const END: u8 = b'e';

impl Contents {
    fn pack(&self) -> io::Result<Vec<u8>> {
        let head = format!("{HEAD}{VERSION}\n").into_bytes();
        let mut gz = Summing {
            inner: GzEncoder::new(head, Compression::fast()),
            sum: digest::Context::new(&digest::SHA256),
        };
        for (place, value) in &self.rows {
            part(&mut gz, ROW, place.as_bytes(), value)?;
        }
        for (name, bytes) in &self.bodies {
            part(&mut gz, BODY, name.as_bytes(), bytes)?;
        }
        if let Some(root) = &self.root {
            part(&mut gz, ROOT, b"kms", root.bytes().expose())?;
        }
        gz.write_all(&[END])?;
        let Summing { mut inner, sum } = gz;
        inner.write_all(sum.finish().as_ref())?;
        inner.finish()
    }

    fn unpack(archive: &[u8]) -> Result<Self, RestoreError> {
        let bad = |why: &str| RestoreError::Archive(why.to_owned());
        let rest = archive
            .strip_prefix(HEAD.as_bytes())
            .ok_or_else(|| bad("it does not begin as one does"))?;
        let line = rest.iter().take(20).position(|byte| *byte == b'\n');
        let line = line.ok_or_else(|| bad("it does not say its version"))?;
        let (version, packed) = rest.split_at(line);
        if version != VERSION.as_bytes() {
            let found = String::from_utf8_lossy(version);
            return Err(bad(&format!(
                "it is of version {found}, and this program knows version {VERSION}"
            )));
        }
        let packed = packed.get(1..).unwrap_or_default();
        let mut reader = Summing {
            inner: GzDecoder::new(packed),
            sum: digest::Context::new(&digest::SHA256),
        };
        let cut = |error: io::Error| bad(&format!("it is damaged ({error})"));
        let mut contents = Self::default();
        loop {
            let mut kind = [0];
            reader.read_exact(&mut kind).map_err(cut)?;
            match kind {
                [ROW] => {
                    let (place, value) = read_part(&mut reader).map_err(cut)?;
                    contents.rows.push((Place::from_bytes(&place), value));
                }
                [BODY] => {
                    let (name, bytes) = read_part(&mut reader).map_err(cut)?;
                    let name = String::from_utf8(name).map_err(|_| bad("it is damaged"))?;
                    contents.bodies.insert(name, bytes.into());
                }
                [ROOT] => {
                    let (_, bytes) = read_part(&mut reader).map_err(cut)?;
                    let root = RootKey::from_bytes(&bytes).map_err(|_| bad("it is damaged"))?;
                    contents.root = Some(root);
                }
                [END] => break,
                _ => return Err(bad("it is damaged")),
            }
        }
        let mut said = Vec::new();
        reader.inner.read_to_end(&mut said).map_err(cut)?;
        if reader.sum.finish().as_ref() != said {
            return Err(bad("it is damaged"));
        }
        Ok(contents)
    }
}

/// Writes or reads, and sums up what goes through.
struct Summing<T> {
    inner: T,
    sum: digest::Context,
}

impl<T: Write> Write for Summing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.inner.write(bytes)?;
        self.sum.update(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Summing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.sum.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

fn part(writer: &mut impl Write, kind: u8, name: &[u8], value: &[u8]) -> io::Result<()> {
    writer.write_all(&[kind])?;
    for bytes in [name, value] {
        let length = u64::try_from(bytes.len()).map_err(io::Error::other)?;
        writer.write_all(&length.to_be_bytes())?;
        writer.write_all(bytes)?;
    }
    Ok(())
}

fn read_part(reader: &mut impl Read) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut read = || -> io::Result<Vec<u8>> {
        let mut length = [0; 8];
        reader.read_exact(&mut length)?;
        let length = u64::from_be_bytes(length);
        // Room is made as bytes come: the length may be wrong.
        let mut bytes = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).ok() != Some(length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(bytes)
    };
    Ok((read()?, read()?))
}

impl Desk {
    /// The whole cloud as one archive.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn snapshot(&self) -> Result<Vec<u8>, SnapshotError> {
        let mut state = State::clone(&self.state.read());
        state.clock = Some(self.clock.kept());
        let mut contents = Contents {
            root: state.kms.vault.root_if_any().cloned(),
            ..Contents::default()
        };
        for (place, value) in rows::all(&state)? {
            contents.rows.push((place, value.unwrap_or_default()));
        }
        // Rows of the log come by scene and trail, and are taken back in the order of their places.
        contents.rows.sort();
        for body in state.s3.all_bodies() {
            if let Some(name) = body.file() {
                contents.bodies.insert(name.to_owned(), body.all()?);
            }
        }
        Ok(contents.pack()?)
    }

    /// Takes a whole cloud out of an archive, in place of this one. The range's time goes on, and never back; ids go on from
    /// those of this range, so that none is given twice.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing was changed.
    pub fn restore(&self, archive: &[u8]) -> Result<(), RestoreError> {
        let contents = Contents::unpack(archive)?;
        let mut taken: Option<State> = None;
        for (place, value) in &contents.rows {
            rows::take(&mut taken, place, Some(value))?;
        }
        let mut taken = taken.ok_or_else(|| RestoreError::Archive("it is empty".to_owned()))?;
        let birth = taken.birth.clone();
        let birth = birth.ok_or_else(|| {
            RestoreError::Archive("it does not say how the range began".to_owned())
        })?;
        let mut unknown = None;
        let bodies = self.state.read().s3.bodies.clone();
        taken.s3.bodies = bodies;
        taken
            .s3
            .replace_bodies(|name| {
                let found = contents.bodies.get(name).cloned();
                unknown = found.is_none().then(|| name.to_owned());
                found.ok_or_else(|| io::ErrorKind::NotFound.into())
            })
            .map_err(|error| match unknown {
                Some(name) => RestoreError::Archive(format!("the body {name} is missing")),
                None => RestoreError::Body(error),
            })?;
        match contents.root {
            Some(root) => {
                self.keep_root(&root).map_err(RestoreError::Root)?;
                taken.kms.bring_root(root);
            }
            None => taken.kms.take_vault(&self.state.read().kms),
        }
        taken.forget_the_gone();
        let time = taken.clock.take().map(|clock| clock.shown());
        let now = self.clock.now();
        let ahead = time.map_or(SignedDuration::ZERO, |time| time.duration_since(now));
        let replace = |clock: Option<&ClockReading>| {
            self.replace(|old| {
                let config = Behaviour {
                    account: birth.account.clone(),
                    ..old.config.clone()
                };
                Ok(State {
                    config,
                    ids: old.ids.clone().branch(),
                    clock: clock.cloned().or_else(|| old.clock.clone()),
                    ..taken
                })
            })
        };
        if ahead.is_positive() {
            let advanced = self
                .clock
                .advance_if(ahead, |reading| replace(Some(reading)));
            advanced.map(drop)?;
        } else {
            replace(None)?;
        }
        // Another cloud has another administrator.
        if let Some(profile) = &self.profile
            && let Err(error) = profile.write_key(&birth.key, &birth.secret)
        {
            tracing::error!(%error, "the profile still has the key of the cloud that was there");
        }
        Ok(())
    }

    /// Begins anew: the first account and its administrator, and nothing else.
    ///
    /// # Errors
    /// [`RestoreError`]; nothing was changed.
    pub fn reset(&self) -> Result<(), RestoreError> {
        let now = self.clock.now();
        self.replace(|old| {
            let no_birth =
                || RestoreError::Archive("it does not say how the range began".to_owned());
            let birth = old.birth.as_ref().ok_or_else(no_birth)?;
            let state = birth.state(&old.config, now).map_err(RestoreError::Birth)?;
            let mut state = State {
                clock: old.clock.clone(),
                ..state
            };
            state.s3.bodies = old.s3.bodies.clone();
            state.kms.take_vault(&old.kms);
            // Where ids are to repeat they do; else none is ever given twice.
            if birth.seed.is_none() {
                state.ids = old.ids.clone().branch();
            }
            Ok(state)
        })
    }

    fn replace(
        &self,
        make: impl FnOnce(&State) -> Result<State, RestoreError>,
    ) -> Result<(), RestoreError> {
        let (done, ticket) = self.state.change(|state| {
            *state = make(state)?;
            Ok::<_, RestoreError>(((), Aside::default()))
        });
        done?;
        Ok(self.state.settle(ticket)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents() -> Contents {
        Contents {
            rows: vec![
                (Place::top(), b"{}".to_vec()),
                (Place::top().below(b"a"), vec![1; 5000]),
            ],
            bodies: BTreeMap::from([("1-1".to_owned(), Bytes::from(vec![7; 70_000]))]),
            root: Some(RootKey::generate().unwrap()),
        }
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let packed = contents().pack().unwrap();
        let again = Contents::unpack(&packed).unwrap();
        assert_eq!(again.rows, contents().rows);
        assert_eq!(again.bodies, contents().bodies);
        assert!(again.root.is_some());
    }

    #[test]
    fn an_archive_with_a_fault_is_none() {
        let packed = contents().pack().unwrap();
        for cut in 0..packed.len() {
            assert!(Contents::unpack(&packed[..cut]).is_err(), "cut at {cut}");
        }
        for place in 0..packed.len() {
            let mut wrong = packed.clone();
            wrong[place] ^= 0x10;
            // The head of gzip has a time and a system that nobody reads.
            let unpacked = Contents::unpack(&wrong);
            assert!(
                unpacked.is_err() || unpacked.unwrap().rows == contents().rows,
                "wrong at {place}"
            );
        }
        let newer = [b"stockade range snapshot 2\n", &packed[26..]].concat();
        let said = Contents::unpack(&newer).unwrap_err().to_string();
        assert!(
            said.contains("of version 2, and this program knows version 1"),
            "{said}"
        );
    }
}
