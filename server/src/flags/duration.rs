//! Durations as Mesos writes them: a number and a unit, such as `5secs` or `0.5hrs`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Units and their nanoseconds, smallest first.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("ms", 1e6),
    ("secs", 1e9),
    ("mins", 60e9),
    ("hrs", 3_600e9),
    ("days", 86_400e9),
    ("weeks", 604_800e9),
];

/// A duration that was given as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlagDuration(pub(crate) Duration);

impl FromStr for FlagDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || {
            format!(
                "`{text}` is not a duration such as 5secs (units: ns us ms secs mins hrs days weeks)"
            )
        };
        let at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wanted)?;
        let (number, unit) = text.split_at(at);
        let (_, nanoseconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wanted)?;
        let number: f64 = number.parse().map_err(|_| wanted())?;
        Duration::try_from_secs_f64(number * nanoseconds / 1e9).map(Self).map_err(|_| wanted())
    }
}

impl fmt::Display for FlagDuration {
    /// In the largest unit of which it has at least one, as Mesos prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.as_secs_f64() * 1e9;
        let (unit, size) =
            UNITS.iter().rev().find(|(_, size)| nanoseconds >= *size).unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", nanoseconds / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown_as_mesos_does() {
        for (text, seconds, shown) in [
            ("1weeks", 604_800.0, "1weeks"),
            ("6hrs", 21_600.0, "6hrs"),
            ("90secs", 90.0, "1.5mins"),
            ("0.5secs", 0.5, "500ms"),
            ("0ns", 0.0, "0ns"),
        ] {
            let read: FlagDuration = text.parse().unwrap();
            assert_eq!(read.0, Duration::from_secs_f64(seconds), "{text}");
            assert_eq!(read.to_string(), shown);
        }
    }

    #[test]
    fn what_has_no_unit_or_no_number_is_refused() {
        for bad in ["", "5", "secs", "5 apples", "-1secs", "1h", "1e400secs"] {
            assert!(bad.parse::<FlagDuration>().is_err(), "{bad}");
        }
    }
}
