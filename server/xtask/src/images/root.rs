//! Builds a small root file system out of unpacked Debian packages.
//!
//! Packages are downloaded with all they depend on and unpacked aside; only what an image
//! needs is copied over, and the shared libraries are the ones that the packages' own
//! loader names. Nothing is installed on this machine.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Failure, Result,
    command::{capture, run},
};

/// Unpacked packages, dependencies included.
pub(crate) struct Packages(PathBuf);

impl Packages {
    /// Downloads `names` with all they depend on into `downloads` and unpacks them into `folder`.
    pub(crate) fn unpack(names: &[&str], downloads: &Path, folder: &Path) -> Result<Self> {
        for made in [&downloads.join("partial"), folder] {
            fs::create_dir_all(made).map_err(|error| Failure::file("make", made, &error))?;
        }
        // An empty status file: apt resolves as for a machine that has nothing installed yet.
        let nothing = folder.with_extension("status");
        fs::write(&nothing, "").map_err(|error| Failure::file("write", &nothing, &error))?;
        if download(names, downloads, &nothing).is_err() {
            // On a machine that was just made the package lists are empty or old.
            run(Command::new("apt-get").args(["update", "--quiet", "--quiet"]))?;
            download(names, downloads, &nothing)?;
        }
        for package in chosen(names, downloads, &nothing)? {
            run(Command::new("dpkg-deb")
                .arg("--extract")
                .arg(downloads.join(package))
                .arg(folder))?;
        }
        Ok(Self(folder.to_path_buf()))
    }
}

fn apt(names: &[&str], downloads: &Path, status: &Path) -> Command {
    let mut apt = Command::new("apt-get");
    apt.arg("--option").arg(format!("Dir::State::status={}", status.display()));
    apt.arg("--option").arg(format!("Dir::Cache::archives={}", downloads.display()));
    for option in ["Debug::NoLocking=1", "APT::Install-Recommends=false", "APT::Sandbox::User=root"]
    {
        apt.args(["--option", option]);
    }
    apt.args(["--yes", "install"]).args(names);
    apt
}

fn download(names: &[&str], downloads: &Path, status: &Path) -> Result<()> {
    capture(apt(names, downloads, status).arg("--download-only")).map(drop)
}

/// The file names of the packages that `names` come down to.
fn chosen(names: &[&str], downloads: &Path, status: &Path) -> Result<Vec<String>> {
    // Everything is there already, so apt would name nothing to fetch; an empty cache makes it name all.
    let empty = downloads.join("none");
    fs::create_dir_all(empty.join("partial"))
        .map_err(|error| Failure::file("make", &empty, &error))?;
    let listed = capture(apt(names, &empty, status).arg("--print-uris"))?;
    let files = listed
        .lines()
        .filter(|line| line.starts_with('\''))
        .filter_map(|line| line.split_whitespace().nth(1));
    Ok(files.map(str::to_owned).collect())
}

/// The root file system of an image in the making.
pub(crate) struct Root<'a> {
    folder: PathBuf,
    packages: &'a Packages,
}

impl<'a> Root<'a> {
    /// An empty root with the folders that every program expects.
    pub(crate) fn new(folder: &Path, packages: &'a Packages) -> Result<Self> {
        let root = Self { folder: folder.to_path_buf(), packages };
        for made in [
            "usr/bin",
            "usr/sbin",
            "usr/lib",
            "usr/lib64",
            "etc",
            "run",
            "var/log",
            "var/lib",
            "root",
            "tmp",
            "dev",
            "proc",
            "sys",
        ] {
            root.make_folder(made)?;
        }
        for (link, to) in [
            ("bin", "usr/bin"),
            ("sbin", "usr/sbin"),
            ("lib", "usr/lib"),
            ("lib64", "usr/lib64"),
            ("var/run", "../run"),
        ] {
            root.link(link, to)?;
        }
        let tmp = root.folder.join("tmp");
        fs::set_permissions(&tmp, fs::Permissions::from_mode(0o1777))
            .map_err(|error| Failure::file("open up", &tmp, &error))?;
        Ok(root)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the packages were unpacked.
    pub(crate) fn packages_folder(&self) -> &Path {
        &self.packages.0
    }

    pub(crate) fn make_folder(&self, path: &str) -> Result<()> {
        let folder = self.folder.join(path);
        fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> Result<()> {
        let file = self.folder.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(|error| Failure::file("make", folder, &error))?;
        }
        fs::write(&file, text).map_err(|error| Failure::file("write", &file, &error))
    }

    pub(crate) fn link(&self, path: &str, to: &str) -> Result<()> {
        let link = self.folder.join(path);
        symlink(to, &link).map_err(|error| Failure::file("link", &link, &error))
    }

    pub(crate) fn remove(&self, path: &str) -> Result<()> {
        run(Command::new("rm").args(["-rf", "--"]).arg(self.folder.join(path)))
    }

    /// Copies a file or folder of the packages to the same place here.
    pub(crate) fn copy(&self, path: &str) -> Result<()> {
        let from = self.packages.0.join(path);
        let to = self.folder.join(path);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(|error| Failure::file("make", folder, &error))?;
        }
        run(Command::new("cp").args(["--archive", "--no-target-directory", "--"]).arg(from).arg(to))
    }

