//! `cargo xtask up`: from a clone to a running cluster; the end to end tests start theirs by the same steps.
//!
//! Build the browser's half, embed it in the server, start `ekiden local`. Everything that
//! has not changed is left alone, so the second time takes seconds.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Failure, Result, Workspace,
    command::{capture, run as execute},
    machine, web,
};

pub use crate::workspace::Profile;

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How many agents, on `.11` and up.
    pub agents: u8,
    /// Whether to begin with an empty cluster.
    pub fresh: bool,
    /// Where the cluster's data lives; `None` is `target/ekiden-local` in the checkout.
    pub data: Option<PathBuf>,
    /// The first three numbers of the cluster's loopback network.
    pub net: [u8; 3],
}

impl Default for Options {
    fn default() -> Self {
        Self { agents: 1, fresh: false, data: None, net: [127, 0, 0] }
    }
}

impl Options {
    /// Reads the words after `cargo xtask up`.
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (flag, mut value) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let mut value_of = |wanted: &str| {
                value
                    .take()
                    .or_else(|| rest.next().cloned())
                    .ok_or_else(|| Failure::new(format!("`{flag}` needs {wanted}")))
            };
            match flag {
                "--fresh" => options.fresh = true,
                "--agents" => options.agents = agents(&value_of("a number of agents")?)?,
                "--data" => options.data = Some(PathBuf::from(value_of("a folder")?)),
                "--net" => options.net = net(&value_of("a network such as 127.0.1.0/24")?)?,
                unknown => {
                    return Err(Failure::new(format!(
                        "`cargo xtask up` does not know `{unknown}`; it takes --agents N, --data DIR, --net 127.0.N.0/24 and --fresh"
                    )));
                }
            }
        }
        Ok(options)
    }

    /// The address of the host `last` on the cluster's network.
    pub fn address(&self, last: u8) -> Ipv4Addr {
        let [first, second, third] = self.net;
        Ipv4Addr::new(first, second, third, last)
    }

    fn net_text(&self) -> String {
        format!("{}/24", self.address(0))
    }
}

fn agents(text: &str) -> Result<u8> {
    text.parse().ok().filter(|count| (1..=200).contains(count)).ok_or_else(|| {
        Failure::new(format!("`--agents` takes a number from 1 to 200; it was given `{text}`"))
    })
}

fn net(text: &str) -> Result<[u8; 3]> {
    text.strip_suffix(".0/24")
        .and_then(|start| {
            start.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u8>>>()
        })
        .and_then(|parts| <[u8; 3]>::try_from(parts).ok())
        .filter(|parts| parts[0] == 127)
        .ok_or_else(|| {
            Failure::new(format!(
                "`--net` takes a loopback network such as 127.0.1.0/24; it was given `{text}`"
            ))
        })
}

/// Builds everything and becomes the cluster: Ctrl-C reaches `ekiden local` directly.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    machine::check_compilers()?;
    check_ports(options)?;
    if !machine::docker_answers() {
        println!(
            "No Docker engine answers: applications with a Docker image cannot run. \
             Start one with `systemctl start docker`, or install it with `apt-get install docker.io`."
        );
    }
    let program = build(workspace, Profile::Release)?;
    let mut local = command(workspace, &program, options);
    Err(Failure::new(format!("could not start {}: {}", program.display(), local.exec())))
}

/// Builds the browser's half and the server around it; returns the server.
pub fn build(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let bundle = web::build(workspace, profile, &execute)?;
    let mut cargo = workspace.cargo();
    cargo
        .args(["build", "--package", "server", "--profile", profile.name()])
        .env("EKIDEN_BUNDLE_DIR", bundle);
    // The tests' program is not named after a commit: it would be compiled anew for each.
    if profile == Profile::Release
        && let Some(sha) = commit(workspace)
    {
        cargo.env("EKIDEN_GIT_SHA", sha);
    }
    execute(&mut cargo)?;
    Ok(workspace.program(profile, "ekiden"))
}

/// The commit that is checked out; a copy without history has none.
fn commit(workspace: &Workspace) -> Option<String> {
    let mut ask = Command::new("git");
    ask.current_dir(workspace.root()).args(["rev-parse", "HEAD"]);
    capture(&mut ask).ok().map(|sha| sha.trim().to_owned())
}

/// The command that starts a whole cluster on this machine.
pub fn command(workspace: &Workspace, program: &Path, options: &Options) -> Command {
    let data = options.data.clone().unwrap_or_else(|| workspace.root().join("target/ekiden-local"));
    let mut local = Command::new(program);
    local
        .arg("local")
        .args(["--agents", &options.agents.to_string(), "--net", &options.net_text()])
        .arg("--data")
        .arg(data);
    if options.fresh {
        local.arg("--fresh");
    }
    local
}

/// Fails before the long build when a port is taken that the cluster will need.
fn check_ports(options: &Options) -> Result<()> {
    let agents = (0..options.agents).map(|agent| (options.address(11 + agent), 5051));
    for address in
        [(options.address(1), 5050), (options.address(1), 8080)].into_iter().chain(agents)
    {
        if let Err(error) = TcpListener::bind(address) {
            let (ip, port) = address;
            return Err(Failure::new(match error.kind() {
                io::ErrorKind::AddrInUse => format!(
                    "port {port} on {ip} is taken; stop what listens there (`ss -ltnp 'sport = :{port}'` names it), \
                     or start on another network with `--net 127.0.1.0/24`"
                ),
                _ => format!("could not listen on {ip}:{port}: {error}"),
            }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_take_their_value_after_a_blank_or_an_equals_sign() {
        let wanted =
            Options { agents: 3, fresh: true, data: Some("here".into()), net: [127, 0, 7] };
        assert_eq!(parse("--agents 3 --fresh --data here --net 127.0.7.0/24").unwrap(), wanted);
        assert_eq!(parse("--agents=3 --fresh --data=here --net=127.0.7.0/24").unwrap(), wanted);
        assert_eq!(parse("").unwrap(), Options::default());
    }

    #[test]
    fn a_wrong_flag_is_answered_with_one_sentence() {
        for (line, words) in [
            ("--agents", "needs a number of agents"),
            ("--agents none", "from 1 to 200"),
            ("--net 10.0.0.0/24", "loopback network"),
            ("--net 127.0.0.1", "loopback network"),
            ("--masters 3", "does not know `--masters`"),
        ] {
            let failure = parse(line).unwrap_err().to_string();
            assert!(failure.contains(words) && !failure.contains('\n'), "{line}: {failure}");
        }
    }

    #[test]
    fn a_taken_port_is_named_with_the_cure() {
        let options = Options { net: [127, 0, 251], ..Options::default() };
        let _holder = TcpListener::bind((options.address(11), 5051)).unwrap();
        let failure = check_ports(&options).unwrap_err().to_string();
        assert!(
            failure.contains("port 5051 on 127.0.251.11 is taken") && failure.contains("--net"),
            "{failure}"
        );
    }

    #[test]
    fn the_cluster_is_started_by_one_command() {
        let workspace = Workspace::locate().unwrap();
        let options =
            Options { agents: 2, fresh: true, data: Some("/data".into()), net: [127, 0, 9] };
        let line = crate::command::line(&command(&workspace, Path::new("ekiden"), &options));
        assert_eq!(line, "ekiden local --agents 2 --net 127.0.9.0/24 --data /data --fresh");
    }
}
