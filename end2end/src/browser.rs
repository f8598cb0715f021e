//! A headless Chromium of one's own, driven as a person would: click, type, look.
//!
//! Pages change under the reader's eyes here, so every step finds its element anew until
//! it works or its deadline passes. Elements are found by the consoles' stable test hooks
//! (`data-testid`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use thirtyfour::{ChromiumLikeCapabilities as _, prelude::*};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use xtask::Workspace;

use crate::waiting::until;

/// How long a page may take to show what it should.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a reader prefers.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// The language that the browser asks for.
    pub language: &'static str,
    /// Whether the system is set to dark.
    pub is_dark: bool,
    /// Whether pages may run scripts.
    pub has_scripts: bool,
    /// The window's width and height in pixels.
    pub window: (u32, u32),
}

impl Reader {
    /// English, light, a usual window.
    pub const ENGLISH: Self =
        Self { language: "en", is_dark: false, has_scripts: true, window: (1280, 860) };
    /// Chinese, dark.
    pub const CHINESE_IN_THE_DARK: Self =
        Self { language: "zh-CN", is_dark: true, has_scripts: true, window: (1280, 860) };
}

/// One browser with one window.
#[derive(Debug)]
pub struct Browser {
    driver: WebDriver,
    downloads: TempDir,
    _process: Child,
}

impl Browser {
    /// Runs `work` in a new browser. When it fails, what the browser showed is kept as `<name>.png`.
    pub async fn read(
        name: &str,
        reader: Reader,
        work: impl AsyncFnOnce(&Self) -> Result<()>,
    ) -> Result<()> {
        let browser = Self::open(reader).await?;
        let mut outcome = work(&browser).await;
        if outcome.is_err() {
            let place = match browser.keep_picture(name).await {
                Ok(file) => format!("the browser showed {}", file.display()),
                Err(error) => format!("no picture could be taken: {error:#}"),
            };
            let address = browser
                .driver
                .current_url()
                .await
                .map_or_else(|error| error.to_string(), |url| url.to_string());
            outcome = outcome.with_context(|| format!("at {address}; {place}"));
        }
        browser.driver.quit().await?;
        outcome
    }

