//! Texts of the application console with numbers or names in them.

use wire::console::CheckRow;

use crate::boot::Lang;
use crate::format;
use crate::pages::apps::Help;

/// "1 of 2": running and wanted instances.
pub fn of_instances(lang: Lang, running: u32, wanted: u32) -> String {
    match lang {
        Lang::En => format!("{running} of {wanted}"),
        Lang::ZhCn => format!("{running} / {wanted}"),
    }
}

/// "(1 of 2 instances)".
pub fn instances_in_brackets(lang: Lang, running: u32, wanted: u32) -> String {
    match lang {
        Lang::En => format!("({running} of {wanted} instances)"),
        Lang::ZhCn => format!("（{running} / {wanted} 个实例）"),
    }
}

/// "10 applications in 2 groups".
pub fn apps_in_groups(lang: Lang, apps: u64, groups: u64) -> String {
    match (lang, groups) {
        (Lang::En, 0) => counted(apps, "application"),
        (Lang::En, _) => {
            format!("{} in {}", counted(apps, "application"), counted(groups, "group"))
        }
        (Lang::ZhCn, 0) => format!("{apps} 个应用"),
        (Lang::ZhCn, _) => format!("{apps} 个应用，{groups} 个应用组"),
    }
}

/// "Wanted: CPU 6.8, memory 916 MiB, 3 of 4 instances run".
pub fn totals(lang: Lang, cpus: &str, mem: &str, running: u64, wanted: u64) -> String {
    match lang {
        Lang::En => {
            format!("Wanted: CPU {cpus}, memory {mem}. {running} of {wanted} instances run.")
        }
        Lang::ZhCn => format!("需求：CPU {cpus}，内存 {mem}。{running} / {wanted} 个实例运行中。"),
    }
}

/// "Check: exit code 3": what a plain check last found.
pub fn check_found(lang: Lang, found: CheckRow) -> String {
    match (lang, found) {
        (Lang::En, CheckRow::Command(Some(code))) => format!("Check: exit code {code}"),
        (Lang::En, CheckRow::Http(Some(status))) => format!("Check: HTTP status {status}"),
        (Lang::En, CheckRow::Tcp(Some(true))) => "Check: TCP succeeded".to_owned(),
        (Lang::En, CheckRow::Tcp(Some(false))) => "Check: TCP failed".to_owned(),
        (Lang::En, CheckRow::Command(None) | CheckRow::Http(None) | CheckRow::Tcp(None)) => {
            "Check: no answer".to_owned()
        }
        (Lang::ZhCn, CheckRow::Command(Some(code))) => format!("检查：退出码 {code}"),
        (Lang::ZhCn, CheckRow::Http(Some(status))) => format!("检查：HTTP 状态 {status}"),
        (Lang::ZhCn, CheckRow::Tcp(Some(true))) => "检查：TCP 成功".to_owned(),
        (Lang::ZhCn, CheckRow::Tcp(Some(false))) => "检查：TCP 失败".to_owned(),
        (Lang::ZhCn, CheckRow::Command(None) | CheckRow::Http(None) | CheckRow::Tcp(None)) => {
            "检查：无应答".to_owned()
        }
    }
}

/// "retry in 1 min 12 s".
pub fn retry_in(lang: Lang, seconds: u64) -> String {
    match lang {
        Lang::En if seconds < 60 => format!("retry in {seconds} s"),
        Lang::En => format!("retry in {} min {} s", seconds / 60, seconds % 60),
        Lang::ZhCn if seconds < 60 => format!("{seconds} 秒后重试"),
        Lang::ZhCn => format!("{} 分 {} 秒后重试", seconds / 60, seconds % 60),
    }
}

/// "step 2 of 3".
pub fn step_of(lang: Lang, step: u32, steps: u32) -> String {
    match lang {
        Lang::En => format!("step {step} of {steps}"),
        Lang::ZhCn => format!("第 {step} 步，共 {steps} 步"),
    }
}

/// "Actions for nginx".
pub fn actions_for(lang: Lang, name: &str) -> String {
    match lang {
        Lang::En => format!("Actions for {name}"),
        Lang::ZhCn => format!("{name} 的操作"),
    }
}

/// "Are you sure you want to restart /nginx?"
pub fn restart_question(lang: Lang, app: &str) -> String {
    match lang {
        Lang::En => format!("Are you sure you want to restart {app}?"),
        Lang::ZhCn => format!("确定要重启 {app} 吗？"),
    }
}

