//! Keeps the data folder of a cluster of this build, for the test that later builds start on it: `cargo xtask data-folder NAME`.

use anyhow::{Context, Result};
use end2end::data_folders;

#[tokio::main]
async fn main() -> Result<()> {
    let name = std::env::args()
        .nth(1)
        .context("`cargo xtask data-folder` needs a name for it, such as the version")?;
    data_folders::make(&name).await
}
