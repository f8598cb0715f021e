//! Exported tables survive the optimiser.
//!
//! Compat: WebAssembly/binaryen, `wasm-opt` 108 of Debian 12: the writer gives every exported table the index 0, so that a
//! page finds the table of functions where the table of its objects should be, and never starts. The tables themselves and
//! everything else are right, so their indices are put back.

/// Sections of a module by their ids.
const TABLES: u8 = 4;
const EXPORTS: u8 = 7;
/// The kind of an exported table.
const TABLE: u8 = 1;

/// An export of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Export<'a> {
    name: &'a [u8],
    index: u64,
    /// Where its index stands in the module, and in how many bytes.
    place: (usize, usize),
}

/// Gives the tables that `smaller` exports the indices that they have in `module`.
///
/// `None` when the two differ by more than these indices: then `smaller` is not the same program.
pub(crate) fn restore(module: &[u8], smaller: Vec<u8>) -> Option<Vec<u8>> {
    let wanted = exports(module)?;
    let found: Vec<(u64, (usize, usize))> = {
        let found = exports(&smaller)?;
        let is_same_set = found.len() == wanted.len()
            && found.iter().zip(&wanted).all(|(found, wanted)| found.name == wanted.name);
        if !is_same_set || section(module, TABLES)?.0 != section(&smaller, TABLES)?.0 {
            return None;
        }
        found.into_iter().map(|export| (export.index, export.place)).collect()
    };
    let mut restored = smaller;
    for ((index, (at, length)), wanted) in found.into_iter().zip(&wanted) {
        if index == wanted.index {
            continue;
        }
        let byte = u8::try_from(wanted.index).ok().filter(|byte| *byte < 0x80)?;
        if length != 1 {
            return None;
        }
        *restored.get_mut(at)? = byte;
    }
    Some(restored)
}

/// The tables that a module exports, in order.
fn exports(module: &[u8]) -> Option<Vec<Export<'_>>> {
    let (content, start) = section(module, EXPORTS)?;
    let mut reader = Reader { bytes: content, at: 0 };
    let mut tables = Vec::new();
    for _ in 0..reader.number()? {
        let length = usize::try_from(reader.number()?).ok()?;
        let name = reader.take(length)?;
        let kind = reader.take(1)?[0];
        let at = reader.at;
        let index = reader.number()?;
        if kind == TABLE {
            tables.push(Export { name, index, place: (start + at, reader.at - at) });
        }
    }
    Some(tables)
}

/// The content of a section and where it begins; empty when the module has none.
fn section(module: &[u8], wanted: u8) -> Option<(&[u8], usize)> {
    // A module begins with four bytes of magic and four of version.
    let mut reader = Reader { bytes: module, at: 8 };
    while reader.at < module.len() {
        let id = reader.take(1)?[0];
        let length = usize::try_from(reader.number()?).ok()?;
        let start = reader.at;
        let content = reader.take(length)?;
        if id == wanted {
            return Some((content, start));
        }
    }
    // One nought: no entries.
    Some((&[0], 0))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    /// An unsigned LEB128 number.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with two tables that exports a memory as `m` and table `index` as `t`.
    fn module(index: u8, second: u8) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        bytes.extend([TABLES, 7, 2, 0x70, 0, 1, second, 0, 2]);
        bytes.extend([EXPORTS, 9, 2, 1, b'm', 2, 0, 1, b't', TABLE, index]);
        bytes.extend([11, 1, 0]);
        bytes
    }

    #[test]
    fn the_index_of_an_exported_table_comes_back() {
        assert_eq!(restore(&module(1, 0x6f), module(0, 0x6f)), Some(module(1, 0x6f)));
        assert_eq!(restore(&module(1, 0x6f), module(1, 0x6f)), Some(module(1, 0x6f)));
    }

    #[test]
    fn another_program_is_refused() {
        assert_eq!(restore(&module(1, 0x6f), module(0, 0x70)), None);
        assert_eq!(restore(&module(1, 0x6f), b"\0asm\x01\0\0\0".to_vec()), None);
        let cut = &module(1, 0x6f)[..20];
        assert_eq!(restore(cut, module(1, 0x6f)), None);
    }

    #[test]
    fn a_module_without_tables_stays() {
        let empty = b"\0asm\x01\0\0\0".to_vec();
        assert_eq!(restore(&empty, empty.clone()), Some(empty));
    }
}
