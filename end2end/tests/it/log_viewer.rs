//! Files of a sandbox in both consoles and over HTTP: followed, searched, coloured, Chinese, huge, binary, and never another's.

use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use end2end::{
    browser::{Browser, Reader, hook},
    cluster::Cluster,
    curl::{curl, get, send},
    waiting::until,
};
use serde_json::json;
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(30);
/// What a page shows of a file at first.
const WINDOW: usize = 32_768;
const HUGE: u64 = 10 << 30;
const MIB: u64 = 1 << 20;

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
fn huge_log(sandbox: &Sandbox) -> Result<()> {
    let mut file = File::create_new(sandbox.path("huge.log"))?;
    file.set_len(HUGE)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file.write_all("\n最后一行 the last line\n".as_bytes())?)
}

#[tokio::test]
async fn a_log_of_ten_gibibytes_costs_no_more_memory_than_a_small_one() -> Result<()> {
    let sandbox = Sandbox::make().await?;
    huge_log(&sandbox)?;
    sandbox.append("small.log", b"a line\n")?;
    let page = |name| sandbox.page(&sandbox.cluster.marathon(""), name);
    Browser::read("log-huge", Reader::ENGLISH, async |browser| {
        browser.go(&page("small.log")).await?;
        shows(browser, "a line").await?;
        let before = sandbox.memory()?;
        browser.go(&page("huge.log")).await?;
        shows(browser, "最后一行 the last line").await?;
        browser.text(&hook("log-size"), |text| text.contains("10")).await?;
        it_is_followed_at_speed(&sandbox, browser).await?;
        for top in ["0", "0", "lines.scrollHeight", "0"] {
            scroll(browser, top).await?;
        }
        weighs_little(browser).await?;
        browser.go(&format!("{}&offset=5368709120", page("huge.log"))).await?;
        browser.text(&hook("log-kind"), |text| text == "Binary").await?;
        weighs_little(browser).await?;
        let grown = sandbox.memory()?.saturating_sub(before);
        ensure!(grown < 48 * MIB, "master and agent have grown by {} MiB", grown / MIB);
        Ok(())
    })
    .await
}

/// Forty mebibytes written while somebody looks on: the last line is seen, and the page stays as it is.
async fn it_is_followed_at_speed(sandbox: &Sandbox, browser: &Browser) -> Result<()> {
    let line = format!("{}\n", "日志".repeat(40));
    let piece = line.repeat(usize::try_from(MIB)? / line.len());
    for turn in 0..40 {
        sandbox.append("huge.log", piece.as_bytes())?;
        if turn % 10 == 0 {
            weighs_little(browser).await?;
        }
    }
    sandbox.append("huge.log", "写完了 done\n".as_bytes())?;
    shows(browser, "写完了 done").await?;
    follows(browser, true).await?;
    weighs_little(browser).await
}

async fn weighs_little(browser: &Browser) -> Result<()> {
    let nodes = number(browser, "return document.querySelectorAll('*').length;").await?;
    ensure!(nodes < 12_000.0, "the page has {nodes} elements");
    let heap = "return performance.memory.usedJSHeapSize / 1048576;";
    let heap = number(browser, heap).await?;
    ensure!(heap < 96.0, "the page's heap has {heap} MiB");
    Ok(())
}

/// Words of a huge file where no page has them loaded, but for the last.
fn words_in_the_dark(sandbox: &Sandbox) -> Result<[u64; 3]> {
    let places = [HUGE - 300 * MIB - 5, HUGE - 40 * MIB + 7, HUGE + 1];
    let mut file = File::options().write(true).open(sandbox.path("huge.log"))?;
    for place in &places[..2] {
        file.seek(SeekFrom::Start(place - 1))?;
        file.write_all("\n针 in the dark\n".as_bytes())?;
    }
    Ok(places)
}

