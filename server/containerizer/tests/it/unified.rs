//! Commands under the unified cgroup hierarchy, version 2, whatever this machine has: the tests of commands run once more in an emulated
//! machine that boots a Linux kernel of Debian's with nothing but busybox and this very program.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use std::{env, fs};

use tempfile::TempDir;
use tokio::process::Command;

/// What these tests need of the machine, and which of them are run there.
const INIT: &str = "#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /root /usr/bin
/bin/busybox --install -s /bin
/bin/busybox --install -s /usr/bin
export PATH=/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
echo controllers: $(cat /sys/fs/cgroup/cgroup.controllers)
/it --test-threads=1 commands:: beside:: volumes:: 2>&1
echo ended with $?
poweroff -f
";
const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n";
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";
const PATIENCE: Duration = Duration::from_secs(400);

const FOLDER: u32 = 0o40_755;
const PROGRAM: u32 = 0o100_755;
const FILE: u32 = 0o100_644;

#[tokio::test]
async fn commands_are_bounded_and_ended_in_the_unified_hierarchy_too() {
    let kernel = env::var("EKIDEN_TEST_KERNEL")
        .expect("EKIDEN_TEST_KERNEL names a Linux kernel; `cargo xtask test` brings one");
    let folder = TempDir::new().expect("a folder");
    let files = folder.path().join("files");
    fs::write(&files, files_of_the_machine().await).expect("the files are written");
    let emulator = Command::new("qemu-system-x86_64")
        .args(["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024"])
        .args(["-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"])
        .args(["-nic", "none", "-kernel", &kernel, "-initrd"])
        .arg(&files)
        .args(["-append", "console=ttyS0 quiet panic=-1"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let said = tokio::time::timeout(PATIENCE, emulator).await.expect("the machine stops in time");
    let said = said.expect("Debian's qemu-system-x86 is installed");
    let said = String::from_utf8_lossy(&said.stdout);
    let controllers = said.lines().find_map(|line| line.split_once("controllers: "));
    let controllers = controllers.unwrap_or_else(|| panic!("it did not boot:\n{said}")).1;
    for needed in ["cpu", "memory", "pids"] {
        assert!(controllers.split_whitespace().any(|name| name == needed), "{controllers}");
    }
    assert!(said.contains("ended with 0"), "{said}");
    assert!(said.contains("a_command_over_its_memory_ends_whole_and_says_so"), "{said}");
}

/// The whole file system of the machine, in the form that the kernel unpacks.
async fn files_of_the_machine() -> Vec<u8> {
    let mut archive = Archive::default();
    let this = env::current_exe().expect("this program has a file");
    for library in libraries(&this).await {
        archive.add_with_folders(&library, &fs::read(&library).expect("a library"));
    }
    for folder in ["bin", "etc"] {
        archive.add(folder, FOLDER, b"");
    }
    let busybox = fs::read("/bin/busybox").expect("busybox-static is installed");
    archive.add("bin/busybox", PROGRAM, &busybox);
    archive.add("etc/passwd", FILE, PASSWD.as_bytes());
    archive.add("etc/group", FILE, GROUP.as_bytes());
    archive.add("it", PROGRAM, &fs::read(&this).expect("this program can be read"));
    archive.add("init", PROGRAM, INIT.as_bytes());
    archive.add("TRAILER!!!", 0, b"");
    archive.bytes
}

/// What the dynamic linker loads for `program`, itself included.
async fn libraries(program: &Path) -> Vec<PathBuf> {
    let listed = Command::new("ldd").arg(program).output().await.expect("ldd runs");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let words = listed.split_whitespace();
    words
        .filter(|word| word.starts_with("/lib") || word.starts_with("/usr/lib"))
        .map(PathBuf::from)
        .collect()
}

/// A cpio archive in the "newc" format.
///
/// Source: the Linux kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    count: usize,
}

impl Archive {
    fn add(&mut self, name: &str, mode: u32, data: &[u8]) {
        self.count += 1;
        let (length, name_length) = (data.len(), name.len() + 1);
        let [zero, links] = [0, 1];
        let header = format!(
            "070701{:08X}{mode:08X}{zero:08X}{zero:08X}{links:08X}{zero:08X}{length:08X}{zero:08X}{zero:08X}{zero:08X}{zero:08X}{name_length:08X}{zero:08X}",
            self.count
        );
        self.bytes.extend(header.as_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend(data);
        self.align();
    }

    fn add_with_folders(&mut self, path: &Path, data: &[u8]) {
        let name = |path: &Path| path.display().to_string().trim_start_matches('/').to_owned();
        let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
        above.reverse();
        for folder in above.into_iter().filter(|folder| folder.parent().is_some()) {
            self.add(&name(folder), FOLDER, b"");
        }
        self.add(&name(path), PROGRAM, data);
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}
