//! `/files/search`: where the next match is in a file, or the one before. Ours.
//!
//! `text`, `offset` and `back=true` say what is searched for, from where and which way; see `wire::console::search` for what matches. One
//! answer searches for a moment only, and says where to go on: whoever asks can show how far it is, and can stop.

use std::fs::File;
use std::io::{ErrorKind, Result as IoResult};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use wire::console::Found;
use wire::console::search::{Needle, Search};

use super::{Refusal, number, open, refused};
use crate::agent::http::{Api, Query};

/// The most that one answer searches.
const MOST: u64 = 32 << 20;
/// The longest that it searches, but for one piece more.
const LONGEST: Duration = Duration::from_millis(300);
/// How long a search waits for its turn.
const TURN: Duration = Duration::from_secs(4);

/// Searches a part of the file.
pub(super) async fn piece(api: &Api, query: &Query) -> Result<Found, Refusal> {
    let search = asked(query)?;
    let turn = timeout(TURN, Arc::clone(&api.shared.searching).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return Err(Refusal::Busy("Too many files are being searched; try again.".to_owned()));
    };
    let (file, size) = open(api, query, "Cannot search a directory.").await?;
    let file = file.into_std().await;
    let done = tokio::task::spawn_blocking(move || {
        // Held until the work ends, whether or not anybody waits for it still.
        let _turn = turn;
        let end = Instant::now() + LONGEST;
        let may_go_on = |searched| searched < MOST && Instant::now() < end;
        search.run(size, |at, buffer| read(&file, at, buffer), may_go_on)
    });
    let found = done.await.map_err(|error| Refusal::Broken(error.to_string()))?;
    found.map_err(|error| refused(query.get("path").unwrap_or_default(), &error))
}

/// What a request searches for.
fn asked(query: &Query) -> Result<Search, Refusal> {
    let needle = Needle::of(query.get("text").unwrap_or_default())
        .map_err(|problem| Refusal::Invalid(format!("Cannot search: {problem}.")))?;
    let offset = number(query, "offset")?.unwrap_or(0);
    let offset = u64::try_from(offset)
        .map_err(|_| Refusal::Invalid(format!("Negative offset provided: {offset}.")))?;
    let is_back = match query.get("back") {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            let problem = format!("'back' is '{other}', but must be true or false.");
            return Err(Refusal::Invalid(problem));
        }
    };
    Ok(Search { needle, offset, is_back })
}

/// Fills the buffer as far as the file goes.
fn read(file: &File, at: u64, buffer: &mut [u8]) -> IoResult<usize> {
    let mut had = 0;
    while had < buffer.len() {
        match file.read_at(&mut buffer[had..], at + had as u64) {
            Ok(0) => break,
            Ok(more) => had += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(had)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_request_says_what_is_searched_and_which_way() {
        let of = |text: &str| asked(&Query::of(text));
        let search = of("text=%E6%97%A5+x&offset=7&back=true").unwrap();
        assert_eq!((search.needle, search.offset), (Needle::of("日 x").unwrap(), 7));
        assert!(search.is_back);
        assert!(!of("text=x").unwrap().is_back);
        for (query, problem) in [
            ("", "Cannot search: there is nothing to search for."),
            ("text=x&offset=-1", "Negative offset provided: -1."),
            ("text=x&offset=y", "Failed to parse offset: 'y'."),
            ("text=x&back=1", "'back' is '1', but must be true or false."),
        ] {
            assert_eq!(of(query).unwrap_err(), Refusal::Invalid(problem.to_owned()), "{query}");
        }
    }

    #[test]
    fn a_file_is_read_as_far_as_it_goes() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "0123456789").unwrap();
        let file = File::open(&path).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(read(&file, 4, &mut buffer).unwrap(), 6);
        assert_eq!(&buffer[..6], b"456789");
        assert_eq!(read(&file, 10, &mut buffer).unwrap(), 0);
    }
}