#[tokio::test]
async fn a_match_is_found_wherever_it_is_in_a_huge_file() -> Result<()> {
    let sandbox = Sandbox::make().await?;
    huge_log(&sandbox)?;
    let places = words_in_the_dark(&sandbox)?;
    let page = |name| sandbox.page(&sandbox.cluster.marathon(""), name);
    Browser::read("log-search", Reader::ENGLISH, async |browser| {
        browser.go(&page("huge.log")).await?;
        shows(browser, "最后一行 the last line").await?;
        let before = sandbox.memory()?;
        // Backwards from the end, as it is typed; on and back again, to the match that was seen before.
        browser.paste(&hook("log-search"), "针 IN").await?;
        is_at_byte(browser, places[1]).await?;
        browser.click(MATCH_BEFORE).await?;
        is_at_byte(browser, places[0]).await?;
        browser.click(MATCH_AFTER).await?;
        is_at_byte(browser, places[1]).await?;
        is_at(browser, "针 in").await?;
        weighs_little(browser).await?;
        let grown = sandbox.memory()?.saturating_sub(before);
        ensure!(grown < 24 * MIB, "master and agent have grown by {} MiB", grown / MIB);
        // Ten gibibytes without a match take a while: how far it is can be seen, and it can be stopped.
        browser.paste(&hook("log-search"), "nowhere at all").await?;
        let is_on = |text: &str| {
            let percent =
                text.split_whitespace().rev().nth(1).and_then(|word| word.parse::<u8>().ok());
            text.starts_with("Searching the file, ") && percent.is_some_and(|percent| percent > 0)
        };
        browser.text(&format!("{} [role=status]", hook("log-hunt")), is_on).await?;
        browser.click(&hook("log-search-cancel")).await?;
        browser.gone(&hook("log-hunt"), PATIENCE).await?;
        // The file is cut off while it is searched.
        browser.click(MATCH_BEFORE).await?;
        browser.find(&hook("log-search-cancel")).await?;
        File::options().write(true).open(sandbox.path("huge.log"))?.set_len(0)?;
        sandbox.append("huge.log", "anew\n".as_bytes())?;
        hunt_says(browser, "The file was begun anew meanwhile; search again.").await?;
        shows(browser, "anew").await?;
        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "the browser's console has errors: {errors:?}");
        Ok(())
    })
    .await
}

/// The search is at the line that begins there.
async fn is_at_byte(browser: &Browser, wanted: u64) -> Result<()> {
    let line = format!("{LINES} p.at");
    browser.attribute(&line, "id", &format!("B{wanted}"), PATIENCE).await
}

#[tokio::test]
async fn a_file_is_searched_over_http_a_piece_at_a_time() -> Result<()> {
    let sandbox = Sandbox::make().await?;
    huge_log(&sandbox)?;
    let places = words_in_the_dark(&sandbox)?;
    let path = sandbox.path("huge.log");
    let size = fs::metadata(&path)?.len();
    for base in sandbox.bases() {
        let ask = async |query: &str| {
            get(&format!("{base}/search?path={}&{query}", path.display())).await?.expect(200)
        };
        // 针 is E9 92 88.
        let found = ask(&format!("text=%E9%92%88&offset={}&back=true", places[2])).await?;
        ensure!(found["found"].is_null() && found["size"] == size, "{base}: {found}");
        let next = found["next"].as_u64().context("nowhere to go on")?;
        let piece = places[2] - next;
        ensure!((MIB..=32 * MIB).contains(&piece), "{base}: a piece of {piece} bytes");
        let found = ask(&format!("text=%E9%92%88+IN&offset={}", places[1] - MIB)).await?;
        ensure!(found["found"] == places[1] && found["next"].is_null(), "{base}: {found}");
        // Beyond an end there is nothing.
        let found = ask(&format!("text=line&offset={}", size - 4)).await?;
        ensure!(found["found"].is_null() && found["next"].is_null(), "{base}: {found}");
        for wrong in ["text=", "text=a%0Ab", "text=x&offset=-1", "text=x&back=up"] {
            let reply = get(&format!("{base}/search?path={}&{wrong}", path.display())).await?;
            ensure!(reply.status == 400, "{base}: {wrong}: {reply:?}");
        }
        let long = "x".repeat(513);
        let reply = get(&format!("{base}/search?path={}&text={long}", path.display())).await?;
        ensure!(reply.status == 400 && reply.body.contains("512"), "{base}: {reply:?}");
    }
    Ok(())
}

