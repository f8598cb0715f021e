//! When, by whom and from which commit this program was built; `/version`, `/state` and the cluster console show it.

use model::Timestamp;
use wire::mesos::v0::Version;

/// The version of Mesos that clients compare; our own stands in the `Server` header (design D12).
pub(crate) const MESOS_VERSION: &str = "1.11.0";

/// Milliseconds since 1970 began; the build script writes the number.
const BUILT_MS: &str = env!("EKIDEN_BUILT_MS");
/// The account that built it; empty where the build had no name for it.
const BUILT_BY: &str = env!("EKIDEN_BUILT_BY");
/// The commit; empty where the build was not told.
const GIT_SHA: &str = env!("EKIDEN_GIT_SHA");

/// Where a program comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Build {
    /// The moment of the build.
    pub(crate) at: Timestamp,
    /// The account's name.
    pub(crate) by: Option<String>,
    /// The commit.
    pub(crate) git_sha: Option<String>,
}

impl Build {
    /// The build of this very program.
    pub(crate) fn this() -> Self {
        let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Self {
            at: Timestamp::from_millis(BUILT_MS.parse().unwrap_or(0)),
            by: known(BUILT_BY),
            git_sha: known(GIT_SHA),
        }
    }

    /// `2023-11-14 00:00:00`, as `/version` writes it.
    pub(crate) fn date(&self) -> String {
        let mut date = self.at.to_rfc3339_millis().replace('T', " ");
        date.truncate("2023-11-14 00:00:00".len());
        date
    }

    /// What the classic endpoints of master and agents say about their build.
    pub(crate) fn classic(&self) -> Version {
        Version {
            version: MESOS_VERSION.to_owned(),
            git_sha: self.git_sha.clone(),
            git_branch: None,
            git_tag: Some(MESOS_VERSION.to_owned()),
            build_date: self.date(),
            build_time: self.at.as_secs_f64(),
            build_user: self.by.clone().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_script_has_told_the_moment() {
        assert!(Build::this().at > Timestamp::from_millis(1_760_000_000_000), "{BUILT_MS}");
    }

    #[test]
    fn a_commit_is_a_whole_hash_or_unknown() {
        let is_hash = |sha: &String| sha.len() == 40 && sha.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(Build::this().git_sha.as_ref().is_none_or(is_hash), "{GIT_SHA}");
    }

    #[test]
    fn the_date_is_written_as_the_original_writes_it() {
        let at = Timestamp::from_millis(1_700_000_000_999);
        assert_eq!(Build { at, ..Build::default() }.date(), "2023-11-14 22:13:20");
    }
}
