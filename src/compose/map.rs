//! A mapping in the order it was written. A project has ten thousands of them, nearly all with a few
//! keys: those are looked through, and only one with many keys has an index.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;
use thin_vec::ThinVec;

use super::node::{Entry, Text};

/// Most keys that are looked through one by one.
const FEW: usize = 16;

/// Unique keys with their values.
#[derive(Debug, Clone, Default)]
pub struct Map {
    entries: ThinVec<(Text, Entry)>,
    /// Where each key is, once there are more than [`FEW`].
    index: Option<Box<Index>>,
}

/// Places by the hash of the key, which whoever wrote the file must not be able to foresee.
#[derive(Debug, Clone, Default)]
struct Index {
    places: HashTable<u32>,
    state: RandomState,
}

impl Map {
    /// Without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one entry.
    pub fn of(key: &str, entry: Entry) -> Self {
        Self::from_iter([(key, entry)])
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn place(&self, key: &str) -> Option<usize> {
        let Some(index) = &self.index else {
            return self.entries.iter().position(|(known, _)| known == key);
        };
        let same = |place: &u32| {
            let known = self.entries.get(*place as usize);
            known.is_some_and(|(known, _)| known == key)
        };
        let place = index.places.find(index.state.hash_one(key), same)?;
        Some(*place as usize)
    }

    /// The entry of `key`.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        let place = self.place(key)?;
        self.entries.get(place).map(|(_, entry)| entry)
    }

    /// The entry of `key`.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        let place = self.place(key)?;
        self.entries.get_mut(place).map(|(_, entry)| entry)
    }

    /// Whether there is an entry of `key`.
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_some()
    }

    /// Sets the entry of `key`, at the end when it is new, and returns the one it replaces.
    pub fn insert(&mut self, key: impl Into<Text>, entry: Entry) -> Option<Entry> {
        let key = key.into();
        if let Some(known) = self.get_mut(&key) {
            return Some(std::mem::replace(known, entry));
        }
        self.push(key, entry);
        None
    }

    /// The entry of `key`, which is what `made` makes when there is none.
    pub fn or_insert_with(
        &mut self,
        key: impl Into<Text>,
        made: impl FnOnce() -> Entry,
    ) -> &mut Entry {
        let key = key.into();
        let place = match self.place(&key) {
            Some(place) => place,
            None => self.push(key, made()),
        };
        &mut self.entries[place].1
    }

    /// Adds a key that is not there, and says where.
    fn push(&mut self, key: Text, entry: Entry) -> usize {
        let place = self.entries.len();
        if place == self.entries.capacity() {
            // In small steps: most mappings get one or two keys after they were read.
            self.entries.reserve_exact(1 + place / 4);
        }
        self.entries.push((key, entry));
        if self.index.is_none() && place >= FEW {
            self.index = Some(Box::default());
            self.indexed_from(0);
        } else {
            self.indexed_from(place);
        }
        place
    }

    /// Puts the entries from `first` on into the index.
    fn indexed_from(&mut self, first: usize) {
        let Some(index) = &mut self.index else { return };
        let Index { places, state } = &mut **index;
        let entries = &self.entries;
        for (place, (key, _)) in entries.iter().enumerate().skip(first) {
            let rehash = |place: &u32| {
                let known = entries.get(*place as usize);
                known.map_or(0, |(known, _)| state.hash_one(known.as_str()))
            };
            // No file is big enough for more entries than that.
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            places.insert_unique(state.hash_one(key.as_str()), place, rehash);
        }
    }

    /// Makes the index anew after entries moved.
    fn reindex(&mut self) {
        let Some(index) = &mut self.index else { return };
        index.places.clear();
        if self.entries.len() > FEW {
            self.indexed_from(0);
        } else {
            self.index = None;
        }
    }

    /// Takes out the entry of `key`; the others keep their order.
    pub fn shift_remove(&mut self, key: &str) -> Option<Entry> {
        let place = self.place(key)?;
        let (_, entry) = self.entries.remove(place);
        self.reindex();
        Some(entry)
    }

    /// Keeps the entries that `keep` is true for.
    pub fn retain(&mut self, mut keep: impl FnMut(&Text, &mut Entry) -> bool) {
        let before = self.entries.len();
        self.entries.retain_mut(|(key, entry)| keep(key, entry));
        if self.entries.len() < before {
            self.reindex();
        }
    }

    /// Gives back memory that was kept for further entries.
    pub fn shrink_to_fit(&mut self) {
        self.entries.shrink_to_fit();
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Text> + DoubleEndedIterator {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The entries in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Entry> + DoubleEndedIterator {
        self.entries.iter().map(|(_, entry)| entry)
    }

    /// The entries in order.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Entry> {
        self.entries.iter_mut().map(|(_, entry)| entry)
    }

    /// Keys and entries in order.
    pub fn iter(&self) -> Iter<'_> {
        self.entries.iter().map(|(key, entry)| (key, entry))
    }

    /// Keys and entries in order.
    pub fn iter_mut(&mut self) -> IterMut<'_> {
        self.entries.iter_mut().map(|(key, entry)| (&*key, entry))
    }
}

