//! What the executor is to run.

use std::path::PathBuf;

use crate::pairs::{Malformed, Pairs};

/// One task, with everything already decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spec {
    /// The program, looked for along the task's own `PATH` when it has no slash.
    pub program: String,
    /// Its arguments; the first is the name that it is given.
    pub arguments: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// Its working directory, which holds `stdout` and `stderr` too.
    pub sandbox: PathBuf,
    /// The user to run as; the executor's own when absent.
    pub user: Option<String>,
    /// The numbers of a user that is not in the machine's own files: itself, its first group, and all its groups.
    pub account: Option<(u32, u32, Vec<u32>)>,
    /// Limits of its processes.
    pub limits: Vec<Limit>,
    /// Folders of the cgroups that its processes belong to.
    pub cgroups: Vec<PathBuf>,
    /// The one among them that bounds the memory.
    pub memory: Option<MemoryCgroup>,
    /// The one among them that bounds the number of processes.
    pub pids: Option<PathBuf>,
    /// What of the host it sees in other places.
    pub volumes: Vec<Volume>,
    /// How soon the kernel is to end it for want of memory; as it is when absent.
    pub oom_score_adj: Option<i32>,
}

/// A limit of the kind that setrlimit(2) sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The kind, in the words of Mesos without their beginning: `NOFILE`, `CORE` …
    pub name: String,
    /// The limit that counts; none is no limit.
    pub soft: Option<u64>,
    /// What the process itself may raise it to.
    pub hard: Option<u64>,
}

/// A path that the task sees in another place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Volume {
    /// Where it is; relative to the sandbox, or absolute.
    pub source: PathBuf,
    /// Where it is seen; relative to the sandbox, or absolute.
    pub target: PathBuf,
    /// Whether the task may write there.
    pub is_writable: bool,
}

/// A cgroup that bounds memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemoryCgroup {
    /// In a hierarchy of version 1.
    V1(PathBuf),
    /// In the unified hierarchy.
    V2(PathBuf),
}

impl Spec {
    /// The bytes for a file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut pairs = Pairs::default();
        pairs.push("program", &self.program);
        for argument in &self.arguments {
            pairs.push("argument", argument);
        }
        for (name, value) in &self.environment {
            pairs.push("variable", format!("{name}={value}"));
        }
        pairs.push("sandbox", self.sandbox.display());
        if let Some(user) = &self.user {
            pairs.push("user", user);
        }
        if let Some((user, group, groups)) = &self.account {
            let all = [user, group].into_iter().chain(groups).map(u32::to_string);
            pairs.push("account", all.collect::<Vec<_>>().join(" "));
        }
        for Limit { name, soft, hard } in &self.limits {
            let number = |limit: &Option<u64>| limit.map_or("-".to_owned(), |it| it.to_string());
            pairs.push("limit", format!("{name} {} {}", number(soft), number(hard)));
        }
        for cgroup in &self.cgroups {
            pairs.push("cgroup", cgroup.display());
        }
        match &self.memory {
            Some(MemoryCgroup::V1(path)) => pairs.push("memory_v1", path.display()),
            Some(MemoryCgroup::V2(path)) => pairs.push("memory_v2", path.display()),
            None => {}
        }
        if let Some(path) = &self.pids {
            pairs.push("pids", path.display());
        }
        for Volume { source, target, is_writable } in &self.volumes {
            pairs.push("volume", source.display());
            pairs.push("volume_target", target.display());
            pairs.push("volume_writable", is_writable);
        }
        if let Some(score) = self.oom_score_adj {
            pairs.push("oom_score_adj", score);
        }
        pairs.to_bytes()
    }

    /// Reads what [`Spec::to_bytes`] of this version or an earlier one wrote.
    ///
    /// # Errors
    /// When the bytes are something else; a name that is not known is refused, since it would change how the task runs.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut spec = Self::default();
        for (name, value) in Pairs::from_bytes(bytes)?.iter() {
            match name {
                "program" => spec.program = value.to_owned(),
                "argument" => spec.arguments.push(value.to_owned()),
                "variable" => {
                    let (name, value) = value
                        .split_once('=')
                        .ok_or_else(|| Malformed(format!("`{value}` is no variable")))?;
                    spec.environment.push((name.to_owned(), value.to_owned()));
                }
                "sandbox" => spec.sandbox = PathBuf::from(value),
                "user" => spec.user = Some(value.to_owned()),
                "account" => spec.account = Some(account(value)?),
                "limit" => spec.limits.push(limit(value)?),
                "cgroup" => spec.cgroups.push(PathBuf::from(value)),
                "memory_v1" => spec.memory = Some(MemoryCgroup::V1(PathBuf::from(value))),
                "memory_v2" => spec.memory = Some(MemoryCgroup::V2(PathBuf::from(value))),
                "pids" => spec.pids = Some(PathBuf::from(value)),
                "volume" => {
                    spec.volumes.push(Volume { source: PathBuf::from(value), ..Volume::default() });
                }
                "volume_target" | "volume_writable" => {
                    let volume = spec.volumes.last_mut();
                    let volume = volume.ok_or_else(|| Malformed("no volume".to_owned()))?;
                    match name {
                        "volume_target" => volume.target = PathBuf::from(value),
                        _ => volume.is_writable = value == "true",
                    }
                }
                "oom_score_adj" => {
                    let score = value.parse().map_err(|_| Malformed(format!("score `{value}`")))?;
                    spec.oom_score_adj = Some(score);
                }
                other => return Err(Malformed(format!("`{other}` is not known"))),
            }
        }
        Ok(spec)
    }
}

