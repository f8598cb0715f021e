//! A hash map that cannot be iterated, for hot look-ups in pure code.
//!
//! Iteration order of a hash map differs between runs, which would make a core's effects differ;
//! without iteration the difference cannot be seen.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;

use foldhash::fast::FixedState;

// tidy: the one hash map of the pure crates, hidden behind a type that cannot be iterated.
type Inner<K, V> = std::collections::HashMap<K, V, FixedState>;

/// A map with constant-time access and no iteration.
#[derive(Clone)]
pub struct Index<K, V>(Inner<K, V>);

impl<K: Eq + Hash, V> Index<K, V> {
    /// An empty index.
    pub fn new() -> Self {
        Self(Inner::with_hasher(FixedState::default()))
    }

    /// Stores `value` and returns what stood there before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// What stands under `key`.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    /// What stands under `key`, to be changed.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.0.get_mut(key)
    }

    /// Takes out what stands under `key`.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.0.remove(key)
    }

    /// Whether something stands under `key`.
    pub fn contains_key<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Eq + Hash, V> Default for Index<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Eq + Hash, V> fmt::Debug for Index<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} entries)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_found_until_removed() {
        let mut index: Index<String, u32> = Index::new();
        assert_eq!(index.insert("a".to_owned(), 1), None);
        assert_eq!(index.insert("a".to_owned(), 2), Some(1));
        assert_eq!(index.get("a"), Some(&2));
        assert_eq!(index.remove("a"), Some(2));
        assert!(index.is_empty() && !index.contains_key("a"));
    }
}
