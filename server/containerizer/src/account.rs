//! Users of this machine: those of its own files, and those that a directory service knows.
//!
//! A program without the C library's plug-ins cannot ask a directory itself. The system's own `getent` and `id` can: they are asked for
//! names that the files do not have, for a bounded time and with a bounded answer.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

/// How long the system may take to find a user.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much it may have to say; a user of ten thousand groups fits.
const MOST_BYTES: u64 = 128 << 10;

/// A user's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: u32,
    /// Its first group.
    pub group: u32,
    /// All groups, the first one included; the first one alone where nobody has asked for more.
    pub groups: Vec<u32>,
}

/// Finds a user by name, or by number: in `/etc/passwd`, and then where the system says.
///
/// # Errors
/// When the file cannot be read, or the system does not answer.
pub async fn find(name: &str) -> io::Result<Option<Account>> {
    let users = tokio::fs::read_to_string("/etc/passwd").await?;
    if let Some((user, group)) = numbers(&users, name) {
        return Ok(Some(Account { user, group, groups: vec![group] }));
    }
    let Some((user, group)) = ask("getent", &["passwd", "--", name]).await?.and_then(|users| {
        // A directory may spell the name in another way, so its only line counts.
        let line = users.lines().next()?;
        numbers(line, line.split(':').next()?)
    }) else {
        return Ok(None);
    };
    let groups = ask("id", &["-G", "--", name]).await?.unwrap_or_default();
    let mut all = vec![group];
    for other in groups.split_ascii_whitespace().filter_map(|number| number.parse().ok()) {
        if !all.contains(&other) {
            all.push(other);
        }
    }
    Ok(Some(Account { user, group, groups: all }))
}

/// Whether the machine's own files have the user.
pub(crate) fn is_local(users: &str, name: &str) -> bool {
    users.lines().any(|line| line.split(':').next() == Some(name))
}

/// User and group of a name, or of a number, in the text of a password file.
fn numbers(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let (user, group) = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
        (fields[0] == name || fields[2] == name).then_some((user, group))
    })
}

/// What a program of the system says; `None` when it has found nothing, or is not there.
async fn ask(program: &str, arguments: &[&str]) -> io::Result<Option<String>> {
    let failed = |error: io::Error| {
        io::Error::new(error.kind(), format!("could not ask `{program}` for a user: {error}"))
    };
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut said = String::new();
    let answered = async {
        if let Some(output) = child.stdout.take() {
            output.take(MOST_BYTES).read_to_string(&mut said).await?;
        }
        child.wait().await
    };
    match timeout(PATIENCE, answered).await {
        Ok(Ok(status)) => Ok(status.success().then_some(said)),
        Ok(Err(error)) => Err(failed(error)),
        Err(_elapsed) => {
            let text = format!("no answer within {} s", PATIENCE.as_secs());
            Err(failed(io::Error::new(io::ErrorKind::TimedOut, text)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_or_number() {
        let users = "root:x:0:0::/root:/bin/sh\nweb:x:33:34:a b:/:/bin/false\nbroken\n";
        assert_eq!(numbers(users, "web"), Some((33, 34)));
        assert_eq!(numbers(users, "33"), Some((33, 34)));
        assert_eq!(numbers(users, "nobody"), None);
        assert!(is_local(users, "web") && !is_local(users, "33"));
    }

    #[tokio::test]
    async fn a_user_of_the_files_is_found_and_one_of_nowhere_is_not() {
        let root = find("root").await.unwrap().unwrap();
        assert_eq!((root.user, root.group), (0, 0));
        assert_eq!(find("no-such-user").await.unwrap(), None);
        assert_eq!(find("--help").await.unwrap(), None, "a name is never an option");
    }

    #[tokio::test]
    async fn the_system_is_asked_and_may_say_nothing() {
        let said = ask("getent", &["passwd", "--", "root"]).await.unwrap();
        assert!(said.is_some_and(|said| said.starts_with("root:")), "getent comes with the system");
        assert_eq!(ask("getent", &["passwd", "--", "no-such-user"]).await.unwrap(), None);
        assert_eq!(ask("no-such-program", &[]).await.unwrap(), None);
    }
}
