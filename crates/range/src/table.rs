//! Tables that share what they have in common: a copy costs nothing, and a change copies only the way to its entry.
//!
//! Owns the one kind of map that the range's state is made of, and how two versions of one are compared. What is
//! in a table is its owner's business. The tree below it is `imbl`'s.

use std::borrow::Borrow;
use std::fmt;
use std::ops::{Index, RangeBounds};
use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

/// A map in the order of its keys. It is written like a `BTreeMap`; a clone shares everything with the original until
/// one of them is changed.
pub struct Table<K, V>(OrdMap<K, Shared<V>>);

/// A value that versions of a table have in common. It is the same as another where it is the same one: that is quick,
/// and needs nothing of the value.
struct Shared<V>(Arc<V>);

impl<V> Clone for Shared<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> PartialEq for Shared<V> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<K, V> Table<K, V> {
    /// A table with nothing in it.
    pub fn new() -> Self {
        Self(OrdMap::new())
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Ord, V> Table<K, V> {
    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).map(|value| &*value.0)
    }

    /// The value of a key, and the key as the table has it.
    pub fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        self.0.get_key_value(key).map(entry)
    }

    /// Whether there is an entry of this key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// The entries, by key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + ExactSizeIterator + Clone {
        self.0.iter().map(entry)
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + ExactSizeIterator + Clone {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + ExactSizeIterator + Clone {
        self.0.iter().map(|(_, value)| &*value.0)
    }

    /// The entries within bounds, by key.
    pub fn range<Q: Ord + ?Sized, R: RangeBounds<Q>>(
        &self,
        range: R,
    ) -> impl DoubleEndedIterator<Item = (&K, &V)>
    where
        K: Borrow<Q>,
    {
        self.0.range(range).map(entry)
    }

    /// The entry with the lowest key.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.0.get_min().map(|(key, value)| (key, &*value.0))
    }

    /// The entry with the highest key.
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        self.0.get_max().map(|(key, value)| (key, &*value.0))
    }

    /// What differs in `self` from an older version. What both share is passed over, so that it costs about as much
    /// as the changes did. An entry that was written counts as changed though it may be equal.
    pub fn changes<'a>(&'a self, old: &'a Self) -> impl Iterator<Item = Change<'a, K, V>> {
        old.0.diff(&self.0).map(|item| match item {
            DiffItem::Add(key, value) => Change::Added(key, &*value.0),
            DiffItem::Update {
                old: (_, old),
                new: (key, new),
            } => Change::Written {
                key,
                old: &*old.0,
                new: &*new.0,
            },
            DiffItem::Remove(key, value) => Change::Removed(key, &*value.0),
        })
    }
}

/// What became of an entry between two versions of a table.
#[derive(Debug)]
pub enum Change<'a, K, V> {
    /// It is new.
    Added(&'a K, &'a V),
    /// It was written.
    Written {
        /// Its key.
        key: &'a K,
        /// What it was.
        old: &'a V,
        /// What it is.
        new: &'a V,
    },
    /// It is gone.
    Removed(&'a K, &'a V),
}

fn entry<'a, K, V>((key, value): (&'a K, &'a Shared<V>)) -> (&'a K, &'a V) {
    (key, &*value.0)
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// The value of a key, to change.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        // Looked for first: the way to an entry that is not there need not be copied.
        if !self.0.contains_key(key) {
            return None;
        }
        self.0.get_mut(key).map(|value| Arc::make_mut(&mut value.0))
    }

    /// Puts an entry in, and answers what was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let old = self.0.insert(key, Shared(Arc::new(value)));
        old.map(|value| Arc::unwrap_or_clone(value.0))
    }

    /// Takes an entry out, and answers it.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if !self.0.contains_key(key) {
            return None;
        }
        let old = self.0.remove(key);
        old.map(|value| Arc::unwrap_or_clone(value.0))
    }

    /// The place of a key, taken or not.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        Entry { table: self, key }
    }

    /// Changes the values for which `which` holds. In place of a walk over all of them to change: that would copy the
    /// whole table.
    pub fn change_where(
        &mut self,
        mut which: impl FnMut(&K, &V) -> bool,
        mut change: impl FnMut(&mut V),
    ) {
        let found: Vec<K> = self
            .iter()
            .filter(|(key, value)| which(key, value))
            .map(|(key, _)| key.clone())
            .collect();
        for key in found {
            if let Some(value) = self.get_mut(&key) {
                change(value);
            }
        }
    }

    /// Takes out the entries for which `keep` does not hold.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        let gone: Vec<K> = self
            .iter()
            .filter(|(key, value)| !keep(key, value))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.remove(&key);
        }
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.0 = OrdMap::new();
    }
}

/// A key's place in a table.
pub struct Entry<'a, K, V> {
    table: &'a mut Table<K, V>,
    key: K,
}

impl<'a, K: Ord + Clone, V: Clone> Entry<'a, K, V> {
    /// The value, to change; where there is none, this one is put there first.
    pub fn or_insert_with(self, value: impl FnOnce() -> V) -> &'a mut V {
        let place = self.table.0.entry(self.key);
        let shared = place.or_insert_with(|| Shared(Arc::new(value())));
        Arc::make_mut(&mut shared.0)
    }

    /// The same, with a value at hand.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The same, with an empty value.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Changes the value, where there is one.
    #[must_use]
    pub fn and_modify(self, change: impl FnOnce(&mut V)) -> Self {
        if let Some(value) = self.table.get_mut(&self.key) {
            change(value);
        }
        self
    }
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord + fmt::Debug, V: fmt::Debug> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord, V: PartialEq> PartialEq for Table<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0) || (self.len() == other.len() && self.iter().eq(other.iter()))
    }
}

