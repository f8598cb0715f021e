//! Files too large to be read whole: followed, searched and passed on in parts.

use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use end2end::{
    browser::{Browser, Reader, hook},
    curl::curl,
};
use tokio::process::Command;

use super::*;

const HUGE: u64 = 10 << 30;
const MIB: u64 = 1 << 20;

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
        let found = ask(&format!("text=%E9%92%88+IN&offset={}", places[1] - MIB + 1)).await?;
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
pub(super) async fn fetched(into: &Path, words: &[&str], sandbox: &Sandbox) -> Result<(i32, u64)> {
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
