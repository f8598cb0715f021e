//! Texts with numbers or names in them, one function each.

use crate::boot::Lang;

/// "1-50 of 120".
pub fn range_of(lang: Lang, first: u64, last: u64, all: u64) -> String {
    match lang {
        Lang::En => format!("{first}-{last} of {all}"),
        Lang::ZhCn => format!("第 {first}-{last} 项，共 {all} 项"),
    }
}

/// "6.8 of 12 allocated".
pub fn allocated_of(lang: Lang, part: &str, whole: &str) -> String {
    match lang {
        Lang::En => format!("{part} of {whole} allocated"),
        Lang::ZhCn => format!("已分配 {part} / {whole}"),
    }
}

/// "by ci", after a time of building.
pub fn built_by(lang: Lang, user: &str) -> String {
    match lang {
        Lang::En => format!("by {user}"),
        Lang::ZhCn => format!("由 {user} 构建"),
    }
}

/// "agent `S1` does not exist".
pub fn not_found(lang: Lang, what: &str) -> String {
    match lang {
        Lang::En => format!("{what} does not exist"),
        Lang::ZhCn => format!("{what} 不存在"),
    }
}

/// "Searching the file, 37 %", while it is under way.
pub fn searching(lang: Lang, percent: u8) -> String {
    match lang {
        Lang::En => format!("Searching the file, {percent} %"),
        Lang::ZhCn => format!("正在搜索文件，{percent} %"),
    }
}

/// "The search failed: …".
pub fn search_failed(lang: Lang, reason: &str) -> String {
    match lang {
        Lang::En => format!("The search failed: {reason}"),
        Lang::ZhCn => format!("搜索失败：{reason}"),
    }
}

/// How long ago something was; the shape of a relative time, before its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ago {
    /// Under 42 seconds, or in the future.
    JustNow,
    /// One or more minutes.
    Minutes(u64),
    /// One or more hours.
    Hours(u64),
    /// Between 24 and 48 hours.
    Yesterday,
    /// Two days and more.
    Days(u64),
    /// One or more weeks.
    Weeks(u64),
    /// One or more months.
    Months(u64),
    /// One or more years.
    Years(u64),
}

/// "just now", "a minute ago", "4 minutes ago", "yesterday" …
pub fn ago(lang: Lang, ago: Ago) -> String {
    match lang {
        Lang::En => match ago {
            Ago::JustNow => "just now".to_owned(),
            Ago::Minutes(1) => "a minute ago".to_owned(),
            Ago::Minutes(n) => format!("{n} minutes ago"),
            Ago::Hours(1) => "an hour ago".to_owned(),
            Ago::Hours(n) => format!("{n} hours ago"),
            Ago::Yesterday => "yesterday".to_owned(),
            Ago::Days(n) => format!("{n} days ago"),
            Ago::Weeks(1) => "a week ago".to_owned(),
            Ago::Weeks(n) => format!("{n} weeks ago"),
            Ago::Months(1) => "a month ago".to_owned(),
            Ago::Months(n) => format!("{n} months ago"),
            Ago::Years(1) => "a year ago".to_owned(),
            Ago::Years(n) => format!("{n} years ago"),
        },
        Lang::ZhCn => match ago {
            Ago::JustNow => "刚刚".to_owned(),
            Ago::Minutes(n) => format!("{n} 分钟前"),
            Ago::Hours(n) => format!("{n} 小时前"),
            Ago::Yesterday => "昨天".to_owned(),
            Ago::Days(n) => format!("{n} 天前"),
            Ago::Weeks(n) => format!("{n} 周前"),
            Ago::Months(n) => format!("{n} 个月前"),
            Ago::Years(n) => format!("{n} 年前"),
        },
    }
}

/// "2 running deployments", of the badge.
pub fn running_deployments(lang: Lang, count: u64) -> String {
    match (lang, count) {
        (Lang::En, 1) => "1 running deployment".to_owned(),
        (Lang::En, _) => format!("{count} running deployments"),
        (Lang::ZhCn, _) => format!("{count} 个正在进行的部署"),
    }
}