fn account(text: &str) -> Result<(u32, u32, Vec<u32>), Malformed> {
    let malformed = || Malformed(format!("`{text}` are no numbers of a user"));
    let numbers = text.split(' ').map(str::parse).collect::<Result<Vec<u32>, _>>();
    match numbers.map_err(|_| malformed())?.as_slice() {
        [user, group, groups @ ..] => Ok((*user, *group, groups.to_vec())),
        _ => Err(malformed()),
    }
}

fn limit(text: &str) -> Result<Limit, Malformed> {
    let malformed = || Malformed(format!("`{text}` is no limit"));
    let parts: Vec<&str> = text.split(' ').collect();
    let [name, soft, hard] = parts.as_slice() else {
        return Err(malformed());
    };
    let number = |part: &str| match part {
        "-" => Ok(None),
        number => number.parse().map(Some).map_err(|_| malformed()),
    };
    Ok(Limit { name: (*name).to_owned(), soft: number(soft)?, hard: number(hard)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_is_read_as_it_was_written() {
        let spec = Spec {
            program: "/bin/sh".to_owned(),
            arguments: vec!["sh".to_owned(), "-c".to_owned(), "echo 'a\nb' =".to_owned()],
            environment: vec![("A".to_owned(), "b=c\nd".to_owned()), ("E".into(), String::new())],
            sandbox: PathBuf::from("/srv/a b"),
            user: Some("nobody".to_owned()),
            account: Some((10_000, 10_001, vec![10_001, 4])),
            limits: vec![Limit { name: "NOFILE".to_owned(), soft: Some(7), hard: None }],
            cgroups: vec![PathBuf::from("/sys/fs/cgroup/cpu/e")],
            memory: Some(MemoryCgroup::V1(PathBuf::from("/sys/fs/cgroup/memory/e"))),
            pids: Some(PathBuf::from("/sys/fs/cgroup/pids/e")),
            oom_score_adj: Some(-3),
            volumes: vec![
                Volume { source: "/srv/a\nb".into(), target: "data".into(), is_writable: true },
                Volume { source: "own".into(), target: "/opt".into(), is_writable: false },
            ],
        };
        assert_eq!(Spec::from_bytes(&spec.to_bytes()), Ok(spec));
    }

    /// An executor of another version reads it: a changed name or order of these bytes needs both forms to be read.
    #[test]
    fn a_spec_is_written_in_these_bytes() {
        let spec = Spec {
            program: "/bin/sh".to_owned(),
            arguments: vec!["sh".to_owned(), "-c".to_owned()],
            environment: vec![("A".to_owned(), "b=c".to_owned()), ("E".into(), String::new())],
            sandbox: PathBuf::from("/s"),
            user: Some("nobody".to_owned()),
            account: Some((7, 8, vec![8, 4])),
            limits: vec![
                Limit { name: "NOFILE".to_owned(), soft: Some(7), hard: None },
                Limit { name: "CORE".to_owned(), soft: None, hard: Some(9) },
            ],
            cgroups: vec![PathBuf::from("/c"), PathBuf::from("/d")],
            memory: Some(MemoryCgroup::V1(PathBuf::from("/m"))),
            pids: Some(PathBuf::from("/p")),
            oom_score_adj: Some(-3),
            volumes: vec![
                Volume { source: "/a".into(), target: "data".into(), is_writable: true },
                Volume { source: "own".into(), target: "/opt".into(), is_writable: false },
            ],
        };
        let bytes = b"program\0/bin/sh\0argument\0sh\0argument\0-c\0variable\0A=b=c\0variable\0E=\0sandbox\0/s\0\
            user\0nobody\0account\x007 8 8 4\0limit\0NOFILE 7 -\0limit\0CORE - 9\0cgroup\0/c\0cgroup\0/d\0\
            memory_v1\0/m\0pids\0/p\0volume\0/a\0volume_target\0data\0volume_writable\0true\0\
            volume\0own\0volume_target\0/opt\0volume_writable\0false\0oom_score_adj\0-3\0";
        assert_eq!(spec.to_bytes().escape_ascii().to_string(), bytes.escape_ascii().to_string());
        let plain = Spec { memory: Some(MemoryCgroup::V2("/u".into())), ..Spec::default() };
        assert_eq!(plain.to_bytes(), b"program\0\0sandbox\0\0memory_v2\0/u\0");
    }

    #[test]
    fn the_form_of_the_first_version_stays_readable() {
        let bytes = b"program\0/bin/sh\0argument\0sh\0variable\0A=b\0sandbox\0/s\0user\0nobody\0\
            limit\0NOFILE 7 -\0cgroup\0/c\0memory_v1\0/m\0";
        let spec = Spec {
            program: "/bin/sh".to_owned(),
            arguments: vec!["sh".to_owned()],
            environment: vec![("A".to_owned(), "b".to_owned())],
            sandbox: PathBuf::from("/s"),
            user: Some("nobody".to_owned()),
            limits: vec![Limit { name: "NOFILE".to_owned(), soft: Some(7), hard: None }],
            cgroups: vec![PathBuf::from("/c")],
            memory: Some(MemoryCgroup::V1(PathBuf::from("/m"))),
            ..Spec::default()
        };
        assert_eq!(Spec::from_bytes(bytes), Ok(spec));
    }

    #[test]
    fn a_name_that_is_not_known_is_refused() {
        let error = Spec::from_bytes(b"program\0x\0colour\0red\0").unwrap_err();
        assert!(error.to_string().contains("`colour`"));
    }
}