impl<K: Ord, V: Eq> Eq for Table<K, V> {}

impl<K: Ord + Borrow<Q>, Q: Ord + ?Sized, V> Index<&Q> for Table<K, V> {
    type Output = V;

    #[expect(
        clippy::indexing_slicing,
        reason = "whoever indexes says that it is there"
    )]
    fn index(&self, key: &Q) -> &V {
        &self.0[key].0
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for Table<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        Self(entries.map(|(k, v)| (k, Shared(Arc::new(v)))).collect())
    }
}

impl<K: Ord + Clone, V: Clone, const N: usize> From<[(K, V); N]> for Table<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Ord + Clone, V: Clone> Extend<(K, V)> for Table<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

/// The entries of a table that is looped over.
pub type Iter<'a, K, V> = Box<dyn DoubleEndedIterator<Item = (&'a K, &'a V)> + 'a>;

impl<'a, K: Ord, V> IntoIterator for &'a Table<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Plain = BTreeMap<u16, u32>;

    /// Brings an old version up to a new one by what differs.
    fn apply(old: &Table<u16, u32>, new: &Table<u16, u32>) -> Plain {
        let mut plain: Plain = old.iter().map(|(k, v)| (*k, *v)).collect();
        for change in new.changes(old) {
            match change {
                Change::Added(key, value) => {
                    assert_eq!(plain.insert(*key, *value), None);
                }
                Change::Written { key, old, new } => {
                    assert_eq!(plain.insert(*key, *new), Some(*old));
                }
                Change::Removed(key, value) => {
                    assert_eq!(plain.remove(key), Some(*value));
                }
            }
        }
        plain
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u16, u32),
        Remove(u16),
        Change(u16, u32),
        Entry(u16),
        Retain(u16),
        ChangeWhere(u32),
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = 0_u16..400;
        prop_oneof![
            20 => (key.clone(), 0_u32..5).prop_map(|(k, v)| Step::Insert(k, v)),
            10 => key.clone().prop_map(Step::Remove),
            6 => (key.clone(), 0_u32..5).prop_map(|(k, v)| Step::Change(k, v)),
            4 => key.clone().prop_map(Step::Entry),
            1 => (2_u16..9).prop_map(Step::Retain),
            1 => (0_u32..5).prop_map(Step::ChangeWhere),
            1 => Just(Step::Clear),
        ]
    }

    fn take(step: &Step, table: &mut Table<u16, u32>, plain: &mut Plain) {
        match *step {
            Step::Insert(k, v) => assert_eq!(table.insert(k, v), plain.insert(k, v)),
            Step::Remove(k) => assert_eq!(table.remove(&k), plain.remove(&k)),
            Step::Change(k, v) => match (table.get_mut(&k), plain.get_mut(&k)) {
                (Some(one), Some(other)) => (*one, *other) = (v, v),
                (None, None) => {}
                _ => panic!("one has {k}, the other has not"),
            },
            Step::Entry(k) => {
                *table.entry(k).and_modify(|v| *v += 1).or_insert(7) += 1;
                *plain.entry(k).and_modify(|v| *v += 1).or_insert(7) += 1;
            }
            Step::Retain(n) => {
                table.retain(|k, _| k % n != 0);
                plain.retain(|k, _| k % n != 0);
            }
            Step::ChangeWhere(n) => {
                table.change_where(|_, v| *v == n, |v| *v += 1);
                plain
                    .values_mut()
                    .filter(|v| **v == n)
                    .for_each(|v| *v += 1);
            }
            Step::Clear => {
                table.clear();
                plain.clear();
            }
        }
    }

    proptest! {
        #[test]
        fn is_a_map_whose_older_versions_stay_as_they_were(
            steps in prop::collection::vec(prop::collection::vec(step(), 1..60), 1..12)
        ) {
            let (mut table, mut plain) = (Table::new(), Plain::new());
            let mut versions = vec![(table.clone(), plain.clone())];
            for steps in &steps {
                for step in steps {
                    take(step, &mut table, &mut plain);
                }
                versions.push((table.clone(), plain.clone()));
            }
            for (table, plain) in &versions {
                prop_assert!(table.iter().eq(plain.iter()));
                prop_assert_eq!(table.len(), plain.len());
                prop_assert!(table.range(100..).eq(plain.range(100..)));
                prop_assert_eq!(table.last_key_value(), plain.last_key_value());
                for (other, _) in &versions {
                    prop_assert_eq!(&apply(other, table), plain);
                }
            }
        }
    }

    #[test]
    fn what_is_shared_is_not_looked_at() {
        let old: Table<u32, u32> = (0..100_000).map(|n| (n, n)).collect();
        let mut new = old.clone();
        new.insert(50_000, 1);
        new.remove(&7);
        new.insert(200_000, 2);
        assert_eq!(new.changes(&old).count(), 3);
        assert_eq!(old.changes(&old.clone()).count(), 0);
    }
}
