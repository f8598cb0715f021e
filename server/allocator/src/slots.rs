//! Things by small numbers, so that what is touched all the time needs no search by name.
//!
//! A number is free for another thing once its own has been removed: whoever keeps numbers forgets them then.

/// Things by number; the numbers of removed ones are given again.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    things: Vec<Option<T>>,
    vacant: Vec<usize>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { things: Vec::new(), vacant: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Puts a thing where there is room and returns its number.
    pub(crate) fn insert(&mut self, thing: T) -> usize {
        if let Some(slot) = self.vacant.pop() {
            self.things[slot] = Some(thing);
            return slot;
        }
        self.things.push(Some(thing));
        self.things.len() - 1
    }

    /// Takes a thing out; its number may be given to another from now on.
    pub(crate) fn remove(&mut self, slot: usize) -> Option<T> {
        let thing = self.things.get_mut(slot)?.take()?;
        self.vacant.push(slot);
        Some(thing)
    }

    pub(crate) fn get(&self, slot: usize) -> Option<&T> {
        self.things.get(slot)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut T> {
        self.things.get_mut(slot)?.as_mut()
    }

    /// All things with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.things.iter().enumerate().filter_map(|(slot, thing)| Some((slot, thing.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_removed_thing_is_given_again() {
        let mut slots = Slots::default();
        let (a, b) = (slots.insert('a'), slots.insert('b'));
        assert_eq!((slots.remove(a), slots.remove(a), slots.get(a)), (Some('a'), None, None));
        assert_eq!(slots.insert('c'), a);
        assert_eq!(slots.iter().collect::<Vec<_>>(), [(a, &'c'), (b, &'b')]);
    }
}
