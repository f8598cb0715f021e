//! Numbers, sizes and times as text. Pure functions: nothing here knows the present time or the machine's language.

mod time;

pub use time::{ago, file_time, from_iso, iso, local_iso};

/// A plain number: grouping commas, at most 3 decimals, no trailing zeros. "1,234.5"
pub fn number(value: f64) -> String {
    decimals(value, 3)
}

/// A number of the sidebar: at most 4 decimals, no trailing zeros. "23.3"
pub fn fine(value: f64) -> String {
    decimals(value, 4)
}

/// A whole number with grouping commas. "1,205"
pub fn count(value: u64) -> String {
    group(&value.to_string())
}

/// A part of a whole as per cent, at most 3 decimals. "12.5%"
pub fn share(value: f64) -> String {
    format!("{}%", decimals(value * 100.0, 3))
}

/// A part of a whole as whole per cent (one decimal under 10), without the sign; 0 when there is no whole. "57", "4.4"
pub fn percent(part: f64, whole: f64) -> String {
    if whole <= 0.0 {
        return "0".to_owned();
    }
    let value = 100.0 * part / whole;
    decimals(value, if value < 10.0 { 1 } else { 0 })
}

/// The width of a bar's part for CSS: per cent between 0 and 100 with 2 decimals.
pub fn bar(part: f64, whole: f64) -> String {
    let value = if whole <= 0.0 { 0.0 } else { (100.0 * part / whole).clamp(0.0, 100.0) };
    format!("{}%", decimals(value, 2))
}

/// Bytes on the cluster console: binary steps called B KB MB GB TB PB; decimals from GB on, one. "512 MB", "1.0 GB"
pub fn bytes(value: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KB", "MB", "GB", "TB", "PB"];
    let (value, step) = scaled(value, 1024.0, UNITS.len());
    let places = if step < 3 { 0 } else { 1 };
    format!("{value:.places$} {}", UNITS[step])
}

/// MiB on the cluster console. "512 MB"
pub fn mebibytes(value: f64) -> String {
    bytes(value * 1_048_576.0)
}

/// Bytes on the application console: B KiB MiB GiB TiB PiB, the larger unit from 800 of the smaller on. "512 MiB", "1 GiB"
pub fn bytes_iec(value: f64, places: usize) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (value, step) = scaled(value, 800.0, UNITS.len());
    format!("{} {}", decimals(value, places), UNITS[step])
}

/// A long Mesos id as the cluster console shows it: `…` and everything after the fourth dash. "…7d3507a6f0ca-S9"
pub fn short_id(id: &str) -> String {
    match id.match_indices('-').nth(3) {
        Some((dash, _)) if dash + 1 < id.len() => format!("…{}", &id[dash + 1..]),
        _ => id.to_owned(),
    }
}

/// A task id cut after the first part of its unique suffix. "nginx.instance-f1a121be…"
pub fn short_task(id: &str) -> String {
    let suffix = id.find(".instance-").map(|dot| dot + ".instance-".len()).or_else(|| {
        let dot = id.rfind('.')?;
        (id.len() - dot > 30).then_some(dot + 1)
    });
    match suffix.and_then(|start| id[start..].find('-').map(|dash| start + dash)) {
        Some(end) => format!("{}…", &id[..end]),
        None => id.to_owned(),
    }
}

/// A task state without `TASK_`. "RUNNING"
pub fn short_state(state: &str) -> &str {
    state.strip_prefix("TASK_").unwrap_or(state)
}

fn scaled(value: f64, limit: f64, units: usize) -> (f64, usize) {
    let (mut value, mut step) = (value.max(0.0), 0);
    while value >= limit && step + 1 < units {
        value /= 1024.0;
        step += 1;
    }
    (value, step)
}

fn decimals(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole == "-0" && fraction.is_empty() { "0" } else { whole };
    if fraction.is_empty() { group(whole) } else { format!("{}.{fraction}", group(whole)) }
}

fn group(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut text = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas_and_no_useless_zeros() {
        assert_eq!(number(0.2), "0.2");
        assert_eq!(number(1234.5), "1,234.5");
        assert_eq!(number(12.0), "12");
        assert_eq!(number(-0.0001), "0");
        assert_eq!(fine(0.1 + 0.2), "0.3");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(number(-1234.0), "-1,234");
    }

    #[test]
    fn shares_are_per_cent() {
        assert_eq!(share(0.125), "12.5%");
        assert_eq!(percent(6.8, 12.0), "57");
        assert_eq!(percent(916.0, 20889.6), "4.4");
        assert_eq!(percent(1.0, 0.0), "0");
        assert_eq!(bar(3.0, 2.0), "100%");
    }

    #[test]
    fn the_cluster_console_writes_bytes_in_its_own_way() {
        assert_eq!(bytes(0.0), "0 B");
        assert_eq!(mebibytes(512.0), "512 MB");
        assert_eq!(mebibytes(1024.0), "1.0 GB");
        assert_eq!(bytes(366.7 * 1_073_741_824.0), "366.7 GB");
        assert_eq!(mebibytes(2.5 * 1024.0 * 1024.0), "2.5 TB");
    }

    #[test]
    fn the_application_console_writes_bytes_in_its_own_way() {
        assert_eq!(bytes_iec(512.0 * 1_048_576.0, 0), "512 MiB");
        assert_eq!(bytes_iec(1024.0 * 1_048_576.0, 0), "1 GiB");
        assert_eq!(bytes_iec(900.0 * 1_048_576.0, 0), "1 GiB");
        assert_eq!(bytes_iec(0.0, 2), "0 B");
    }

    #[test]
    fn long_ids_keep_their_end() {
        assert_eq!(short_id("6bc17bcc-433c-425e-b85e-232ffa42fe4f-S9"), "…232ffa42fe4f-S9");
        assert_eq!(short_id("S9"), "S9");
        assert_eq!(short_id("a-b-c-d-"), "a-b-c-d-");
    }

    #[test]
    fn task_ids_are_cut_inside_their_unique_part() {
        assert_eq!(
            short_task("nginx.instance-f1a121be-2e6d-11ed-9b0c-0242c0a80a03._app.1"),
            "nginx.instance-f1a121be…"
        );
        assert_eq!(short_task("nginx.f1a121be-2e6d-11ed-9b0c-0242c0a80a03"), "nginx.f1a121be…");
        assert_eq!(short_task("job-1"), "job-1");
    }
}
