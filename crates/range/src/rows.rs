//! State as rows: what a store keeps, and what has to be written when a state changes.
//!
//! Owns the form: a row has a place, which is the way to it from the top, and a value in JSON. Every type that the
//! state is made of says here, by [`row!`](crate::row) or [`rows!`](crate::rows), how it is kept; the compiler refuses
//! one that does not, and a field that was forgotten. Where rows are kept is `store`'s business.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use stockade_model::{AccountId, Region};

use crate::table::{Change, Table};

/// What ends a part of a place. No text has the second byte of either pair, so that places sort by their parts.
const END: [u8; 2] = [0, 1];
/// What stands for a zero byte within a part.
const ZERO: [u8; 2] = [0, 2];

/// Where a row is: the names on the way to it, from the top.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Vec<u8>);

impl Place {
    /// The top.
    pub fn top() -> Self {
        Self::default()
    }

    /// The place of this name below.
    #[must_use]
    pub fn below(&self, part: &[u8]) -> Self {
        let mut place = self.clone();
        place.push(part);
        place
    }

    /// Goes down.
    pub fn push(&mut self, part: &[u8]) {
        for byte in part {
            match byte {
                0 => self.0.extend(ZERO),
                byte => self.0.push(*byte),
            }
        }
        self.0.extend(END);
    }

    /// How far down, to come back to.
    fn depth(&self) -> usize {
        self.0.len()
    }

    fn back_to(&mut self, depth: usize) {
        self.0.truncate(depth);
    }

    /// As a store's key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The place that a store's key stands for.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The names on the way; none where the bytes are no place.
    pub fn parts(&self) -> Option<Vec<Vec<u8>>> {
        let mut parts = Vec::new();
        let mut part = Vec::new();
        let mut bytes = self.0.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                0 => match bytes.next()? {
                    1 => parts.push(std::mem::take(&mut part)),
                    2 => part.push(0),
                    _ => return None,
                },
                byte => part.push(*byte),
            }
        }
        part.is_empty().then_some(parts)
    }

    /// For people: `accounts/123456789012/iam/users/anna`.
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        for part in self.parts().unwrap_or_default() {
            if !shown.is_empty() {
                shown.push('/');
            }
            match std::str::from_utf8(&part) {
                Ok(text) if !text.chars().any(char::is_control) => shown.push_str(text),
                _ => {
                    // Writing to a string cannot fail.
                    let _ = write!(shown, "0x{}", hex::encode(&part));
                }
            }
        }
        shown
    }
}

/// What has to be done to a store: rows to put, and rows to take out (those without a value).
pub type Changes = Vec<(Place, Option<Vec<u8>>)>;

/// Why rows cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// A value has no form in JSON.
    #[error("the row {place} cannot be written: {why}")]
    Unwritable {
        /// Where.
        place: String,
        /// Why.
        why: serde_json::Error,
    },
    /// A value is not what should be there.
    #[error("the row {place} cannot be read: {why}")]
    Unreadable {
        /// Where.
        place: String,
        /// Why.
        why: serde_json::Error,
    },
    /// A row stands where none can be.
    #[error("the row {0} is of no table that this version knows")]
    Unknown(String),
    /// What a row belongs to is not there.
    #[error("the row {0} belongs to something that is not there")]
    Orphan(String),
}

/// Writes what differs, at a place.
pub struct Writer<'a> {
    place: Place,
    changes: &'a mut Changes,
}

impl<'a> Writer<'a> {
    /// A writer at the top.
    pub fn new(changes: &'a mut Changes) -> Self {
        Self {
            place: Place::top(),
            changes,
        }
    }

    /// Goes down to a part and back.
    pub fn within<T>(&mut self, part: &[u8], write: impl FnOnce(&mut Self) -> T) -> T {
        let depth = self.place.depth();
        self.place.push(part);
        let written = write(self);
        self.place.back_to(depth);
        written
    }