    async fn open(reader: Reader) -> Result<Self> {
        let mut process = Command::new("chromedriver")
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("could not start `chromedriver`")?;
        let output = process.stdout.take().context("chromedriver has no output")?;
        let mut lines = BufReader::new(output).lines();
        let port = loop {
            let line =
                lines.next_line().await?.context("chromedriver ended before it named its port")?;
            // "ChromeDriver was started successfully on port 41067."
            if let Some((_, rest)) = line.split_once("successfully on port ") {
                break rest.trim_end_matches('.').parse::<u16>().with_context(|| line.clone())?;
            }
        };
        // Somebody must read on, or chromedriver would stop at a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let downloads = TempDir::with_prefix("ekiden-downloads-")?;
        // The driver's client shares its crate with the fetcher, whose TLS wants to be told by whom; twice is no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let driver = WebDriver::new(
            format!("http://127.0.0.1:{port}"),
            capabilities(reader, downloads.path())?,
        )
        .await?;
        Ok(Self { driver, downloads, _process: process })
    }

    /// Loads a page.
    pub async fn go(&self, address: &str) -> Result<()> {
        self.driver.goto(address).await.with_context(|| format!("could not open {address}"))
    }

    /// Waits for the first visible element that `css` selects.
    pub async fn find(&self, css: &str) -> Result<WebElement> {
        until(&format!("`{css}` is shown"), PATIENCE, async || self.find_now(css).await).await
    }

    /// The same as a reader without scripts does it: loads the page anew until it shows the element. A page is sent
    /// without what was not known in time.
    pub async fn find_by_reloading(&self, css: &str) -> Result<WebElement> {
        until(&format!("`{css}` is shown"), PATIENCE, async || match self.find_now(css).await {
            Ok(found) => Ok(found),
            Err(missing) => {
                self.driver.refresh().await?;
                Err(missing)
            }
        })
        .await
    }

    /// Clicks the first visible element that `css` selects.
    pub async fn click(&self, css: &str) -> Result<()> {
        until(&format!("`{css}` takes a click"), PATIENCE, async || {
            let element = self.find_now(css).await?;
            ensure!(element.is_enabled().await?, "it is disabled");
            Ok(element.click().await?)
        })
        .await
    }

    /// Waits until the element's text satisfies `wanted`; returns the text.
    pub async fn text(&self, css: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
        until(&format!("the text of `{css}` is right"), PATIENCE, async || {
            let text = self.find_now(css).await?.text().await?;
            ensure!(wanted(&text), "it is `{text}`");
            Ok(text)
        })
        .await
    }

    /// What stands in an input.
    pub async fn value(&self, css: &str) -> Result<String> {
        Ok(self.find(css).await?.prop("value").await?.unwrap_or_default())
    }

    /// Waits until the element has `name` set to `value`.
    pub async fn attribute(
        &self,
        css: &str,
        name: &str,
        value: &str,
        limit: Duration,
    ) -> Result<()> {
        until(&format!("`{css}` has {name}=\"{value}\""), limit, async || {
            let found = self.find_now(css).await?.attr(name.to_owned()).await?;
            ensure!(found.as_deref() == Some(value), "it is {found:?}");
            Ok(())
        })
        .await
    }

    /// Waits until nothing visible is selected by `css` any more.
    pub async fn gone(&self, css: &str, limit: Duration) -> Result<()> {
        until(&format!("`{css}` is gone"), limit, async || {
            ensure!(self.find_now(css).await.is_err(), "it is still there");
            Ok(())
        })
        .await
    }

    /// Replaces all text of an input or editor, as pasting over a selection does.
    pub async fn paste(&self, css: &str, text: &str) -> Result<()> {
        until(&format!("`{css}` takes text"), PATIENCE, async || {
            let element = self.find_now(css).await?;
            element.click().await?;
            element.send_keys(Key::Control + "a").await?;
            let script = "return document.execCommand('insertText', false, arguments[0]);";
            let done = self.driver.execute(script, vec![json!(text)]).await?;
            ensure!(done.json() == true, "the page refused the text");
            Ok(())
        })
        .await
    }

    /// Runs a script in the page and returns its value.
    pub async fn script(&self, script: &str) -> Result<serde_json::Value> {
        Ok(self.driver.execute(script, Vec::new()).await?.json().clone())
    }

    /// Sets a mark that only this page's window has; loading any page anew loses it.
    pub async fn mark(&self) -> Result<()> {
        self.script("window.markOfTheTest = 'still here'; return null;").await.map(drop)
    }

    /// Fails when the page was loaded anew since [`Self::mark`].
    pub async fn still_marked(&self) -> Result<()> {
        let mark = self.script("return window.markOfTheTest ?? null;").await?;
        ensure!(mark == "still here", "the page was loaded anew");
        Ok(())
    }

    /// Whether the page's own scripts were kept from running: the browser then renders `noscript`.
    pub async fn is_without_scripts(&self) -> Result<bool> {
        Ok(!self.driver.find_all(By::Css("noscript > *")).await?.is_empty())
    }

    /// Waits for a finished download whose content satisfies `wanted`; returns the content.
    pub async fn download(&self, wanted: impl Fn(&str) -> bool) -> Result<String> {
        until("a file is downloaded", PATIENCE, async || {
            for entry in fs::read_dir(self.downloads.path())? {
                let path = entry?.path();
                // A dot file is the browser's own, too.
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if name.starts_with('.') || name.ends_with(".crdownload") {
                    continue;
                }
                let content = fs::read_to_string(&path)?;
                if wanted(&content) {
                    fs::remove_file(&path)?;
                    return Ok(content);
                }
            }
            anyhow::bail!("no such file was downloaded")
        })
        .await
    }

    /// What the page wrote to the browser's console as an error.
    pub async fn console_errors(&self) -> Result<Vec<String>> {
        let entries = self.driver.browser_log().await?;
        Ok(entries
            .into_iter()
            .filter(|entry| entry.level == "SEVERE")
            .map(|entry| entry.message)
            .collect())
    }

    /// Keeps what the browser shows, outside the checkout; returns the file.
    pub async fn keep_picture(&self, name: &str) -> Result<PathBuf> {
        let folder = Workspace::locate()?.target().join("end2end");
        fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{name}.png"));
        self.picture(&file).await?;
        Ok(file)
    }

    /// Writes what the browser shows to `file`.
    pub async fn picture(&self, file: &Path) -> Result<()> {
        Ok(self.driver.screenshot(file).await?)
    }

    async fn find_now(&self, css: &str) -> Result<WebElement> {
        for element in self.driver.find_all(By::Css(css)).await? {
            if element.is_displayed().await? {
                return Ok(element);
            }
        }
        anyhow::bail!("the page shows no such element")
    }
}

/// The selector of a test hook.
pub fn hook(name: &str) -> String {
    format!("[data-testid=\"{name}\"]")
}

/// The selector of a table's row.
pub fn row(key: &str) -> String {
    format!("[data-testid=\"row\"][data-key=\"{key}\"]")
}

fn capabilities(reader: Reader, downloads: &Path) -> Result<thirtyfour::ChromeCapabilities> {
    let mut chrome = DesiredCapabilities::chrome();
    let (width, height) = reader.window;
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-proxy-server",
        "--hide-scrollbars",
    ] {
        chrome.add_arg(argument)?;
    }
    chrome.add_arg(&format!("--window-size={width},{height}"))?;
    chrome.add_arg(&format!("--lang={}", reader.language))?;
    // 0 is dark.
    chrome
        .add_arg(&format!("--blink-settings=preferredColorScheme={}", u8::from(!reader.is_dark)))?;
    chrome.add_experimental_option(
        "prefs",
        json!({
            // 1 allows, 2 blocks.
            "profile.managed_default_content_settings.javascript": if reader.has_scripts { 1 } else { 2 },
            "download.default_directory": downloads,
            "download.prompt_for_download": false,
            "intl.accept_languages": reader.language,
        }),
    )?;
    chrome.set_browser_log_level(thirtyfour::LoggingPrefsLogLevel::Severe)?;
    Ok(chrome)
}
