//! The deployment guide from its first container to its last, on three agents: once by hand in Chromium, once with `curl`.
//!
//! Its files are posted as they are. What the consoles say is compared with what the APIs and the engine say.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use end2end::{
    browser::{Browser, Reader, hook, row},
    cluster::Cluster,
    commands,
    curl::{delete, get, send},
    fixture,
    guides_file::GuidesFile,
    waiting::until,
};
use serde_json::{Value, json};

/// Containers may have to be made, and others build at the same time.
const PATIENCE: Duration = Duration::from_secs(60);
/// The folder that the guide gives to nginx.
const PAGES: &str = "/opt/web/www";

#[tokio::test]
async fn the_guides_whole_story_in_chromium() -> Result<()> {
    let cluster = begin().await?;
    Browser::read("guide-story", Reader::ENGLISH, async |browser| {
        let story = Story { cluster: &cluster, browser: Some(browser) };
        story.tell().await?;
        let errors = browser.console_errors().await?;
        // The containers' pages are none of ours: they have no icon. And who scales while something is deployed is asked again.
        let consoles = [cluster.master("/"), cluster.marathon("/")];
        let asked = |error: &str| error.contains("/v2/apps/tomcat") && error.contains("409");
        let is_ours = |error: &&String| {
            consoles.iter().any(|console| error.contains(console)) && !asked(error)
        };
        let errors: Vec<_> = errors.iter().filter(is_ours).collect();
        ensure!(errors.is_empty(), "the browser's console has errors: {errors:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_guides_whole_story_with_curl() -> Result<()> {
    let cluster = begin().await?;
    Story { cluster: &cluster, browser: None }.tell().await
}

async fn begin() -> Result<Cluster> {
    Cluster::start_with(3, &["--containerizers=docker,mesos"]).await
}

/// The cluster and, when the story is told by hand, the window.
struct Story<'a> {
    cluster: &'a Cluster,
    browser: Option<&'a Browser>,
}

impl Story<'_> {
    async fn tell(&self) -> Result<()> {
        self.marathon_is_found_among_the_frameworks().await?;
        self.nginx_shows_its_page().await.context("nginx")?;
        self.destroy("nginx").await?;
        self.tomcat_is_scaled_as_far_as_the_agents_go().await.context("tomcat")?;
        self.the_volume_shows_the_hosts_folder().await.context("nginx-volume")?;
        self.destroy("nginx").await?;
        // One of its random ports may be the fixed one.
        self.destroy("tomcat").await?;
        self.the_fixed_port_is_on_every_agent().await.context("nginx-fixed-port")?;
        self.destroy("nginx").await?;
        self.the_shell_task_writes_its_file().await.context("basic-0")?;
        let apps = get(&self.cluster.marathon("/v2/apps")).await?.expect(200)?;
        ensure!(apps == json!({"apps": []}), "{apps}");
        Ok(())
    }

    /// "Frameworks" of the cluster console names Marathon and where it is.
    async fn marathon_is_found_among_the_frameworks(&self) -> Result<()> {
        let found = get(&self.cluster.master("/frameworks")).await?.expect(200)?;
        ensure!(found["frameworks"][0]["name"] == "marathon", "{found}");
        let Some(browser) = self.browser else { return Ok(()) };
        browser.go(&self.cluster.master("/ui/frameworks")).await?;
        browser.text(&hook("table-active-frameworks"), |text| text.contains("marathon")).await?;
        Ok(())
    }

    async fn nginx_shows_its_page(&self) -> Result<()> {
        self.create("nginx", "nginx", Some("80 → 0")).await?;
        let app = self.cluster.settled("nginx", 1).await?;
        let task = &app["tasks"][0];
        let engine = self.cluster.running("docker.io/nginx").await?;
        ensure!(engine.len() == 1 && engine[0].name().starts_with("mesos-"), "{engine:?}");
        let published = engine[0].published("80/tcp").context("80/tcp is not published")?;
        ensure!(task["ports"] == json!([published.1]), "{published:?}: {task}");
        ensure!((31_000..=32_000).contains(&published.1), "{published:?}");
        self.page(&address(task)?, "Welcome to nginx!").await?;
        self.is_among_the_active_tasks(task).await?;
        self.logs_are_seen_and_downloaded("nginx", "stdout", "GET / HTTP/1.1").await
    }

    async fn tomcat_is_scaled_as_far_as_the_agents_go(&self) -> Result<()> {
        self.create("tomcat", "tomcat", Some("8080 → 0")).await?;
        let app = self.cluster.settled("tomcat", 1).await?;
        self.page(&address(&app["tasks"][0])?, "Tomcat").await?;
        self.scale("tomcat", 2).await?;
        self.on_different_agents("tomcat", 2).await?;
        self.scale("tomcat", 4).await?;
        self.is_told_why_the_fourth_waits().await?;
        self.scale("tomcat", 2).await?;
        self.cluster.settled("tomcat", 2).await?;
        self.on_different_agents("tomcat", 2).await?;
        let queue = get(&self.cluster.marathon("/v2/queue")).await?.expect(200)?;
        ensure!(queue == json!({"queue": []}), "{queue}");
        self.logs_are_seen_and_downloaded("tomcat", "stderr", "Server startup").await
    }

    /// The volume's folder is the host's: its page is missing until somebody writes it there.
    async fn the_volume_shows_the_hosts_folder(&self) -> Result<()> {
        self.create("nginx-volume", "nginx", Some("80 → 0")).await?;
        let app = self.cluster.settled("nginx", 1).await?;
        let page = format!("ekiden-{}.html", std::process::id());
        let url = format!("{}{page}", address(&app["tasks"][0])?);
        until("nginx answers", PATIENCE, async || {
            let status = get(&url).await?.status;
            ensure!(status == 404, "status {status}");
            Ok(())
        })
        .await?;
        let file = Page::write(&page, "<p>written on the host, 写在主机上</p>")?;
        self.page(&url, "written on the host").await?;
        drop(file);
        let engine = self.cluster.running("docker.io/nginx").await?;
        let binds = engine[0].at("/HostConfig/Binds").to_string();
        ensure!(binds.contains(&format!("{PAGES}:/usr/share/nginx/html:rw")), "{binds}");
        if let Some(browser) = self.browser {
            browser.go(&self.cluster.marathon("/ui/apps/nginx/-/configuration")).await?;
            browser.text(&hook("definition"), |text| text.contains(PAGES)).await?;
        }
        self.logs_are_seen_and_downloaded("nginx", "stdout", &format!("GET /{page}")).await
    }

    async fn the_fixed_port_is_on_every_agent(&self) -> Result<()> {
        self.create("nginx-fixed-port", "nginx", Some("80 → 31030")).await?;
        self.cluster.settled("nginx", 1).await?;
        self.scale("nginx", 3).await?;
        let app = self.cluster.settled("nginx", 3).await?;
        ensure!(app["container"]["portMappings"][0]["servicePort"] == 33_180, "{app}");
        for agent in 1..=3 {
            let host = self.cluster.agent_host(agent);
            self.page(&format!("http://{host}:31030/"), "Welcome to nginx!").await?;
        }
        self.logs_are_seen_and_downloaded("nginx", "stdout", "GET / HTTP/1.1").await
    }

    /// The guide's shell task, filled in field by field.
    async fn the_shell_task_writes_its_file(&self) -> Result<()> {
        let file = GuidesFile::take().await?;
        let guide: Value = serde_json::from_str(&text_of("basic-0")?)?;
        match self.browser {
            Some(browser) => self.fill_in(browser, &guide).await?,
            None => drop(self.cluster.post(&fixture("guide/basic-0.json")).await?.expect(201)?),
        }
        let app = self.cluster.settled("basic-0", 1).await?;
        for name in ["cmd", "cpus", "mem", "instances"] {
            ensure!(app[name] == guide[name], "{name}: {} is not {}", app[name], guide[name]);
        }
        ensure!(app["container"].is_null(), "{app}");
        until("the file grows every five seconds", PATIENCE, async || {
            let text = fs::read_to_string(file.path()).unwrap_or_default();
            ensure!(text.starts_with("Hello hello\nHello hello\n"), "it holds `{text}`");
            Ok(())
        })
        .await?;
        self.is_among_the_active_tasks(&app["tasks"][0]).await?;
        self.logs_are_seen_and_downloaded("basic-0", "stderr", "").await?;
        self.destroy("basic-0").await?;
        commands::nothing_is_left(self.cluster.data()).await
    }

    async fn fill_in(&self, browser: &Browser, guide: &Value) -> Result<()> {
        self.open_new_application(browser).await?;
        for (field, name) in [
            ("appId", "id"),
            ("cmd", "cmd"),
            ("cpus", "cpus"),
            ("mem", "mem"),
            ("instances", "instances"),
        ] {
            let value = guide[name].as_str().map_or_else(|| guide[name].to_string(), str::to_owned);
            // As the guide's pictures have it: 10, not 10.0.
            let typed = value.strip_suffix(".0").unwrap_or(&value);
            browser.paste(&hook(&format!("field-{field}")), typed).await?;
        }
        self.submit(browser, "basic-0").await
    }

    /// Creates an application out of the guide's file: pasted in JSON Mode, and looked at in the form; or posted.
    async fn create(&self, file: &str, app: &str, ports: Option<&str>) -> Result<()> {
        let Some(browser) = self.browser else {
            self.cluster.post(&fixture(&format!("guide/{file}.json"))).await?.expect(201)?;
            return Ok(());
        };
        self.open_new_application(browser).await?;
        browser.click(&hook("json-toggle")).await?;
        browser.paste(&hook("json-editor"), &text_of(file)?).await?;
        if let Some(ports) = ports {
            let (container, host) = ports.split_once(" → ").context("no arrow")?;
            browser.click(&hook("json-toggle")).await?;
            let image = browser.value(&hook("field-dockerImage")).await?;
            ensure!(image.starts_with("docker.io/"), "the form's image is `{image}`");
            for (key, wanted) in [("containerPort", container), ("hostPort", host)] {
                let field = hook(&format!("field-dockerPortMappings.0.{key}"));
                let shown = browser.value(&field).await?;
                // A file without a host port leaves the field empty.
                let is_same = shown == wanted || (wanted == "0" && shown.is_empty());
                ensure!(is_same, "{key} is `{shown}` in the form, not {wanted}");
            }
        }
        self.submit(browser, app).await
    }

    async fn open_new_application(&self, browser: &Browser) -> Result<()> {
        browser.go(&self.cluster.marathon("/ui/apps")).await?;
        browser.find(&hook("btn-create-app")).await?;
        browser.mark().await?;
        browser.click(&hook("btn-create-app")).await
    }

    async fn submit(&self, browser: &Browser, app: &str) -> Result<()> {
        browser.click(&hook("btn-submit-app")).await?;
        let status = format!("{} {}", row(&format!("/{app}")), hook("app-status"));
        browser.attribute(&status, "data-status", "running", PATIENCE).await?;
        browser.still_marked().await
    }

    /// Another number of instances, whatever is being deployed.
    async fn scale(&self, app: &str, instances: u64) -> Result<()> {
        let Some(browser) = self.browser else {
            let url = self.cluster.marathon(&format!("/v2/apps/{app}?force=true"));
            send("PUT", &url, &json!({"instances": instances})).await?.expect(200)?;
            return Ok(());
        };
        browser.go(&self.cluster.marathon(&format!("/ui/apps/{app}"))).await?;
        browser.click(&hook("btn-scale")).await?;
        browser.paste(&hook("dialog-input"), &instances.to_string()).await?;
        let deploying = self.cluster.app(app).await?["deployments"] != json!([]);
        browser.click(&hook("dialog-confirm")).await?;
        if deploying {
            // The dialog says that another deployment has the application, and offers to go on.
            browser.find(&hook("form-errors")).await?;
            browser.click(&hook("dialog-confirm")).await?;
        }
        browser.gone(&hook("dialog-input"), PATIENCE).await
    }

    async fn on_different_agents(&self, app: &str, count: usize) -> Result<()> {
        let wanted = u64::try_from(count)?;
        let app = self.cluster.settled(app, wanted).await?;
        let tasks = app["tasks"].as_array().context("no tasks")?;
        let mut hosts: Vec<&str> = tasks.iter().filter_map(|task| task["host"].as_str()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        ensure!(hosts.len() == count, "{count} instances run on {hosts:?}");
        Ok(())
    }

    /// Three agents hold three instances; the queue and the page say what keeps the fourth.
    async fn is_told_why_the_fourth_waits(&self) -> Result<()> {
        until("the queue tells the reason", PATIENCE, async || {
            let running = self.cluster.app("tomcat").await?["tasksRunning"].clone();
            ensure!(running == 3, "{running} run");
            let queue = get(&self.cluster.marathon("/v2/queue")).await?.expect(200)?;
            let item = &queue["queue"][0];
            ensure!(item["count"] == 1 && item["app"]["id"] == "/tomcat", "{queue}");
            let reasons = item["processedOffersSummary"]["rejectSummaryLastOffers"].as_array();
            let constraint = reasons.into_iter().flatten();
            let constraint = constraint.filter(|one| one["reason"] == "UnfulfilledConstraint");
            let declined: u64 = constraint.filter_map(|one| one["declined"].as_u64()).sum();
            ensure!(declined == 3, "{queue}");
            Ok(())
        })
        .await?;
        let Some(browser) = self.browser else { return Ok(()) };
        browser.go(&self.cluster.marathon("/ui/apps/tomcat")).await?;
        browser.attribute(&hook("app-status"), "data-status", "waiting", PATIENCE).await?;
        browser.click(&hook("tab-debug")).await?;
        browser.text(&hook("why"), |text| text.contains("hostname:UNIQUE")).await?;
        Ok(())
    }

    async fn is_among_the_active_tasks(&self, task: &Value) -> Result<()> {
        let tasks = get(&self.cluster.master("/tasks")).await?.expect(200)?;
        let mut shown = tasks["tasks"].as_array().into_iter().flatten();
        let shown = shown.find(|shown| shown["id"] == task["id"]).context("not in /tasks")?;
        ensure!(
            shown["state"] == "TASK_RUNNING" && shown["slave_id"] == task["slaveId"],
            "{shown}"
        );
        let Some(browser) = self.browser else { return Ok(()) };
        browser.go(&self.cluster.master("/")).await?;
        let id = task["id"].as_str().context("no task id")?;
        browser.find(&format!("{} {}", hook("table-active-tasks"), row(id))).await?;
        Ok(())
    }

    /// Fetches a page, and looks at it.
    async fn page(&self, url: &str, wanted: &str) -> Result<()> {
        until(&format!("{url} is served"), PATIENCE, async || {
            let page = get(url).await?;
            ensure!(page.status == 200 && page.body.contains(wanted), "{}", page.body);
            Ok(())
        })
        .await?;
        let Some(browser) = self.browser else { return Ok(()) };
        browser.go(url).await?;
        browser.text("body", |text| text.contains(wanted)).await?;
        Ok(())
    }

    /// Both logs of every instance: at the agent, and in both consoles. `wanted` stands in the `stream` of each.
    async fn logs_are_seen_and_downloaded(
        &self,
        app: &str,
        stream: &str,
        wanted: &str,
    ) -> Result<()> {
        let tasks = self.cluster.app(app).await?["tasks"].clone();
        for task in tasks.as_array().context("no tasks")? {
            for name in ["stdout", "stderr"] {
                let log = Log { task, name, wanted: if name == stream { wanted } else { "" } };
                log.at_the_agent().await.with_context(|| format!("{name} at the agent"))?;
                let Some(browser) = self.browser else { continue };
                let console = log.in_the_application_console(self.cluster, browser, app).await;
                console.with_context(|| format!("{name} in the application console"))?;
                let console = log.in_the_cluster_console(self.cluster, browser).await;
                console.with_context(|| format!("{name} in the cluster console"))?;
            }
        }
        Ok(())
    }

    /// Destroys an application; its containers end and stay, as the guide's `docker ps -a` shows.
    async fn destroy(&self, app: &str) -> Result<()> {
        match self.browser {
            Some(browser) => {
                browser.go(&self.cluster.marathon(&format!("/ui/apps/{app}"))).await?;
                browser.click(&hook("btn-gear")).await?;
                browser.click(&hook("btn-destroy")).await?;
                browser.paste(&hook("dialog-input"), app).await?;
                browser.click(&hook("dialog-confirm")).await?;
                browser.gone(&row(&format!("/{app}")), PATIENCE).await?;
            }
            None => {
                let url = self.cluster.marathon(&format!("/v2/apps/{app}"));
                delete(&url).await?.expect(200)?;
            }
        }
        self.cluster.idle().await?;
        let url = self.cluster.marathon(&format!("/v2/apps/{app}"));
        get(&url).await?.expect(404)?;
        let image = format!("docker.io/{app}");
        until("its containers have ended", PATIENCE, async || {
            let running = self.cluster.running(&image).await?.len();
            ensure!(running == 0, "{running} run");
            let tasks = get(&self.cluster.master("/tasks")).await?.expect(200)?;
            let mut tasks = tasks["tasks"].as_array().into_iter().flatten();
            let left = tasks.find(|task| task["name"] == app && task["state"] == "TASK_RUNNING");
            ensure!(left.is_none(), "{left:?} is active");
            Ok(())
        })
        .await
    }
}

/// One log of a task.
struct Log<'a> {
    task: &'a Value,
    name: &'a str,
    /// What stands in it.
    wanted: &'a str,
}

impl Log<'_> {
    fn id(&self) -> Result<&str> {
        self.task["id"].as_str().context("no task id")
    }

    /// Listed, read and downloaded at port 5051, as the guide's scripts would.
    async fn at_the_agent(&self) -> Result<()> {
        let host = self.task["host"].as_str().context("no host")?;
        let agent = format!("http://{host}:5051");
        let state = get(&format!("{agent}/state")).await?.expect(200)?;
        let mut executors = state["frameworks"][0]["executors"].as_array().into_iter().flatten();
        let executor = executors.find(|executor| executor["id"] == self.task["id"]);
        let folder = executor.context("no executor")?["directory"].as_str().context("no folder")?;
        let path = format!("{folder}/{}", self.name);
        let files = get(&format!("{agent}/files/browse?path={folder}")).await?.expect(200)?;
        let mut files = files.as_array().into_iter().flatten();
        files.find(|file| file["path"] == path.as_str()).context("not listed")?;
        until("the log has it", PATIENCE, async || {
            let read = format!("{agent}/files/read?path={path}&offset=0");
            let read = get(&read).await?.expect(200)?;
            let data = read["data"].as_str().unwrap_or_default();
            ensure!(data.contains(self.wanted), "it reads `{data}`");
            let download = get(&format!("{agent}/files/download?path={path}")).await?;
            ensure!(download.status == 200 && download.body.starts_with(data), "{}", download.body);
            Ok(())
        })
        .await
    }

    async fn in_the_application_console(
        &self,
        cluster: &Cluster,
        browser: &Browser,
        app: &str,
    ) -> Result<()> {
        browser.go(&cluster.marathon(&format!("/ui/apps/{app}"))).await?;
        let cell = format!(
            "{} {} {}",
            hook("table-instances"),
            row(self.id()?),
            hook(&format!("cell-{}", self.name))
        );
        browser.click(&format!("{cell} a[href*=\"download\"]")).await?;
        browser.download(|content| content.contains(self.wanted)).await?;
        browser.click(&format!("{cell} a:not([href*=\"download\"])")).await?;
        browser.text(&hook("log-view"), |text| text.contains(self.wanted)).await?;
        Ok(())
    }

    async fn in_the_cluster_console(&self, cluster: &Cluster, browser: &Browser) -> Result<()> {
        browser.go(&cluster.master("/")).await?;
        let sandbox = format!("{} {}", row(self.id()?), hook("sandbox-link"));
        browser.click(&format!("{} {sandbox}", hook("table-active-tasks"))).await?;
        let ends = format!("[data-testid=\"row\"][data-key$=\"/{}\"]", self.name);
        let file = format!("{} {ends}", hook("table-files"));
        browser.click(&format!("{file} a[href*=\"download\"]")).await?;
        browser.download(|content| content.contains(self.wanted)).await?;
        browser.click(&format!("{file} {} a", hook("cell-name"))).await?;
        browser.text(&hook("log-view"), |text| text.contains(self.wanted)).await?;
        Ok(())
    }
}

/// A page in the guide's folder, removed when it is dropped.
struct Page(String);

impl Page {
    fn write(name: &str, text: &str) -> Result<Self> {
        // The engine has made the folder.
        let path = format!("{PAGES}/{name}");
        fs::write(&path, text).with_context(|| format!("could not write {path}"))?;
        Ok(Self(path))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn text_of(file: &str) -> Result<String> {
    Ok(fs::read_to_string(fixture(&format!("guide/{file}.json")))?)
}

/// The address of a task's first port.
fn address(task: &Value) -> Result<String> {
    let host = task["host"].as_str().context("the task has no host")?;
    Ok(format!("http://{host}:{}/", task["ports"][0]))
}
