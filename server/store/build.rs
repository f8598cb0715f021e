//! Rebuilds when a migration changes: they are embedded, and Cargo does not see the folder by itself.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
