//! A search through a whole file, one answer of the agent at a time. Pure.
//!
//! It goes from where the reader looks to one end of the file, and then from the other end back to there. Each answer brings it nearer to
//! its end, whatever becomes of the file meanwhile.

use wire::console::Found;

/// What comes after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The next question, from [`Hunt::at`] on.
    Ask,
    /// The byte at which the nearest match begins.
    Found(u64),
    /// The whole file has no match.
    Nothing,
    /// The file is another one than the one that was looked at.
    BegunAnew,
}

/// A search that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hunt {
    is_back: bool,
    from: u64,
    at: u64,
    size: u64,
    has_turned: bool,
}

impl Hunt {
    /// Looks for matches that begin at `from` or behind; in front of it when going back. `size` is the file's.
    pub(super) fn new(from: u64, is_back: bool, size: u64) -> Self {
        let from = from.min(size);
        Self { is_back, from, at: from, size, has_turned: false }
    }

    /// Where the next question begins.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Towards the file's beginning.
    pub(super) fn is_back(&self) -> bool {
        self.is_back
    }

    /// Whether it has come to an end of the file and gone on from the other one.
    pub(super) fn has_turned(&self) -> bool {
        self.has_turned
    }

    /// How much of the file has been searched.
    pub(super) fn percent(&self) -> u8 {
        let done = match (self.is_back, self.has_turned) {
            (false, false) => self.at - self.from,
            (false, true) => self.size - self.from + self.at,
            (true, false) => self.from - self.at,
            (true, true) => self.from + (self.size - self.at),
        };
        let percent = (u128::from(done) * 100).checked_div(u128::from(self.size));
        percent
            .and_then(|percent| u8::try_from(percent).ok())
            .map_or(100, |percent| percent.min(100))
    }

    /// Takes an answer to the question from [`Self::at`] on.
    pub(super) fn take(&mut self, answer: Found) -> Step {
        if answer.size < self.size {
            return Step::BegunAnew;
        }
        if let Some(found) = answer.found {
            return if self.has_turned && self.is_past(found) {
                Step::Nothing
            } else {
                Step::Found(found)
            };
        }
        // What was written since the search began is not its affair: a file may grow faster than it is searched.
        let is_onward = |next: &u64| {
            if self.is_back { *next < self.at } else { *next > self.at && *next < self.size }
        };
        match answer.next.filter(is_onward) {
            Some(next) if self.has_turned && self.is_past(next) => Step::Nothing,
            Some(next) => {
                self.at = next;
                Step::Ask
            }
            None => self.turn(),
        }
    }

    /// Whether a place after the turn has been searched before it.
    fn is_past(&self, place: u64) -> bool {
        if self.is_back { place < self.from } else { place >= self.from }
    }

    fn turn(&mut self) -> Step {
        let other_end = if self.is_back { self.size } else { 0 };
        if self.has_turned || other_end == self.from {
            return Step::Nothing;
        }
        (self.has_turned, self.at) = (true, other_end);
        Step::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked of a file with these matches until the end, when an answer covers `piece` bytes.
    fn run(mut hunt: Hunt, matches: &[u64], size: u64, piece: u64) -> (Vec<u64>, Step) {
        let mut asked = Vec::new();
        loop {
            let at = hunt.at();
            asked.push(at);
            let (found, next) = if hunt.is_back() {
                let begin = at.saturating_sub(piece);
                let found = matches.iter().copied().rfind(|place| (begin..at).contains(place));
                (found, (begin > 0).then_some(begin))
            } else {
                let end = (at + piece).min(size);
                let found = matches.iter().copied().find(|place| (at..end).contains(place));
                (found, (end < size).then_some(end))
            };
            let next = next.filter(|_| found.is_none());
            assert!(hunt.percent() <= 100);
            match hunt.take(Found { found, next, size }) {
                Step::Ask => {}
                step => return (asked, step),
            }
        }
    }

    #[test]
    fn the_nearest_match_is_found_either_way_and_round_the_ends() {
        let matches = [10, 40, 90];
        for (from, is_back, wanted) in [
            (0, false, 10),
            (11, false, 40),
            (90, false, 90),
            (91, false, 10),
            (100, true, 90),
            (90, true, 40),
            (10, true, 90),
            (0, true, 90),
        ] {
            for piece in [1, 7, 1_000] {
                let (_, step) = run(Hunt::new(from, is_back, 100), &matches, 100, piece);
                assert_eq!(step, Step::Found(wanted), "{from} {is_back} {piece}");
            }
        }
    }

    #[test]
    fn the_only_match_is_found_again_from_behind_it() {
        assert_eq!(run(Hunt::new(51, false, 100), &[50], 100, 30).1, Step::Found(50));
        assert_eq!(run(Hunt::new(50, true, 100), &[50], 100, 30).1, Step::Found(50));
    }

    #[test]
    fn a_file_without_a_match_is_searched_once() {
        let (asked, step) = run(Hunt::new(50, false, 100), &[], 100, 30);
        assert_eq!((asked, step), (vec![50, 80, 0, 30], Step::Nothing));
        let (asked, step) = run(Hunt::new(50, true, 100), &[], 100, 30);
        assert_eq!((asked, step), (vec![50, 20, 100, 70], Step::Nothing));
        for (from, is_back) in [(0, false), (100, true)] {
            assert_eq!(run(Hunt::new(from, is_back, 100), &[], 100, 1_000).0, [from]);
        }
        assert_eq!(run(Hunt::new(0, false, 0), &[], 0, 10), (vec![0], Step::Nothing));
    }

    #[test]
    fn a_match_that_was_passed_before_the_turn_ends_the_search() {
        // It was written after the search had passed.
        let mut hunt = Hunt::new(50, false, 100);
        let none = Found { found: None, next: None, size: 100 };
        assert_eq!(hunt.take(none), Step::Ask);
        assert!(hunt.has_turned());
        assert_eq!(hunt.take(Found { found: Some(60), ..none }), Step::Nothing);
    }

    #[test]
    fn it_tells_how_far_it_is() {
        let mut hunt = Hunt::new(50, true, 200);
        let on = |next| Found { found: None, next, size: 200 };
        assert_eq!(hunt.percent(), 0);
        hunt.take(on(Some(10)));
        assert_eq!(hunt.percent(), 20);
        hunt.take(on(None));
        assert_eq!(hunt.percent(), 25);
        hunt.take(on(Some(100)));
        assert_eq!(hunt.percent(), 75);
        assert_eq!(Hunt::new(0, false, 0).percent(), 100);
    }

    #[test]
    fn it_ends_whatever_becomes_of_the_file() {
        // Begun anew, or cut off.
        let mut hunt = Hunt::new(50, false, 100);
        assert_eq!(hunt.take(Found { found: Some(7), next: None, size: 99 }), Step::BegunAnew);
        // An answer that leads nowhere.
        for is_back in [false, true] {
            let mut hunt = Hunt::new(50, is_back, 100);
            let stuck = Found { found: None, next: Some(50), size: 100 };
            let steps: Vec<_> = (0..3).map(|_| hunt.take(stuck)).collect();
            assert_eq!((steps[0], steps[2]), (Step::Ask, Step::Nothing), "{is_back}");
        }
        // One that grows as fast as it is searched.
        let (mut hunt, mut size) = (Hunt::new(50, false, 100), 100);
        let mut questions = 0;
        loop {
            size += 1_000;
            questions += 1;
            let next = Some(hunt.at() + 30);
            if hunt.take(Found { found: None, next, size }) == Step::Nothing {
                break;
            }
        }
        assert_eq!(questions, 4);
    }
}