/// "Are you sure you want to suspend /nginx by scaling to 0 instances?"
pub fn suspend_question(lang: Lang, app: &str) -> String {
    match lang {
        Lang::En => format!("Are you sure you want to suspend {app} by scaling to 0 instances?"),
        Lang::ZhCn => format!("确定要将 {app} 缩容到 0 个实例以暂停它吗？"),
    }
}

/// "Are you sure you want to destroy /nginx? This action is irreversible."
pub fn destroy_question(lang: Lang, app: &str) -> String {
    match lang {
        Lang::En => format!("Are you sure you want to destroy {app}? This action is irreversible."),
        Lang::ZhCn => format!("确定要销毁 {app} 吗？此操作不可撤销。"),
    }
}

/// "Type nginx to confirm".
pub fn type_to_confirm(lang: Lang, name: &str) -> String {
    match lang {
        Lang::En => format!("Type {name} to confirm"),
        Lang::ZhCn => format!("输入 {name} 以确认"),
    }
}

/// "Are you sure you want to rollback deployment 97c136bf? …"
pub fn rollback_question(lang: Lang, apps: &str) -> String {
    match lang {
        Lang::En => format!(
            "Are you sure you want to rollback? This will stop the current deployment of {apps} and start a new deployment to revert the affected applications to their previous version."
        ),
        Lang::ZhCn => {
            format!(
                "确定要回滚吗？这会停止 {apps} 的当前部署，并启动一个新部署，将受影响的应用恢复到之前的版本。"
            )
        }
    }
}

/// What was done, for a toast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// An application was posted.
    Created(String),
    /// Another number of instances.
    Scaled(String, u32),
    /// All instances anew.
    Restarted(String),
    /// Removal has begun.
    Destroyed(String),
    /// The back-off is over.
    DelayReset(String),
    /// An earlier definition again.
    Applied(String),
    /// A deployment is undone.
    RolledBack,
}

/// "Scaling /tomcat to 2 instances."
pub fn done(lang: Lang, done: &Done) -> String {
    match (lang, done) {
        (Lang::En, Done::Created(app)) => format!("Creating {app}."),
        (Lang::En, Done::Scaled(app, 1)) => format!("Scaling {app} to 1 instance."),
        (Lang::En, Done::Scaled(app, n)) => format!("Scaling {app} to {n} instances."),
        (Lang::En, Done::Restarted(app)) => format!("Restarting {app}."),
        (Lang::En, Done::Destroyed(app)) => format!("Destroying {app}."),
        (Lang::En, Done::DelayReset(app)) => format!("{app} starts without further delay."),
        (Lang::En, Done::Applied(app)) => format!("Applying an earlier version of {app}."),
        (Lang::En, Done::RolledBack) => "Rolling back.".to_owned(),
        (Lang::ZhCn, Done::Created(app)) => format!("正在创建 {app}。"),
        (Lang::ZhCn, Done::Scaled(app, n)) => format!("正在将 {app} 扩缩容到 {n} 个实例。"),
        (Lang::ZhCn, Done::Restarted(app)) => format!("正在重启 {app}。"),
        (Lang::ZhCn, Done::Destroyed(app)) => format!("正在销毁 {app}。"),
        (Lang::ZhCn, Done::DelayReset(app)) => format!("{app} 将立即启动，不再延迟。"),
        (Lang::ZhCn, Done::Applied(app)) => format!("正在应用 {app} 的旧版本。"),
        (Lang::ZhCn, Done::RolledBack) => "正在回滚。".to_owned(),
    }
}

/// "Deployment 97c136bf", the text of a link.
pub fn deployment(lang: Lang, short: &str) -> String {
    match lang {
        Lang::En => format!("Deployment {short}"),
        Lang::ZhCn => format!("部署 {short}"),
    }
}

/// "Line 17, column 30".
pub fn line_column(lang: Lang, line: usize, column: usize) -> String {
    match lang {
        Lang::En => format!("Line {line}, column {column}"),
        Lang::ZhCn => format!("第 {line} 行，第 {column} 列"),
    }
}

/// "1 × 0.2 CPUs, 32 MiB".
pub fn each(lang: Lang, instances: &str, cpus: &str, mem: &str) -> String {
    match lang {
        Lang::En => format!("{instances} × {cpus} CPUs, {mem} MiB"),
        Lang::ZhCn => format!("{instances} × {cpus} CPU，{mem} MiB"),
    }
}