    /// Puts a row here.
    pub fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), RowError> {
        let bytes = serde_json::to_vec(value).map_err(|why| RowError::Unwritable {
            place: self.place.shown(),
            why,
        })?;
        self.changes.push((self.place.clone(), Some(bytes)));
        Ok(())
    }

    /// Puts a type's own row here.
    pub fn put_own(&mut self, row: OwnRow) {
        let mut bytes = row.0;
        if bytes.is_empty() {
            bytes.push(b'{');
        }
        bytes.push(b'}');
        self.changes.push((self.place.clone(), Some(bytes)));
    }

    /// Takes out the row that is here.
    pub fn take_out(&mut self) {
        self.changes.push((self.place.clone(), None));
    }
}

/// A type's own row: an object of its values.
#[derive(Debug, Default)]
pub struct OwnRow(Vec<u8>);

impl OwnRow {
    /// Adds a value under its field's name.
    ///
    /// # Errors
    /// [`RowError::Unwritable`].
    pub fn add<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
        writer: &Writer<'_>,
    ) -> Result<(), RowError> {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        self.0.push(b'"');
        // The name of a field has nothing to escape.
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        serde_json::to_writer(&mut self.0, value).map_err(|why| RowError::Unwritable {
            place: writer.place.shown(),
            why,
        })
    }
}

/// A row on its way back into the state.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    place: &'a Place,
    parts: &'a [Vec<u8>],
    value: Option<&'a [u8]>,
}

impl<'a> Row<'a> {
    /// A row at the top.
    pub fn new(place: &'a Place, parts: &'a [Vec<u8>], value: Option<&'a [u8]>) -> Self {
        Self {
            place,
            parts,
            value,
        }
    }

    /// The next name on the way, and the row as seen from there; none where the row is here.
    pub fn next(self) -> Option<(&'a [u8], Self)> {
        let (part, parts) = self.parts.split_first()?;
        Some((part, Self { parts, ..self }))
    }

    /// Whether the row is here.
    pub fn is_here(self) -> bool {
        self.parts.is_empty()
    }

    /// Whether it is to be taken out.
    pub fn goes(self) -> bool {
        self.value.is_none()
    }

    /// Its value.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, RowError> {
        serde_json::from_slice(self.value.unwrap_or_default()).map_err(|why| self.unreadable(why))
    }

    /// That its value is not what should be there.
    pub fn unreadable(self, why: serde_json::Error) -> RowError {
        RowError::Unreadable {
            place: self.place.shown(),
            why,
        }
    }

    /// That no such row can be.
    pub fn unknown(self) -> RowError {
        RowError::Unknown(self.place.shown())
    }

    /// That what it belongs to is not there.
    pub fn orphan(self) -> RowError {
        RowError::Orphan(self.place.shown())
    }
}

/// A part of the state, kept in rows.
#[diagnostic::on_unimplemented(
    message = "nothing says how `{Self}` is kept",
    note = "the range's state is durable: derive Debug, Clone, PartialEq, Serialize and Deserialize, and write `row!({Self});` beside \
            the type for one row, or `rows!({Self} {{ … }});` for a type with tables in it (see rows.rs)"
)]
pub trait Rows: Sized {
    /// Writes what makes `new` out of `old`. Without an old one that is every row; without a new one it takes every
    /// row out.
    ///
    /// # Errors
    /// [`RowError::Unwritable`].
    fn changes(
        new: Option<&Self>,
        old: Option<&Self>,
        writer: &mut Writer<'_>,
    ) -> Result<(), RowError>;

    /// Takes a row back, or takes out what it stood for. Rows come in the order of their places, or as
    /// [`Rows::changes`] wrote them.
    ///
    /// # Errors
    /// A row that is not what [`Rows::changes`] writes.
    fn take(this: &mut Option<Self>, row: Row<'_>) -> Result<(), RowError>;
}

impl<T: Rows + Clone> Rows for Arc<T> {
    fn changes(
        new: Option<&Self>,
        old: Option<&Self>,
        writer: &mut Writer<'_>,
    ) -> Result<(), RowError> {
        match (new, old) {
            (Some(new), Some(old)) if Arc::ptr_eq(new, old) => Ok(()),
            _ => T::changes(new.map(Arc::as_ref), old.map(Arc::as_ref), writer),
        }
    }

