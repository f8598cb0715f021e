//! Files of a sandbox in both consoles and over HTTP: followed, searched, coloured, Chinese, huge, binary, and never another's.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use end2end::{
    browser::{Browser, Reader, hook},
    cluster::Cluster,
    curl::{get, send},
    waiting::until,
};
use serde_json::json;

mod huge;

const PATIENCE: Duration = Duration::from_secs(30);
/// What a page shows of a file at first.
const WINDOW: usize = 32_768;

/// A sandbox whose files the test writes itself.
struct Sandbox {
    cluster: Cluster,
    agent: String,
    folder: PathBuf,
}

impl Sandbox {
    async fn make() -> Result<Self> {
        let cluster = Cluster::start_with(1, &["--containerizers=mesos"]).await?;
        let app = json!({"id": "quiet", "cmd": "exec sleep 3600", "cpus": 0.1, "mem": 16});
        send("POST", &cluster.marathon("/v2/apps"), &app).await?.expect(201)?;
        let app = cluster.settled("quiet", 1).await?;
        let task = &app["tasks"][0];
        let host = task["host"].as_str().context("no host")?;
        let state = get(&format!("http://{host}:5051/state")).await?.expect(200)?;
        let folder = &state["frameworks"][0]["executors"][0]["directory"];
        let folder = PathBuf::from(folder.as_str().context("no directory")?);
        let agent = task["slaveId"].as_str().context("no agent")?.to_owned();
        Ok(Self { cluster, agent, folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut file = File::options().create(true).append(true).open(self.path(name))?;
        Ok(file.write_all(bytes)?)
    }

    /// The page that shows a file, on a console.
    fn page(&self, console: &str, name: &str) -> String {
        let folder = self.folder.display();
        format!("{console}/ui/agents/{}/browse?path={folder}&file={name}", self.agent)
    }

    /// The same three questions at the agent, the master and Marathon.
    fn bases(&self) -> [String; 3] {
        let through = |base: String| format!("{base}/ui/api/v1/agents/{}/files", self.agent);
        [
            format!("http://{}:5051/files", self.cluster.agent_host(1)),
            through(self.cluster.master("")),
            through(self.cluster.marathon("")),
        ]
    }

    /// Resident memory of the master and the agent, in bytes.
    fn memory(&self) -> Result<u64> {
        let mut sum = 0;
        for pid in self.cluster.nodes()? {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            sum += kib.context("no VmRSS")? << 10;
        }
        Ok(sum)
    }
}

#[tokio::test]
async fn a_sandbox_lies_on_the_disk_where_the_originals_tools_look_for_it() -> Result<()> {
    let sandbox = Sandbox::make().await?;
    let app = sandbox.cluster.app("quiet").await?;
    let task = app["tasks"][0]["id"].as_str().context("no task id")?;
    let frameworks = get(&sandbox.cluster.master("/frameworks")).await?.expect(200)?;
    let framework = frameworks["frameworks"][0]["id"].as_str().context("no framework")?;
    let work_dir = sandbox.cluster.data().join("agent-1");
    let runs = format!("frameworks/{framework}/executors/{task}/runs");
    let runs = work_dir.join("slaves").join(&sandbox.agent).join(runs);
    let container = fs::read_link(runs.join("latest"))?;
    ensure!(sandbox.folder == runs.join(&container), "it is {}", sandbox.folder.display());
    let id = container.to_str().context("no text")?;
    ensure!(id.len() == 36 && id.split('-').count() == 5, "`{id}` is no random UUID");
    for stream in ["stdout", "stderr"] {
        ensure!(sandbox.path(stream).is_file(), "there is no {stream}");
    }
    for latest in ["slaves/latest", "meta/slaves/latest"] {
        let agent = fs::read_link(work_dir.join(latest))?;
        ensure!(agent == Path::new(&sandbox.agent), "{latest} leads to {}", agent.display());
    }
    Ok(())
}

const LINES: &str = ".log .lines";

async fn shows(browser: &Browser, wanted: &str) -> Result<String> {
    browser.text(LINES, |text| text.contains(wanted)).await
}

async fn follows(browser: &Browser, wanted: bool) -> Result<()> {
    until("following is as it should be", PATIENCE, async || follows_now(browser, wanted).await)
        .await
}

async fn follows_now(browser: &Browser, wanted: bool) -> Result<()> {
    let script = "return document.querySelector('[data-testid=\"log-follow\"]').checked;";
    let now = browser.script(script).await?;
    ensure!(now == wanted, "follow is {now}");
    Ok(())
}

async fn scroll(browser: &Browser, top: &str) -> Result<()> {
    let script = format!(
        "const lines = document.querySelector('{LINES}'); lines.scrollTop = {top}; return null;"
    );
    browser.script(&script).await.map(drop)
}

async fn number(browser: &Browser, script: &str) -> Result<f64> {
    browser.script(script).await?.as_f64().with_context(|| format!("`{script}` is no number"))
}

/// Chinese lines; the page's first byte falls inside a character.
fn chinese_lines() -> String {
    let lines = (0..1_500).map(|number| format!("第{number}行:日志一切正常,没有错误\n"));
    let mut text: String = lines.collect();
    while text.is_char_boundary(text.len() - WINDOW) {
        text.insert(0, 'x');
    }
    text
}

#[tokio::test]
async fn a_chinese_log_is_followed_searched_and_coloured_in_both_consoles() -> Result<()> {
    let sandbox = Sandbox::make().await?;
    for (name, console) in
        [("master.log", sandbox.cluster.master("")), ("marathon.log", sandbox.cluster.marathon(""))]
    {
        sandbox.append(name, chinese_lines().as_bytes())?;
        let page = sandbox.page(&console, name);
        Browser::read("log-viewer", Reader::CHINESE_IN_THE_DARK, async |browser| {
            browser.go(&page).await?;
            let first = shows(browser, "第1499行").await?;
            ensure!(!first.contains('\u{fffd}'), "a character is broken: {first}");
            ensure!(first.contains("第1499行:日志一切正常,没有错误"), "{first}");
            it_is_followed(&sandbox, browser, name).await.context("following")?;
            it_is_coloured(&sandbox, browser, name).await.context("colours")?;
            it_is_searched(&sandbox, browser, name).await.context("searching")?;
            it_is_read_backwards(browser).await.context("older lines")?;
            it_is_followed_when_it_begins_anew(&sandbox, browser, name).await.context("anew")?;
            let errors = browser.console_errors().await?;
            ensure!(errors.is_empty(), "the browser's console has errors: {errors:?}");
            Ok(())
        })
        .await
        .with_context(|| page.clone())?;
    }
    Ok(())
}

/// Lines arrive as they are written, in whatever pieces.
async fn it_is_followed(sandbox: &Sandbox, browser: &Browser, name: &str) -> Result<()> {
    follows(browser, true).await?;
    let line = "新行结束\n".as_bytes();
    for cut in [1, 2] {
        sandbox.append(name, b"=")?;
        // The first character is whole, the second one is not.
        sandbox.append(name, &line[..3 + cut])?;
        shows(browser, "=新").await?;
        sandbox.append(name, &line[3 + cut..])?;
        let text = shows(browser, "=新行结束").await?;
        ensure!(!text.contains('\u{fffd}'), "a character is broken");
        sandbox.append(name, format!("after {cut}\n").as_bytes())?;
        shows(browser, &format!("after {cut}")).await?;
    }
    Ok(())
}

async fn it_is_coloured(sandbox: &Sandbox, browser: &Browser, name: &str) -> Result<()> {
    sandbox.append(name, "plain \u{1b}[1;31m红色的字\u{1b}[0m rest\n".as_bytes())?;
    browser.text(&format!("{LINES} .c1"), |text| text == "红色的字").await?;
    let colour =
        |css: &str| format!("return getComputedStyle(document.querySelector('{css}')).color;");
    let (red, plain) = (colour(&format!("{LINES} .c1")), colour(&format!("{LINES} p:last-child")));
    ensure!(browser.script(&red).await? != browser.script(&plain).await?, "red is plain");
    let text = shows(browser, "plain 红色的字 rest").await?;
    ensure!(!text.contains("[1;31m"), "an escape sequence is shown");
    // Grounds and inverse, the second sequence in two parts.
    sandbox.append(name, "\u{1b}[30;48;5;196m红底\u{1b}[0m \u{1b}[38;2;20;250;".as_bytes())?;
    shows(browser, "红底").await?;
    sandbox.append(name, "60;7m反色\u{1b}[m end\n".as_bytes())?;
    browser.text(&format!("{LINES} .av.c2"), |text| text == "反色").await?;
    let style = |css: &str| {
        format!(
            "const style = getComputedStyle(document.querySelector('{LINES} {css}')); return [style.color, style.backgroundColor];"
        )
    };
    let ground = browser.script(&style(".g1")).await?;
    let inverse = browser.script(&style(".av.c2")).await?;
    let row = browser.script(&style("p:last-child")).await?;
    ensure!(ground[0] == row[0] && ground[1] != row[1], "the ground is {ground}, the row {row}");
    // As in the dark: --danger-tint; and --well on --ok.
    ensure!(ground[1] == "rgb(61, 26, 32)", "the ground is {ground}");
    ensure!(inverse == json!(["rgb(22, 26, 34)", "rgb(61, 214, 140)"]), "inverse is {inverse}");
    Ok(())
}

async fn it_is_searched(sandbox: &Sandbox, browser: &Browser, name: &str) -> Result<()> {
    sandbox.append(name, "needle 针 one\nNEEDLE 针 two\n".as_bytes())?;
    shows(browser, "针 two").await?;
    browser.paste(&hook("log-search"), "needle 针").await?;
    // There may be more in what is not loaded.
    browser.text(".log .hits", |text| text == "2 / 2+").await.context("the last match")?;
    follows(browser, false).await?;
    is_at(browser, "NEEDLE 针").await?;
    it_outlives_a_refresh(sandbox, browser, name).await.context("a refresh")?;
    browser.click(MATCH_BEFORE).await?;
    browser.text(".log .hits", |text| text == "1 / 2+").await.context("the match before")?;
    // Round the beginning, through the whole file.
    browser.click(MATCH_BEFORE).await?;
    hunt_says(browser, "已从文件末尾继续搜索。").await?;
    is_at(browser, "NEEDLE 针").await?;
    // A line that is not loaded.
    browser.paste(&hook("log-search"), "第7行").await?;
    is_at(browser, "第7行").await?;
    shows(browser, "第8行:日志一切正常").await?;
    browser.paste(&hook("log-search"), "没有这样的字").await?;
    hunt_says(browser, "整个文件中没有匹配。").await?;
    browser.paste(&hook("log-search"), "").await?;
    browser.gone(&hook("log-hunt"), PATIENCE).await?;
    // It is paged on from where the search went, and followed at the end.
    until("the end is followed", PATIENCE, async || {
        scroll(browser, "lines.scrollHeight").await?;
        follows_now(browser, true).await
    })
    .await?;
    shows(browser, "针 two").await.map(drop)
}

const MATCH_BEFORE: &str = ".log .bar .btn-group button:first-child";
const MATCH_AFTER: &str = ".log .bar .btn-group button:last-child";

/// The line that the search is at has this match, and it is in view.
async fn is_at(browser: &Browser, wanted: &str) -> Result<()> {
    browser.text(&format!("{LINES} p.at mark"), |text| text == wanted).await?;
    until("the match is in view", PATIENCE, async || {
        let script = format!(
            "const at = document.querySelector('{LINES} p.at').getBoundingClientRect();
             const frame = document.querySelector('{LINES}').getBoundingClientRect();
             return at.top >= frame.top - 1 && at.bottom <= frame.bottom + 1;"
        );
        ensure!(browser.script(&script).await? == true, "it is out of view");
        Ok(())
    })
    .await
}

async fn hunt_says(browser: &Browser, wanted: &str) -> Result<()> {
    browser.text(&hook("log-hunt"), |text| text == wanted).await.map(drop)
}

/// The list of files is brought up to date beside the log, and nothing of the reader's is lost.
async fn it_outlives_a_refresh(sandbox: &Sandbox, browser: &Browser, name: &str) -> Result<()> {
    let new = format!("{name}.new");
    sandbox.append(&new, b"")?;
    let row = format!("[data-testid=\"row\"][data-key$=\"/{new}\"]");
    browser.find(&format!("{} {row}", hook("table-files"))).await?;
    let hits = "return document.querySelector('.log .hits').textContent;";
    let hits = browser.script(hits).await?;
    ensure!(hits == "2 / 2+", "the search is at `{hits}`");
    follows(browser, false).await
}

/// At the top older lines come, back to the first; what was in view stays there.
async fn it_is_read_backwards(browser: &Browser) -> Result<()> {
    until("the first line is shown", PATIENCE, async || {
        scroll(browser, "0").await?;
        let first = browser.find(&format!("{LINES} p a")).await?.text().await?;
        ensure!(first == "1", "the first line is {first}");
        Ok(())
    })
    .await?;
    shows(browser, "第0行").await?;
    let lines =
        number(browser, "return document.querySelectorAll('.log .lines p').length;").await?;
    ensure!(lines > 1_500.0, "{lines} lines");
    // Back to the end, it is followed again.
    until("the end is followed", PATIENCE, async || {
        scroll(browser, "lines.scrollHeight").await?;
        follows(browser, true).await
    })
    .await
}

async fn it_is_followed_when_it_begins_anew(
    sandbox: &Sandbox,
    browser: &Browser,
    name: &str,
) -> Result<()> {
    // In one step, so that no reader finds the name free or the new file empty.
    let next = format!("{name}.next");
    sandbox.append(&next, "轮换之后的第一行\n".as_bytes())?;
    fs::hard_link(sandbox.path(name), sandbox.path(&format!("{name}.1")))?;
    fs::rename(sandbox.path(&next), sandbox.path(name))?;
    let text = shows(browser, "轮换之后的第一行").await?;
    ensure!(!text.contains("针 two"), "the old file is still there");
    sandbox.append(name, b"and the second\n")?;
    shows(browser, "and the second").await?;
    Ok(())
}

/// Ten sparse gibibytes and an end of text.
#[tokio::test]
async fn a_binary_file_is_downloaded_as_it_is_and_looked_at_without_harm() -> Result<()> {
    let sandbox = Sandbox::make().await?;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    sandbox.append("core.bin", &bytes)?;
    let path = sandbox.path("core.bin");
    let saved = sandbox.cluster.data().join("downloaded");
    for base in sandbox.bases() {
        let url = format!("{base}/download?path={}", path.display());
        huge::fetched(&saved, &[&url], &sandbox).await?;
        ensure!(fs::read(&saved)? == bytes, "{base} gives other bytes");
    }
    // Whatever is in it, a position in the text is one in the file.
    for base in &sandbox.bases()[1..] {
        let mut at = 0;
        while at < bytes.len() as u64 {
            let read = format!("{base}/read?path={}&offset={at}&length=1000", path.display());
            let read = get(&read).await?.expect(200)?;
            let data = read["data"].as_str().context("no data")?;
            ensure!(read["offset"] == at && !data.is_empty(), "{read}");
            at += data.len() as u64;
        }
        ensure!(at == bytes.len() as u64, "{base} ends at {at}");
    }
    Browser::read("log-binary", Reader::ENGLISH, async |browser| {
        browser.go(&sandbox.page(&sandbox.cluster.master(""), "core.bin")).await?;
        browser.text(&hook("log-kind"), |text| text == "Binary").await?;
        sandbox.append("core.bin", b"\nand then text\n")?;
        shows(browser, "and then text").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn nothing_outside_of_a_sandbox_is_had_through_links_or_dots() -> Result<()> {
    let sandbox = Sandbox::make().await?;
    let secret = sandbox.cluster.data().join("secret");
    fs::write(&secret, "nobody's business")?;
    sandbox.append("mine", b"fine")?;
    symlink(&secret, sandbox.path("link"))?;
    symlink("..", sandbox.path("up"))?;
    symlink("mine", sandbox.path("inside"))?;
    symlink("/dev/zero", sandbox.path("zero"))?;
    fs::create_dir(sandbox.path("folder"))?;
    symlink(Path::new("/etc"), sandbox.path("folder/etc"))?;
    let pipe = std::process::Command::new("mkfifo").arg(sandbox.path("pipe")).status()?;
    ensure!(pipe.success(), "no pipe was made");
    let folder = sandbox.folder.display();
    for base in sandbox.bases() {
        let inside = get(&format!("{base}/download?path={folder}/inside")).await?;
        ensure!(inside.status == 200 && inside.body == "fine", "{base}: {inside:?}");
        for below in ["link", "folder/etc/passwd", "zero", "pipe", "up"] {
            let path = format!("{folder}/{below}");
            for what in ["read?offset=0&", "search?text=business&", "download?"] {
                let reply = get(&format!("{base}/{what}path={path}")).await?;
                ensure!(reply.status == 400, "{base}/{what} gives {below}: {reply:?}");
                ensure!(!reply.body.contains("business"), "{reply:?}");
            }
        }
        for path in [format!("{folder}/../../../../../../../../secret"), "/etc/passwd".to_owned()] {
            for what in ["search?text=business&", "download?"] {
                let reply = get(&format!("{base}/{what}path={path}")).await?;
                ensure!(matches!(reply.status, 400 | 404), "{base} gives {path}: {reply:?}");
            }
        }
        let listed = get(&format!("{base}/browse?path={folder}")).await?.expect(200)?;
        let mode = |name: &str| {
            let path = format!("{folder}/{name}");
            let mut entries = listed.as_array().into_iter().flatten();
            let entry = entries.find(|entry| entry["path"] == path.as_str());
            entry.and_then(|entry| entry["mode"].as_str()).unwrap_or_default().to_owned()
        };
        ensure!(mode("inside").starts_with('-') && mode("pipe").starts_with('p'), "{listed}");
        for link in ["link", "up", "zero"] {
            ensure!(mode(link).starts_with('l'), "{base} follows {link}: {listed}");
        }
        let reply = get(&format!("{base}/browse?path={folder}/folder/etc")).await?;
        ensure!(reply.status == 400, "{base} lists /etc: {reply:?}");
    }
    Ok(())
}
