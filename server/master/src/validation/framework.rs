//! What a framework may say about itself.

use std::collections::BTreeSet;
use std::time::Duration;

use prost::Message as _;
use wire::mesos::v1::FrameworkInfo;

use crate::config::Config;
use crate::frameworks::Capabilities;

/// Bytes that the description of a framework, or of an agent, may have: its record must fit into the log.
pub(crate) const MAX_BYTES: usize = 900_000;

/// Why a framework cannot subscribe as it describes itself.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidFramework {
    /// More than can be stored.
    #[error("FrameworkInfo has {bytes} bytes, at most {MAX_BYTES} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Both ways of naming roles.
    #[error("'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable")]
    RoleWithMultiRole,
    /// A list of roles from one that does not know lists.
    #[error("'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable")]
    RolesWithoutMultiRole,
    /// A role twice.
    #[error("'FrameworkInfo.roles' has duplicate items: {0}")]
    DuplicateRole(String),
    /// A role that cannot exist.
    #[error("Role '{role}' is invalid: {problem}")]
    Role {
        /// The role.
        role: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A suppressed role that is not one of its own.
    #[error("Suppressed role '{0}' is not contained in the list of roles")]
    Suppressed(String),
    /// A time that is none.
    #[error("The framework failover_timeout ({0}) is invalid")]
    FailoverTimeout(f64),
    /// Root is not wanted.
    #[error("User 'root' is not allowed to run frameworks without --root_submissions set")]
    Root,
    /// An id that cannot be a folder.
    #[error("Framework ID is invalid: {0}")]
    Id(#[from] model::InvalidId),
}

/// Checks a framework's description and the roles it suppresses.
///
/// # Errors
/// With the first thing that is wrong.
pub fn framework(
    info: &FrameworkInfo,
    suppressed: &[String],
    config: &Config,
) -> Result<(), InvalidFramework> {
    let bytes = info.encoded_len();
    if bytes > MAX_BYTES {
        return Err(InvalidFramework::TooLarge { bytes });
    }
    let roles = roles(info)?;
    for role in &roles {
        if let Some(problem) = role_problem(role) {
            return Err(InvalidFramework::Role { role: (*role).to_owned(), problem });
        }
    }
    if let Some(role) = suppressed.iter().find(|role| !roles.contains(role.as_str())) {
        return Err(InvalidFramework::Suppressed(role.clone()));
    }
    if let Some(seconds) = info.failover_timeout
        && Duration::try_from_secs_f64(seconds).is_err()
    {
        return Err(InvalidFramework::FailoverTimeout(seconds));
    }
    if info.user == "root" && !config.root_submissions {
        return Err(InvalidFramework::Root);
    }
    if let Some(id) = info.id.as_ref().filter(|id| !id.value.is_empty()) {
        model::FrameworkId::parse(&id.value)?;
    }
    Ok(())
}

fn roles(info: &FrameworkInfo) -> Result<BTreeSet<&str>, InvalidFramework> {
    if !Capabilities::of(info).multi_role {
        if !info.roles.is_empty() {
            return Err(InvalidFramework::RolesWithoutMultiRole);
        }
        return Ok(BTreeSet::from([info.role.as_deref().unwrap_or("*")]));
    }
    if info.role.is_some() {
        return Err(InvalidFramework::RoleWithMultiRole);
    }
    let mut roles = BTreeSet::new();
    for role in &info.roles {
        if !roles.insert(role.as_str()) {
            return Err(InvalidFramework::DuplicateRole(role.clone()));
        }
    }
    Ok(roles)
}

/// Why a text cannot be a role (mesos.md §6.2).
fn role_problem(role: &str) -> Option<&'static str> {
    if role == "*" {
        return None;
    }
    if role.is_empty() {
        return Some("it is empty");
    }
    if role.chars().any(|c| c.is_whitespace() || c == '\u{8}') {
        return Some("it contains whitespace or a backspace");
    }
    role.split('/').find_map(|part| match part {
        "" => Some("it has an empty component"),
        "." | ".." => Some("it has a component '.' or '..'"),
        "*" => Some("it has a component '*'"),
        part if part.starts_with('-') => Some("it has a component that starts with '-'"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use model::Epoch;
    use wire::mesos::v1::{FrameworkId, MasterInfo, framework_info};

    use super::*;

    fn check(info: &FrameworkInfo, suppressed: &[&str]) -> Result<(), String> {
        let config = Config::new(MasterInfo::default(), Epoch(1));
        let suppressed: Vec<_> = suppressed.iter().map(|role| (*role).to_owned()).collect();
        framework(info, &suppressed, &config).map_err(|problem| problem.to_string())
    }

    fn with_roles(roles: &[&str]) -> FrameworkInfo {
        let r#type = Some(framework_info::capability::Type::MultiRole.into());
        FrameworkInfo {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            capabilities: vec![framework_info::Capability { r#type }],
            ..FrameworkInfo::default()
        }
    }

    #[test]
    fn roles_are_named_in_one_way() {
        assert_eq!(check(&with_roles(&["a", "a/b", "*"]), &["a"]), Ok(()));
        let both = FrameworkInfo { role: Some("a".into()), ..with_roles(&["a"]) };
        assert!(check(&both, &[]).is_err());
        let neither = FrameworkInfo { roles: vec!["a".into()], ..FrameworkInfo::default() };
        assert!(check(&neither, &[]).is_err());
        assert!(check(&with_roles(&["a", "a"]), &[]).unwrap_err().ends_with("items: a"));
    }

    #[test]
    fn a_role_that_is_no_path_is_refused() {
        for bad in ["", "/a", "a/", "a//b", "a/..", ".", "a/*", "-a", "a b", "a\t"] {
            assert!(check(&with_roles(&[bad]), &[]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_own_roles_can_be_suppressed() {
        let problem = check(&with_roles(&["a"]), &["b"]).unwrap_err();
        assert_eq!(problem, "Suppressed role 'b' is not contained in the list of roles");
    }

    #[test]
    fn the_failover_timeout_is_a_time() {
        for bad in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            let info = FrameworkInfo { failover_timeout: Some(bad), ..FrameworkInfo::default() };
            assert!(check(&info, &[]).is_err(), "{bad}");
        }
        let week = FrameworkInfo { failover_timeout: Some(604_800.0), ..FrameworkInfo::default() };
        assert_eq!(check(&week, &[]), Ok(()));
    }

    #[test]
    fn a_description_that_cannot_be_stored_is_refused() {
        let info = FrameworkInfo { name: "x".repeat(MAX_BYTES), ..with_roles(&["a"]) };
        let refusal = check(&info, &[]).unwrap_err();
        assert!(refusal.starts_with("FrameworkInfo has 9000"), "{refusal}");
    }

    #[test]
    fn an_id_that_could_leave_its_folder_is_refused() {
        let id = Some(FrameworkId { value: "../x".into() });
        assert!(check(&FrameworkInfo { id, ..FrameworkInfo::default() }, &[]).is_err());
    }
}
