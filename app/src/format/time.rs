//! Times as text, from milliseconds since the Unix epoch.

use crate::boot::Lang;
use crate::i18n::phrases::{self, Ago};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long ago `then` was at `now`, in the steps of the cluster console. "4 minutes ago"
pub fn ago(lang: Lang, now_ms: u64, then_ms: u64) -> String {
    phrases::ago(lang, steps(now_ms.saturating_sub(then_ms)))
}

fn steps(age: u64) -> Ago {
    let rounded = |unit: u64| (age + unit / 2) / unit;
    let month = 365 * DAY / 12;
    match age {
        _ if age < 42 * SECOND => Ago::JustNow,
        _ if age < 90 * SECOND => Ago::Minutes(1),
        _ if age < HOUR => Ago::Minutes(rounded(MINUTE)),
        _ if age < 90 * MINUTE => Ago::Hours(1),
        _ if age < DAY => Ago::Hours(rounded(HOUR)),
        _ if age < 2 * DAY => Ago::Yesterday,
        _ if age < 7 * DAY => Ago::Days(rounded(DAY)),
        _ if age < 10 * DAY + 12 * HOUR => Ago::Weeks(1),
        _ if age < month => Ago::Weeks(rounded(7 * DAY)),
        _ if age < month + month / 2 => Ago::Months(1),
        _ if age < 365 * DAY => Ago::Months(rounded(month)),
        _ if age < 547 * DAY + 12 * HOUR => Ago::Years(1),
        _ => Ago::Years(rounded(365 * DAY)),
    }
}

/// A calendar date and time of day, UTC.
struct Civil {
    year: i64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    millis: u64,
}

/// The days-from-civil arithmetic of the proleptic Gregorian calendar, in 400-year eras that begin in March.
fn civil(ms: u64) -> Civil {
    let days = ms / DAY;
    let in_day = ms % DAY;
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = i64::try_from(year_of_era + 400 * era).unwrap_or(i64::MAX) + i64::from(month <= 2);
    Civil {
        year,
        month,
        day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        hour: in_day / HOUR,
        minute: in_day % HOUR / MINUTE,
        second: in_day % MINUTE / SECOND,
        millis: in_day % SECOND,
    }
}

/// A time as ISO 8601 with milliseconds. "2026-11-22T14:02:11.000Z"
pub fn iso(ms: u64) -> String {
    let t = civil(ms);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        t.year, t.month, t.day, t.hour, t.minute, t.second, t.millis
    )
}

/// Reads what [`iso`] writes.
pub fn from_iso(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, between: &[char]| -> Option<Vec<u64>> {
        text.split(between).map(|part| part.parse().ok()).collect()
    };
    let (date, time) = (numbers(date, &['-'])?, numbers(time, &[':', '.'])?);
    let ([year, month, day], [hour, minute, second, millis]) = (&date[..], &time[..]) else {
        return None;
    };
    let is_date = (1970..10_000).contains(year) && (1..=12).contains(month) && *day >= 1;
    if !is_date {
        return None;
    }
    // The year begins in March, so that the leap day is its last.
    let (year, month) = if *month > 2 { (*year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    Some(days * DAY + hour * HOUR + minute * MINUTE + second * SECOND + millis)
}

/// The same, in a zone that is `offset_minutes` east of UTC. "2026-11-22T22:02:11+0800"
pub fn local_iso(ms: u64, offset_minutes: i64) -> String {
    let shift = offset_minutes.unsigned_abs() * MINUTE;
    let local = if offset_minutes < 0 { ms.saturating_sub(shift) } else { ms + shift };
    let t = civil(local);
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset_minutes.unsigned_abs() / 60, offset_minutes.unsigned_abs() % 60);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{sign}{hours:02}{minutes:02}",
        t.year, t.month, t.day, t.hour, t.minute, t.second
    )
}

/// A file's time: with the time of day in the current year, with the year otherwise. "Nov 22 10:00", "Nov 22 2025"
pub fn file_time(now_ms: u64, ms: u64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let t = civil(ms);
    let month = usize::try_from(t.month)
        .ok()
        .and_then(|month| MONTHS.get(month - 1))
        .copied()
        .unwrap_or("");
    if civil(now_ms).year == t.year {
        format!("{month} {:02} {:02}:{:02}", t.day, t.hour, t.minute)
    } else {
        format!("{month} {:02} {}", t.day, t.year)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T14:02:11.000Z
    const T: u64 = 1_795_356_131_000;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(T), "2026-11-22T14:02:11.000Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        for ms in [0, 1, T, T + 7, 951_782_400_000, 951_868_799_999, 4_102_444_800_000] {
            assert_eq!(from_iso(&iso(ms)), Some(ms), "{}", iso(ms));
        }
        assert_eq!(from_iso("2026-11-22"), None);
        assert_eq!(from_iso("0000-00-00T00:00:00.000Z"), None);
        assert_eq!(local_iso(T, 480), "2026-11-22T22:02:11+0800");
        assert_eq!(local_iso(T, -90), "2026-11-22T12:32:11-0130");
    }

    #[test]
    fn relative_times_step_as_in_the_original() {
        let en = |age| ago(Lang::En, T, T - age);
        assert_eq!(en(41 * SECOND), "just now");
        assert_eq!(en(42 * SECOND), "a minute ago");
        assert_eq!(en(4 * MINUTE + 20 * SECOND), "4 minutes ago");
        assert_eq!(en(61 * MINUTE), "an hour ago");
        assert_eq!(en(2 * HOUR), "2 hours ago");
        assert_eq!(en(25 * HOUR), "yesterday");
        assert_eq!(en(3 * DAY), "3 days ago");
        assert_eq!(en(14 * DAY), "2 weeks ago");
        assert_eq!(en(40 * DAY), "a month ago");
        assert_eq!(en(800 * DAY), "2 years ago");
        assert_eq!(ago(Lang::En, T, T + HOUR), "just now");
    }

    #[test]
    fn relative_times_are_chinese_in_chinese() {
        assert_eq!(ago(Lang::ZhCn, T, T), "刚刚");
        assert_eq!(ago(Lang::ZhCn, T, T - MINUTE), "1 分钟前");
        assert_eq!(ago(Lang::ZhCn, T, T - 30 * HOUR), "昨天");
    }

    #[test]
    fn a_files_time_names_the_year_only_when_it_is_another() {
        assert_eq!(file_time(T, T), "Nov 22 14:02");
        assert_eq!(file_time(T, T - 365 * DAY), "Nov 22 2025");
    }
}