    fn take(this: &mut Option<Self>, row: Row<'_>) -> Result<(), RowError> {
        let mut inner = this.take().map(Self::unwrap_or_clone);
        T::take(&mut inner, row)?;
        *this = inner.map(Self::new);
        Ok(())
    }
}

/// A table's entries are each below their key.
impl<K: Key + Clone, V: Rows + Clone> Rows for Table<K, V> {
    fn changes(
        new: Option<&Self>,
        old: Option<&Self>,
        writer: &mut Writer<'_>,
    ) -> Result<(), RowError> {
        let empty = Self::new();
        let (new, old) = (new.unwrap_or(&empty), old.unwrap_or(&empty));
        for change in new.changes(old) {
            let (key, new, old) = match change {
                Change::Added(key, new) => (key, Some(new), None),
                Change::Written { key, old, new } => (key, Some(new), Some(old)),
                Change::Removed(key, old) => (key, None, Some(old)),
            };
            writer.within(&key.part(), |writer| V::changes(new, old, writer))?;
        }
        Ok(())
    }

    fn take(this: &mut Option<Self>, row: Row<'_>) -> Result<(), RowError> {
        let (part, below) = row.next().ok_or_else(|| row.unknown())?;
        let key = K::of_part(part).ok_or_else(|| row.unknown())?;
        let table = this.get_or_insert_default();
        let mut value = table.remove(&key);
        V::take(&mut value, below)?;
        if let Some(value) = value {
            table.insert(key, value);
        } else if table.is_empty() {
            *this = None;
        }
        Ok(())
    }
}

/// What may not be there has the rows of what is there.
impl<T: Rows> Rows for Option<T> {
    fn changes(
        new: Option<&Self>,
        old: Option<&Self>,
        writer: &mut Writer<'_>,
    ) -> Result<(), RowError> {
        T::changes(
            new.and_then(Option::as_ref),
            old.and_then(Option::as_ref),
            writer,
        )
    }

    fn take(this: &mut Option<Self>, row: Row<'_>) -> Result<(), RowError> {
        let mut inner = this.take().flatten();
        T::take(&mut inner, row)?;
        *this = Some(inner);
        Ok(())
    }
}

crate::row!(String);
crate::row!(Vec<String>);
crate::row!(std::collections::BTreeMap<String, jiff::Timestamp>);

/// A key of a table, as a part of a place.
pub trait Key: Ord + Sized {
    /// As a part.
    fn part(&self) -> Vec<u8>;

    /// The key that a part stands for.
    fn of_part(part: &[u8]) -> Option<Self>;
}

impl Key for String {
    fn part(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn of_part(part: &[u8]) -> Option<Self> {
        std::str::from_utf8(part).ok().map(str::to_owned)
    }
}

/// Numbers stand in their order.
impl Key for u64 {
    fn part(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn of_part(part: &[u8]) -> Option<Self> {
        part.try_into().ok().map(Self::from_be_bytes)
    }
}

impl Key for i64 {
    fn part(&self) -> Vec<u8> {
        // With the sign turned round, so that what is below zero stands before it.
        (self.cast_unsigned() ^ (1 << 63)).to_be_bytes().to_vec()
    }

    fn of_part(part: &[u8]) -> Option<Self> {
        u64::of_part(part).map(|bits| (bits ^ (1 << 63)).cast_signed())
    }
}

impl Key for AccountId {
    fn part(&self) -> Vec<u8> {
        self.as_str().as_bytes().to_vec()
    }

    fn of_part(part: &[u8]) -> Option<Self> {
        std::str::from_utf8(part).ok()?.parse().ok()
    }
}

impl Key for Region {
    fn part(&self) -> Vec<u8> {
        self.as_str().as_bytes().to_vec()
    }

    fn of_part(part: &[u8]) -> Option<Self> {
        std::str::from_utf8(part).ok()?.parse().ok()
    }
}

/// Both, as a place of two parts.
impl<A: Key, B: Key> Key for (A, B) {
    fn part(&self) -> Vec<u8> {
        let mut place = Place::top();
        place.push(&self.0.part());
        place.push(&self.1.part());
        place.0
    }

