//! `cargo xtask images`: stand-ins of the guide's images, for machines that reach no registry.
//!
//! Each holds the real program from Debian's packages, made with `docker import`. An image
//! that came from a registry is never replaced. Downloads and finished root file systems
//! stay in a folder outside the checkout, so that another engine gets them within seconds.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Failure, Result,
    command::{capture, run as execute},
    machine,
    waiting::Stopwatch,
};

mod recipes;
mod root;

use recipes::Recipe;

/// Marks what this command made; the value is the recipe's edition.
const LABEL: &str = "ekiden.stand-in";

/// Makes the images that are missing or older than their recipe.
pub(crate) fn run() -> Result<()> {
    if !machine::docker_answers() {
        return Err(Failure::new(
            "no Docker engine answers; start it with `systemctl start docker`, or install it with `apt-get install docker.io`",
        ));
    }
    make_all(None)
}

/// The same for the engine that listens on `socket`; `None` is the usual one.
pub(crate) fn make_all(socket: Option<&str>) -> Result<()> {
    let docker = || {
        let mut docker = Command::new("docker");
        docker.envs(socket.map(|socket| ("DOCKER_HOST", format!("unix://{socket}"))));
        docker
    };
    recipes::ALL.iter().try_for_each(|recipe| ensure(recipe, &docker))
}

fn ensure(recipe: &Recipe, docker: &dyn Fn() -> Command) -> Result<()> {
    let edition = recipe.edition.to_string();
    let format = format!("{{{{index .Config.Labels \"{LABEL}\"}}}}");
    match capture(docker().args(["image", "inspect", "--format", &format, recipe.image])) {
        Ok(found) if found.trim() == edition => {
            println!("{}: there already", recipe.image);
            return Ok(());
        }
        Ok(found) if matches!(found.trim(), "" | "<no value>") => {
            println!(
                "{}: this engine has another image of that name, which stays as it is",
                recipe.image
            );
            return Ok(());
        }
        Ok(_) | Err(_) => {}
    }
    let watch = Stopwatch::start();
    let archive = archive(recipe)?;
    let mut import = docker();
    import.arg("import").args(["--change", &format!("LABEL {LABEL}={edition}")]);
    for change in recipe.changes {
        import.args(["--change", change]);
    }
    capture(import.arg(&archive).arg(recipe.image))?;
    println!(
        "{}: made from Debian's packages in {:.1} s",
        recipe.image,
        watch.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The tar file of the image's root file system, made once per recipe edition.
fn archive(recipe: &Recipe) -> Result<PathBuf> {
    let cache = cache()?;
    let archive = cache.join(format!("{}-{}.tar", recipe.name, recipe.edition));
    if archive.is_file() {
        return Ok(archive);
    }
    if !machine::has_debian_packages() {
        return Err(Failure::new(format!(
            "`{}` is made from Debian's packages, and `apt-get` is not here; pull the image from a registry instead",
            recipe.image
        )));
    }
    let work = cache.join(format!("{}.{}", recipe.name, std::process::id()));
    let made = make(recipe, &cache, &work, &archive);
    let _ = fs::remove_dir_all(&work);
    made.map(|()| archive)
}

fn make(recipe: &Recipe, cache: &Path, work: &Path, archive: &Path) -> Result<()> {
    let packages =
        root::Packages::unpack(recipe.packages, &cache.join("packages"), &work.join("packages"))?;
    let root = root::Root::new(&work.join("root"), &packages)?;
    (recipe.fill)(&root)?;
    // Under another name first: a half-written archive must never look finished.
    let half = work.join("root.tar");
    execute(
        Command::new("tar")
            .args(["--create", "--owner=0", "--group=0", "--numeric-owner", "--file"])
            .arg(&half)
            .arg("--directory")
            .arg(root.folder())
            .arg("."),
    )?;
    fs::rename(&half, archive).map_err(|error| Failure::file("write", archive, &error))
}

/// `$XDG_CACHE_HOME/ekiden/images`, below `~/.cache` where that is not set.
fn cache() -> Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .ok_or_else(|| {
            Failure::new("neither XDG_CACHE_HOME nor HOME is set, so downloads have no place")
        })?;
    let cache = base.join("ekiden").join("images");
    fs::create_dir_all(&cache).map_err(|error| Failure::file("make", &cache, &error))?;
    Ok(cache)
}