/// Over a borrowed mapping.
type Iter<'a> =
    std::iter::Map<std::slice::Iter<'a, (Text, Entry)>, fn(&'a (Text, Entry)) -> Pair<'a>>;
type Pair<'a> = (&'a Text, &'a Entry);

/// Over a mapping whose entries may change.
type IterMut<'a> = std::iter::Map<
    std::slice::IterMut<'a, (Text, Entry)>,
    fn(&'a mut (Text, Entry)) -> PairMut<'a>,
>;
type PairMut<'a> = (&'a Text, &'a mut Entry);

impl<K: Into<Text>> FromIterator<(K, Entry)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Entry)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut map = Self::new();
        map.entries.reserve_exact(entries.size_hint().0);
        map.extend(entries);
        map
    }
}

impl<K: Into<Text>> Extend<(K, Entry)> for Map {
    fn extend<I: IntoIterator<Item = (K, Entry)>>(&mut self, entries: I) {
        for (key, entry) in entries {
            self.insert(key, entry);
        }
    }
}

impl IntoIterator for Map {
    type Item = (Text, Entry);
    type IntoIter = thin_vec::IntoIter<(Text, Entry)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = Pair<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Map {
    type Item = PairMut<'a>;
    type IntoIter = IterMut<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::node::{Node, Value};
    use crate::compose::source::Span;

    fn entry(number: i64) -> Entry {
        Entry::made(Node::new(Value::Int(number), Span::NOWHERE))
    }

    fn numbered(count: i64) -> Map {
        (0..count).map(|n| (n.to_string(), entry(n))).collect()
    }

    fn keys(map: &Map) -> Vec<&str> {
        map.keys().map(Text::as_str).collect()
    }

    #[test]
    fn few_and_many_keys_are_found_alike() {
        for count in [0, 1, 16, 17, 1000] {
            let map = numbered(count);
            assert_eq!(map.len(), usize::try_from(count).unwrap());
            assert_eq!(map.index.is_some(), count > 16, "{count}");
            for n in 0..count {
                assert_eq!(map.get(&n.to_string()).unwrap().node, entry(n).node);
            }
            assert!(!map.contains_key("-1"));
        }
    }

    #[test]
    fn a_key_that_is_there_keeps_its_place() {
        let mut map = numbered(3);
        assert_eq!(map.insert("1", entry(7)).unwrap().node, entry(1).node);
        assert_eq!(map.or_insert_with("1", || entry(8)).node, entry(7).node);
        assert!(map.insert("x", entry(9)).is_none());
        assert_eq!(keys(&map), ["0", "1", "2", "x"]);
    }

    #[test]
    fn what_is_left_is_found_where_it_moved() {
        let mut map = numbered(40);
        assert!(map.shift_remove("0").is_some());
        assert!(map.shift_remove("0").is_none());
        map.retain(|key, _| key.len() == 2);
        assert_eq!((map.len(), map.index.is_some()), (30, true));
        assert_eq!(map.get("39").unwrap().node, entry(39).node);
        assert!(!map.contains_key("9"));
        map.retain(|key, _| key.starts_with('3'));
        assert_eq!((map.len(), map.index.is_some()), (10, false));
        assert!(map.insert("3", entry(3)).is_none());
        assert_eq!(keys(&map)[9..], ["39", "3"]);
    }
}