    /// Puts busybox here, with a link for each of its commands: a shell for `docker exec`.
    pub(crate) fn add_busybox(&self) -> Result<()> {
        let busybox = self.packages.0.join("bin/busybox");
        let busybox =
            if busybox.is_file() { busybox } else { self.packages.0.join("usr/bin/busybox") };
        let commands = capture(Command::new(&busybox).arg("--list"))?;
        let here = self.folder.join("usr/bin/busybox");
        fs::copy(&busybox, &here).map_err(|error| Failure::file("copy", &here, &error))?;
        for command in commands.lines().filter(|command| *command != "busybox") {
            self.link(&format!("usr/bin/{command}"), "busybox")?;
        }
        Ok(())
    }

    /// Copies the shared libraries that `program` (a path in the packages) needs, the loader included.
    pub(crate) fn add_libraries_of(&self, program: &str) -> Result<()> {
        let packages = &self.packages.0;
        let (loader, triple) = self.loader()?;
        let folders = ["usr/lib", "lib"].map(|base| packages.join(base).join(&triple));
        let program = packages.join(program);
        // A program's own libraries lie beside it, as Java's do; they are found but not copied.
        let beside = program
            .parent()
            .into_iter()
            .flat_map(|folder| [folder.to_path_buf(), folder.join("server")]);
        let search: Vec<String> = folders
            .iter()
            .cloned()
            .chain(beside)
            .map(|folder| folder.display().to_string())
            .collect();
        let listed = capture(
            Command::new(&loader)
                .args(["--library-path", &search.join(":"), "--list"])
                .arg(&program),
        )?;
        let libraries = listed
            .lines()
            .filter_map(|line| line.split("=> ").nth(1))
            .filter_map(|rest| rest.split(" (").next());
        let is_shared =
            |library: &&Path| folders.iter().any(|folder| library.parent() == Some(folder));
        for library in libraries.map(Path::new).filter(is_shared) {
            let Some(name) = library.file_name() else { continue };
            let to = self.folder.join("usr/lib").join(&triple).join(name);
            if !to.exists() {
                self.make_folder(&format!("usr/lib/{triple}"))?;
                fs::copy(library, &to).map_err(|error| Failure::file("copy", library, &error))?;
            }
        }
        let loader_name = loader.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let link = self.folder.join("usr/lib64").join(loader_name);
        if !link.exists() && !link.is_symlink() {
            self.link(
                &format!("usr/lib64/{loader_name}"),
                &format!("../lib/{triple}/{loader_name}"),
            )?;
            // On arm64 programs look for the loader in /lib.
            self.link(&format!("usr/lib/{loader_name}"), &format!("{triple}/{loader_name}"))?;
        }
        Ok(())
    }

    /// The packages' own program loader, and the folder name of their architecture.
    fn loader(&self) -> Result<(PathBuf, String)> {
        for base in ["usr/lib", "lib"] {
            for triple in entries(&self.packages.0.join(base)) {
                for file in entries(&triple) {
                    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                    if let (true, Some(triple)) = (name.starts_with("ld-linux"), triple.file_name())
                    {
                        return Ok((file.clone(), triple.to_string_lossy().into_owned()));
                    }
                }
            }
        }
        Err(Failure::new("the unpacked packages hold no program loader (`ld-linux*`)"))
    }
}

/// What is in a folder; nothing where there is no such folder.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    paths
}
