//! Sizes as Mesos writes them: a number and a unit, such as `10MB`.

use std::fmt;
use std::str::FromStr;

/// Units and their bytes, largest first.
const UNITS: [(&str, u64); 5] =
    [("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10), ("B", 1)];

/// A size that was given as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlagBytes(pub(crate) u64);

impl FromStr for FlagBytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("`{text}` is not a size such as 10MB (units: B KB MB GB TB)");
        let at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wanted)?;
        let (number, unit) = text.split_at(at);
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wanted)?;
        let number: u64 = number.parse().map_err(|_| wanted())?;
        number.checked_mul(*size).map(Self).ok_or_else(wanted)
    }
}

impl fmt::Display for FlagBytes {
    /// In the largest unit of which it is a whole number, as Mesos prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, size): &&(&str, u64)| self.0 > 0 && self.0.is_multiple_of(*size);
        let (unit, size) = UNITS.iter().find(fits).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown_as_mesos_does() {
        for (text, bytes, shown) in [
            ("10MB", 10 << 20, "10MB"),
            ("0B", 0, "0B"),
            ("1024KB", 1 << 20, "1MB"),
            ("7B", 7, "7B"),
        ] {
            let size: FlagBytes = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, shown));
        }
        for text in ["10", "MB", "1.5MB", "10mb", "99999999TB"] {
            assert!(text.parse::<FlagBytes>().unwrap_err().contains("10MB"), "{text}");
        }
    }
}