/// "3 of 4 instances run, 1 waits."
pub fn waiting_sentence(lang: Lang, running: u32, wanted: u32, waits: u32) -> String {
    match lang {
        Lang::En if waits == 1 => {
            format!("{running} of {wanted} instances run. One cannot be placed yet:")
        }
        Lang::En => format!("{running} of {wanted} instances run. {waits} cannot be placed yet:"),
        Lang::ZhCn => format!("{running} / {wanted} 个实例运行中，{waits} 个暂时无法调度："),
    }
}

/// "0 of 1 instances run. One waits after a failure:"
pub fn delayed_sentence(lang: Lang, running: u32, wanted: u32, waits: u32) -> String {
    match lang {
        Lang::En if waits == 1 => {
            format!("{running} of {wanted} instances run. One waits after a failure:")
        }
        Lang::En => format!("{running} of {wanted} instances run. {waits} wait after a failure:"),
        Lang::ZhCn => format!("{running} / {wanted} 个实例运行中，{waits} 个因失败推迟启动："),
    }
}

/// "18 offers seen, 18 declined".
pub fn offers_seen(lang: Lang, seen: u64, declined: u64) -> String {
    match lang {
        Lang::En => format!("{} seen, {declined} declined", counted(seen, "offer")),
        Lang::ZhCn => format!("收到 {seen} 个邀约，拒绝 {declined} 个"),
    }
}

/// What an offer lacked, in words.
pub fn reject_reason(lang: Lang, reason: &str) -> String {
    let (en, zh) = match reason {
        "UnfulfilledRole" => ("no resources of its role", "没有该角色的资源"),
        "UnfulfilledConstraint" => ("a constraint does not hold", "不满足约束"),
        "NoCorrespondingReservationFound" => ("no reservation fits", "没有匹配的预留"),
        "AgentMaintenance" => ("the agent is in maintenance", "代理节点正在维护"),
        "InsufficientCpus" => ("too few CPUs", "CPU 不足"),
        "InsufficientMemory" => ("too little memory", "内存不足"),
        "InsufficientDisk" => ("too little disk", "磁盘不足"),
        "InsufficientGpus" => ("too few GPUs", "GPU 不足"),
        "InsufficientPorts" => ("a port is taken, or too few are free", "端口被占用或不足"),
        "DeclinedScarceResources" => ("it has scarce resources that are kept free", "保留稀缺资源"),
        other => return other.to_owned(),
    };
    match lang {
        Lang::En => en,
        Lang::ZhCn => zh,
    }
    .to_owned()
}

/// A stage of the funnel, short.
pub fn funnel_stage(lang: Lang, reason: &str) -> String {
    let (en, zh) = match reason {
        "UnfulfilledRole" => ("Role", "角色"),
        "UnfulfilledConstraint" => ("Constraint", "约束"),
        "NoCorrespondingReservationFound" => ("Reservation", "预留"),
        "AgentMaintenance" => ("Maintenance", "维护"),
        "InsufficientCpus" => ("CPU", "CPU"),
        "InsufficientMemory" => ("Memory", "内存"),
        "InsufficientDisk" => ("Disk", "磁盘"),
        "InsufficientGpus" => ("GPU", "GPU"),
        "InsufficientPorts" => ("Ports", "端口"),
        "DeclinedScarceResources" => ("Scarce", "稀缺资源"),
        other => return other.to_owned(),
    };
    match lang {
        Lang::En => en,
        Lang::ZhCn => zh,
    }
    .to_owned()
}

/// When agents fail at different requirements.
pub fn mixed_reasons(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "each agent lacks something else, see below.",
        Lang::ZhCn => "各代理节点缺少的资源不同，见下表。",
    }
}

/// "needs 64", under a head.
pub fn needs(lang: Lang, amount: &str) -> String {
    match lang {
        Lang::En => format!("needs {amount}"),
        Lang::ZhCn => format!("需要 {amount}"),
    }
}

/// "2 offered".
pub fn offered(lang: Lang, amount: &str) -> String {
    match lang {
        Lang::En => format!("{amount} offered"),
        Lang::ZhCn => format!("提供 {amount}"),
    }
}

