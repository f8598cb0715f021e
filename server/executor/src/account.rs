//! A user's numbers, from the two files that every system has.
//!
//! Users of directory services are not in them; asking those takes the C library's plug-ins, which a small static program cannot load.
//! The agent has them asked and brings the numbers.

use std::fs;

use executor::Spec;

/// Whom a task runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: u32,
    pub(crate) group: u32,
    /// All groups, the first one included.
    pub(crate) groups: Vec<u32>,
}

impl Account {
    /// The one that a task runs as.
    pub(crate) fn of(spec: &Spec) -> Result<Option<Self>, String> {
        if let Some((user, group, groups)) = spec.account.clone() {
            return Ok(Some(Self { user, group, groups }));
        }
        spec.user.as_deref().map(Self::find).transpose()
    }

    /// Looks a user up by name.
    fn find(name: &str) -> Result<Self, String> {
        let read = |path| {
            fs::read_to_string(path).map_err(|error| format!("could not read {path}: {error}"))
        };
        Self::among(name, &read("/etc/passwd")?, &read("/etc/group")?)
            .ok_or_else(|| format!("no user `{name}` in /etc/passwd"))
    }

    fn among(name: &str, users: &str, groups: &str) -> Option<Self> {
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let found = users.lines().map(fields).find(|fields| fields[0] == name)?;
        let (user, group) = (found.get(2)?.parse().ok()?, found.get(3)?.parse().ok()?);
        let mut all = vec![group];
        for fields in groups.lines().map(fields) {
            let is_member =
                fields.get(3).is_some_and(|members| members.split(',').any(|it| it == name));
            let number = fields.get(2).and_then(|number| number.parse().ok());
            all.extend(number.filter(|number| is_member && !all.contains(number)));
        }
        Some(Self { user, group, groups: all })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_all_groups_that_name_it() {
        let users = "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1001:Ann,,,:/srv/ann:/bin/sh\n";
        let groups =
            "ann:x:1001:\nadm:x:4:joe,ann\nroot:x:0:\nannes:x:7:annes\nstaff:x:50:ann\nbroken\n";
        let ann = Account { user: 1_000, group: 1_001, groups: vec![1_001, 4, 50] };
        assert_eq!(Account::among("ann", users, groups), Some(ann));
        assert_eq!(Account::among("an", users, groups), None);
        assert_eq!(Account::among("", users, groups), None);
    }

    #[test]
    fn a_user_that_does_not_exist_is_named() {
        let error = Account::find("no-such-user").unwrap_err();
        assert_eq!(error, "no user `no-such-user` in /etc/passwd");
    }
}