#[tokio::test]
async fn parts_of_a_huge_file_are_had_without_reading_the_rest() -> Result<()> {
    let sandbox = Sandbox::make().await?;
    huge_log(&sandbox)?;
    let path = sandbox.path("huge.log");
    let size = fs::metadata(&path)?.len();
    for base in sandbox.bases() {
        let url = format!("{base}/download?path={}", path.display());
        let part = async |range: &str| curl(&["-r", range, &url]).await;
        let end = part(&format!("{}-", HUGE + 1)).await?;
        ensure!(end.status == 206 && end.body == "最后一行 the last line\n", "{base}: {end:?}");
        let told = format!("bytes {}-{}/{size}", HUGE + 1, size - 1);
        ensure!(end.headers.get("content-range") == Some(&told), "{base}: {:?}", end.headers);
        let tail = part("-10").await?;
        ensure!(tail.status == 206 && tail.body == "last line\n", "{base}: {tail:?}");
        let middle = part(&format!("{}-{}", HUGE + 14, HUGE + 16)).await?;
        ensure!(middle.status == 206 && middle.body == "the", "{base}: {middle:?}");
        let beyond = part(&format!("{size}-")).await?;
        let told = format!("bytes */{size}");
        ensure!(beyond.status == 416, "{base}: {beyond:?}");
        ensure!(beyond.headers.get("content-range") == Some(&told), "{base}: {beyond:?}");
        // Several ranges are answered with the whole file, which the RFC allows; only its head is asked for here.
        let several = curl(&["--head", "-r", "0-1,5-6", &url]).await?;
        ensure!(several.status == 200, "{base}: {several:?}");
        ensure!(several.headers.get("content-length") == Some(&size.to_string()), "{several:?}");
        ensure!(several.headers.get("accept-ranges").is_some_and(|unit| unit == "bytes"), "{base}");
        ensure!(
            several.headers.get("content-disposition").is_some_and(|how| how.contains("huge.log")),
            "{base}: {:?}",
            several.headers
        );
    }
    for base in &sandbox.bases()[1..] {
        let read = format!("{base}/read?path={}&offset=-1&length=24", path.display());
        let read = get(&read).await?.expect(200)?;
        ensure!(
            read["size"] == size
                && read["data"].as_str().is_some_and(|data| data.ends_with("the last line\n")),
            "{read}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_huge_download_is_passed_on_as_it_is_read() -> Result<()> {
    let sandbox = Sandbox::make().await?;
    huge_log(&sandbox)?;
    let path = sandbox.path("huge.log");
    let [agent, _, marathon] = sandbox.bases();
    let nowhere = Path::new("/dev/null");
    let before = sandbox.memory()?;
    for base in [&agent, &marathon] {
        let url = format!("{base}/download?path={}", path.display());
        // Somebody slow, who gives up: what he does not take is not read.
        let slow = ["--limit-rate", "1M", "--max-time", "4", &url];
        let (code, slow) = fetched(nowhere, &slow, &sandbox).await?;
        ensure!(code == 28, "the slow reader ended with {code}");
        ensure!(slow < before + 32 * MIB, "{base}: {} MiB", slow.saturating_sub(before) / MIB);
        // A gibibyte at full speed.
        let (code, fast) = fetched(nowhere, &["-r", "0-1073741823", &url], &sandbox).await?;
        ensure!(code == 0, "the fast reader ended with {code}");
        ensure!(fast < before + 32 * MIB, "{base}: {} MiB", fast.saturating_sub(before) / MIB);
    }
    Ok(())
}

/// Runs `curl`; its exit code, and the most memory that master and agent had meanwhile.
async fn fetched(into: &Path, words: &[&str], sandbox: &Sandbox) -> Result<(i32, u64)> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--noproxy", "*", "--output"]).arg(into).args(words);
    let mut process = command.stdin(Stdio::null()).kill_on_drop(true).spawn()?;
    let mut most = 0;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            ended = process.wait() => return Ok((ended?.code().unwrap_or(-1), most)),
            _ = tick.tick() => most = most.max(sandbox.memory()?),
        }
    }
}

#[tokio::test]
async fn a_binary_file_is_downloaded_as_it_is_and_looked_at_without_harm() -> Result<()> {
    let sandbox = Sandbox::make().await?;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    sandbox.append("core.bin", &bytes)?;
    let path = sandbox.path("core.bin");
    let saved = sandbox.cluster.data().join("downloaded");
    for base in sandbox.bases() {
        let url = format!("{base}/download?path={}", path.display());
        fetched(&saved, &[&url], &sandbox).await?;
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