/// Something that would help: what to do, and what it means.
pub(crate) fn help(lang: Lang, help: &Help) -> (String, String) {
    let (title, text) = match (lang, help) {
        (Lang::En, Help::ScaleTo(1)) => {
            ("Scale to 1 instance".to_owned(), "Matches what runs. Nothing restarts.".to_owned())
        }
        (Lang::En, Help::ScaleTo(n)) => {
            (format!("Scale to {n} instances"), "Matches what runs. Nothing restarts.".to_owned())
        }
        (Lang::ZhCn, Help::ScaleTo(n)) => {
            (format!("扩缩容到 {n} 个实例"), "与正在运行的数量一致，不会重启任何实例。".to_owned())
        }
        (_, Help::AskForLess { resource, asks, most }) => {
            ask_for_less(lang, resource, *asks, *most)
        }
        (Lang::En, Help::AnyPort) => (
            "Use host port 0".to_owned(),
            "The agent then gives each instance a free port. Instances restart.".to_owned(),
        ),
        (Lang::ZhCn, Help::AnyPort) => (
            "使用主机端口 0".to_owned(),
            "代理节点会为每个实例分配空闲端口。实例会重启。".to_owned(),
        ),
        (Lang::En, Help::Constraint(all)) => {
            (format!("Loosen {}", all.join(", ")), "Instances restart.".to_owned())
        }
        (Lang::ZhCn, Help::Constraint(all)) => {
            (format!("放宽约束 {}", all.join("，")), "实例会重启。".to_owned())
        }
        (Lang::En, Help::AddAgent) => (
            "Add an agent".to_owned(),
            "Its first offer is tried at once; nothing needs to be done here.".to_owned(),
        ),
        (Lang::ZhCn, Help::AddAgent) => {
            ("添加代理节点".to_owned(), "新节点的首个邀约会立即尝试，此处无需任何操作。".to_owned())
        }
        (Lang::En, Help::LastFailure) => (
            "Read the last task failure".to_owned(),
            "Instances start and fail; the wait between attempts grows until one stays up."
                .to_owned(),
        ),
        (Lang::ZhCn, Help::LastFailure) => (
            "查看最近的任务失败".to_owned(),
            "实例启动后失败；在成功之前，重试间隔会不断延长。".to_owned(),
        ),
    };
    (title, text)
}

fn ask_for_less(lang: Lang, resource: &str, asks: f64, most: f64) -> (String, String) {
    let number = |amount: f64| match resource {
        "cpus" => format::number(amount),
        _ => format::bytes_iec(amount * 1_048_576.0, 2),
    };
    let (asks, most) = (number(asks), number(most));
    let (en, zh) = match resource {
        "cpus" => ("Ask for fewer CPUs", "减少 CPU 需求"),
        "mem" => ("Ask for less memory", "减少内存需求"),
        _ => ("Ask for less disk", "减少磁盘需求"),
    };
    match lang {
        Lang::En => {
            (en.to_owned(), format!("One instance asks for {asks}; the largest offer had {most}."))
        }
        Lang::ZhCn => (zh.to_owned(), format!("每个实例需要 {asks}，最大的邀约为 {most}。")),
    }
}

/// "no offer has come yet", when nothing was seen.
pub fn no_offer_yet(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "no offer has come yet.",
        Lang::ZhCn => "尚未收到任何邀约。",
    }
}

/// "scale 1 → 2".
pub fn scale_change(lang: Lang, from: u32, to: u32) -> String {
    match lang {
        Lang::En => format!("instances {from} → {to}"),
        Lang::ZhCn => format!("实例 {from} → {to}"),
    }
}

/// "1 of 2 instances run".
pub fn instances_run(lang: Lang, running: u32, wanted: u32) -> String {
    match lang {
        Lang::En => format!("{running} of {wanted} instances run"),
        Lang::ZhCn => format!("{running} / {wanted} 个实例运行中"),
    }
}

/// "Progress 1 / 3".
pub fn progress(lang: Lang, done: u32, steps: u32) -> String {
    match lang {
        Lang::En => format!("Progress {done} / {steps}"),
        Lang::ZhCn => format!("进度 {done} / {steps}"),
    }
}

/// "Step 2 of 3, 50 % done", for those who do not see the bar.
pub fn leg(lang: Lang, step: u32, steps: u32, percent: u32) -> String {
    match lang {
        Lang::En => format!("Step {step} of {steps}, {percent}% done"),
        Lang::ZhCn => format!("第 {step} 步，共 {steps} 步，完成 {percent}%"),
    }
}

fn counted(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}