    fn of_part(part: &[u8]) -> Option<Self> {
        let parts = Place(part.to_vec()).parts()?;
        match parts.as_slice() {
            [one, other] => Some((A::of_part(one)?, B::of_part(other)?)),
            _ => None,
        }
    }
}

/// The members of a type's own row, on their way back.
#[derive(Debug)]
pub struct Members(Map<String, Value>);

impl Members {
    /// Reads them.
    pub fn of(row: Row<'_>) -> Result<Self, RowError> {
        row.read().map(Self)
    }

    /// A member. One that an older version did not write is null.
    pub fn member<T: DeserializeOwned>(&mut self, name: &str, row: Row<'_>) -> Result<T, RowError> {
        let value = self.0.remove(name).unwrap_or(Value::Null);
        serde_json::from_value(value).map_err(|why| row.unreadable(why))
    }

    /// Whether a member is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// Every row of a state.
///
/// # Errors
/// [`RowError::Unwritable`].
pub fn all<T: Rows>(state: &T) -> Result<Changes, RowError> {
    between(Some(state), None)
}

/// What makes one state out of another.
///
/// # Errors
/// [`RowError::Unwritable`].
pub fn between<T: Rows>(new: Option<&T>, old: Option<&T>) -> Result<Changes, RowError> {
    let mut changes = Changes::new();
    T::changes(new, old, &mut Writer::new(&mut changes))?;
    Ok(changes)
}

/// Takes a row back, or takes out what it stood for.
///
/// # Errors
/// A row that is not of this state.
pub fn take<T: Rows>(
    this: &mut Option<T>,
    place: &Place,
    value: Option<&[u8]>,
) -> Result<(), RowError> {
    let parts = place
        .parts()
        .ok_or_else(|| RowError::Unknown(place.shown()))?;
    T::take(this, Row::new(place, &parts, value))
}

/// Says that a type is kept as one row, by serde. A member that comes later needs `#[serde(default)]`, so that rows of
/// older versions can be read.
#[macro_export]
macro_rules! row {
    ($type:ty) => {
        impl $crate::rows::Rows for $type {
            fn changes(
                new: Option<&Self>,
                old: Option<&Self>,
                writer: &mut $crate::rows::Writer<'_>,
            ) -> Result<(), $crate::rows::RowError> {
                match (new, old) {
                    (Some(new), Some(old)) if new == old => {}
                    (Some(new), _) => writer.put(new)?,
                    (None, Some(_)) => writer.take_out(),
                    (None, None) => {}
                }
                Ok(())
            }

            fn take(
                this: &mut Option<Self>,
                row: $crate::rows::Row<'_>,
            ) -> Result<(), $crate::rows::RowError> {
                if !row.is_here() {
                    return Err(row.unknown());
                }
                *this = if row.goes() { None } else { Some(row.read()?) };
                Ok(())
            }
        }
    };
}

/// Says how a type with tables in it is kept: `values` are the members of a row of its own, by serde; what is in `below` has rows
/// of its own under its name. Every field stands in one of the lists, or among those that are made anew
/// (`anew`, each with what it is at first). A value that came later has what it is in older rows: `values: [a, b = 1]`.
#[macro_export]
macro_rules! rows {
    ($type:ty {
        values: [$($value:ident $(= $before:expr)?),* $(,)?],
        below: [$($below:ident),* $(,)?]
        $(, anew: [$($anew:ident = $first:expr),* $(,)?])? $(,)?
    }) => {
        impl $crate::rows::Rows for $type {
            fn changes(
                new: Option<&Self>,
                old: Option<&Self>,
                writer: &mut $crate::rows::Writer<'_>,
            ) -> Result<(), $crate::rows::RowError> {
                match (new, old) {
                    (Some(_new), old) => {
                        let same = old.is_some_and(|_old| true $(&& _new.$value == _old.$value)*);
                        if !same {
                            let mut _members = $crate::rows::OwnRow::default();
                            $(_members.add(stringify!($value), &_new.$value, writer)?;)*
                            writer.put_own(_members);
                        }
                    }
                    (None, Some(_)) => writer.take_out(),
                    (None, None) => {}
                }
                $(writer.within(stringify!($below).as_bytes(), |writer| {
                    $crate::rows::Rows::changes(
                        new.map(|new| &new.$below),
                        old.map(|old| &old.$below),
                        writer,
                    )
                })?;)*
                Ok(())
            }

            fn take(
                this: &mut Option<Self>,
                row: $crate::rows::Row<'_>,
            ) -> Result<(), $crate::rows::RowError> {
                let Some((_part, _below)) = row.next() else {
                    if row.goes() {
                        *this = None;
                        return Ok(());
                    }
                    let mut _members = $crate::rows::Members::of(row)?;
                    if let Some(_this) = this {
                        $(_this.$value = $crate::rows!(@value _members, row, $value $(, $before)?);)*
                        return Ok(());
                    }
                    // Every field is named here, so that none is forgotten.
                    *this = Some(Self {
                        $($value: $crate::rows!(@value _members, row, $value $(, $before)?),)*
                        $($below: Default::default(),)*
                        $($($anew: $first,)*)?
                    });
                    return Ok(());
                };
                let _this = match this {
                    Some(this) => this,
                    // It went before what is below it.
                    None if row.goes() => return Ok(()),
                    None => return Err(row.orphan()),
                };
                $(if _part == stringify!($below).as_bytes() {
                    let mut field = Some(std::mem::take(&mut _this.$below));
                    $crate::rows::Rows::take(&mut field, _below)?;
                    _this.$below = field.unwrap_or_default();
                    return Ok(());
                })*
                Err(row.unknown())
            }
        }
    };
    (@value $members:ident, $row:ident, $value:ident) => {
        $members.member(stringify!($value), $row)?
    };
    (@value $members:ident, $row:ident, $value:ident, $before:expr) => {
        if $members.has(stringify!($value)) {
            $members.member(stringify!($value), $row)?
        } else {
            $before
        }
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Leaf {
        name: String,
        #[serde(default)]
        size: u8,
    }
    row!(Leaf);

    #[derive(Debug, Clone, Default, PartialEq)]
    struct Branch {
        name: String,
        size: Option<u8>,
        leaves: Table<(String, i64), Arc<Leaf>>,
        deep: Table<String, Table<u64, Leaf>>,
        count: usize,
    }
    rows!(Branch {
        values: [name, size = Some(3)],
        below: [leaves, deep],
        anew: [count = 0],
    });

    type Stored = BTreeMap<Place, Vec<u8>>;

    fn apply(stored: &mut Stored, changes: Changes) {
        for (place, value) in changes {
            match value {
                Some(value) => stored.insert(place, value),
                None => stored.remove(&place),
            };
        }
    }

    fn load(stored: &Stored) -> Option<Table<String, Branch>> {
        let mut state = None;
        for (place, value) in stored {
            take(&mut state, place, Some(value)).unwrap();
        }
        state
    }

    #[derive(Debug, Clone)]
    enum Step {
        Branch(String, String),
        Drop(String),
        Leaf(String, (String, i64), u8),
        NoLeaf(String, (String, i64)),
        Deep(String, String, u64, u8),
        NoDeep(String, String),
    }

    fn step() -> impl Strategy<Value = Step> {
        let name = prop_oneof![
            "[a-c]",
            Just("\0".to_owned()),
            Just("a\0\u{1}b".to_owned()),
            Just(String::new())
        ];
        let key = (name.clone(), -2_i64..2);
        prop_oneof![
            (name.clone(), name.clone()).prop_map(|(a, b)| Step::Branch(a, b)),
            name.clone().prop_map(Step::Drop),
            (name.clone(), key.clone(), any::<u8>()).prop_map(|(a, k, v)| Step::Leaf(a, k, v)),
            (name.clone(), key).prop_map(|(a, k)| Step::NoLeaf(a, k)),
            (name.clone(), name.clone(), 0_u64..4, any::<u8>())
                .prop_map(|(a, b, n, v)| Step::Deep(a, b, n, v)),
            (name.clone(), name).prop_map(|(a, b)| Step::NoDeep(a, b)),
        ]
    }

    fn change(state: &mut Table<String, Branch>, step: &Step) {
        let leaf = |size| Leaf {
            name: "leaf".into(),
            size,
        };
        match step.clone() {
            Step::Branch(name, value) => state.entry(name).or_default().name = value,
            Step::Drop(name) => drop(state.remove(&name)),
            Step::Leaf(name, key, size) => {
                let branch = state.entry(name).or_default();
                branch.leaves.insert(key, Arc::new(leaf(size)));
            }
            Step::NoLeaf(name, key) => {
                if let Some(branch) = state.get_mut(&name) {
                    branch.leaves.remove(&key);
                }
            }
            Step::Deep(name, key, number, size) => {
                let branch = state.entry(name).or_default();
                branch
                    .deep
                    .entry(key)
                    .or_default()
                    .insert(number, leaf(size));
            }
            Step::NoDeep(name, key) => {
                if let Some(branch) = state.get_mut(&name) {
                    branch.deep.remove(&key);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_differs_makes_the_new_state_out_of_the_old_one(
            steps in prop::collection::vec(prop::collection::vec(step(), 1..20), 1..8)
        ) {
            let (mut state, mut stored) = (Table::<String, Branch>::new(), Stored::new());
            for steps in steps {
                let old = state.clone();
                for step in &steps {
                    change(&mut state, step);
                }
                let changes = between(Some(&state), Some(&old)).unwrap();
                let mut changed = Some(old.clone());
                for (place, value) in &changes {
                    take(&mut changed, place, value.as_deref()).unwrap();
                }
                prop_assert_eq!(changed.unwrap_or_default(), state.clone());
                apply(&mut stored, changes);
                let mut anew = Stored::new();
                apply(&mut anew, all(&state).unwrap());
                prop_assert_eq!(&stored, &anew);
                prop_assert_eq!(load(&stored).unwrap_or_default(), state.clone());
                let mut back = stored.clone();
                apply(&mut back, between(Some(&old), Some(&state)).unwrap());
                prop_assert_eq!(load(&back).unwrap_or_default(), old);
            }
            apply(&mut stored, between(None, Some(&state)).unwrap());
            prop_assert!(stored.is_empty());
        }
    }

    #[test]
    fn rows_of_an_older_version_are_read_with_what_came_later() {
        let top = Place::top();
        let mut state: Option<Table<String, Branch>> = None;
        let branch = top.below(b"a");
        take(&mut state, &branch, Some(br#"{"name":"old","gone":1}"#)).unwrap();
        let leaf = branch
            .below(b"leaves")
            .below(&("x".to_owned(), -1_i64).part());
        take(&mut state, &leaf, Some(br#"{"name":"l"}"#)).unwrap();
        let branch = &state.unwrap()["a"];
        assert_eq!(branch.size, Some(3));
        assert_eq!(branch.leaves[&("x".to_owned(), -1_i64)].size, 0);
    }

    #[test]
    fn rows_that_cannot_be_are_refused_and_named() {
        let top = Place::top().below(b"a");
        let mut state: Option<Table<String, Branch>> = None;
        let orphan = take(&mut state, &top.below(b"leaves").below(b"x"), Some(b"{}")).unwrap_err();
        assert_eq!(
            orphan.to_string(),
            "the row a/leaves/x belongs to something that is not there"
        );
        take(&mut state, &top, Some(br#"{"name":"n"}"#)).unwrap();
        let unknown = take(&mut state, &top.below(b"fruit").below(b"x"), Some(b"{}")).unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "the row a/fruit/x is of no table that this version knows"
        );
        let bad = take(&mut state, &top, Some(br#"{"name":7}"#)).unwrap_err();
        assert!(
            bad.to_string()
                .starts_with("the row a cannot be read: invalid type"),
            "{bad}"
        );
        assert!(take(&mut state, &Place::from_bytes(&[7, 0, 9]), Some(b"{}")).is_err());
    }

    #[test]
    fn numbers_stand_in_their_order() {
        let mut parts: Vec<_> = [i64::MIN, -7, 0, 3, i64::MAX].map(|n| n.part()).into();
        let sorted = parts.clone();
        parts.sort();
        assert_eq!(parts, sorted);
        assert_eq!(i64::of_part(&(-7_i64).part()), Some(-7));
    }
}
