//! What "select graphic rendition" makes of a line's look, in colours that both themes can show.
//!
//! A program's colour becomes the nearest of ours: six hues and grey for letters, those and black and white behind them. The style
//! sheet chooses them so that every letter can be read on every ground.

/// How a part of a line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::pages::sandbox) struct Style {
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    strike: bool,
    hidden: bool,
    inverse: bool,
    /// Of the letters.
    ink: Option<Colour>,
    /// Behind them.
    ground: Option<Colour>,
}

/// 0 to 7 as a terminal counts them, 8 for grey.
type Colour = u8;

const BLACK: Colour = 0;
const WHITE: Colour = 7;
const GREY: Colour = 8;

impl Style {
    /// The classes of the style; "" for plain text.
    pub(in crate::pages::sandbox) fn class(self) -> String {
        let flags = [
            (self.bold, "ab"),
            (self.dim, "ad"),
            (self.italic, "ai"),
            (self.underline, "au"),
            (self.strike, "as"),
            (self.hidden, "ah"),
            (self.inverse, "av"),
        ];
        let flags =
            flags.into_iter().filter(|(is_on, _)| *is_on).map(|(_, class)| class.to_owned());
        // Black and white letters would vanish in one theme or the other: they have the text's own ink.
        let ink = self.ink.filter(|ink| !matches!(*ink, BLACK | WHITE));
        let ink = ink.map(|ink| format!("c{ink}"));
        let ground = self.ground.map(|ground| format!("g{ground}"));
        flags.chain(ink).chain(ground).collect::<Vec<_>>().join(" ")
    }

    /// Applies the parameters of one "select graphic rendition" (ECMA-48, 8.3.117); what is none of them changes nothing.
    pub(super) fn apply(&mut self, parameters: &str) {
        // Others that end alike, `ESC [ > 4 m`, are no rendition.
        if !parameters.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':')) {
            return;
        }
        let mut left = parameters.split(';');
        while let Some(parameter) = left.next() {
            match parameter.split_once(':') {
                None => self.set(number(parameter), &mut left),
                Some((name, values)) => self.set_by_colons(number(name), values),
            }
        }
    }

    fn set<'a>(&mut self, number: Option<u16>, left: &mut impl Iterator<Item = &'a str>) {
        let Some(number) = number else { return };
        match number {
            0 => *self = Self::default(),
            1 => self.bold = true,
            2 => self.dim = true,
            3 => self.italic = true,
            // 21 is a double line.
            4 | 21 => self.underline = true,
            7 => self.inverse = true,
            8 => self.hidden = true,
            9 => self.strike = true,
            22 => (self.bold, self.dim) = (false, false),
            23 => self.italic = false,
            24 => self.underline = false,
            27 => self.inverse = false,
            28 => self.hidden = false,
            29 => self.strike = false,
            38 | 48 | 58 => {
                let colour = in_semicolons(left);
                self.colour(number, colour);
            }
            39 => self.ink = None,
            49 => self.ground = None,
            30..=37 => self.ink = of_256(number - 30),
            40..=47 => self.ground = of_256(number - 40),
            90..=97 => self.ink = of_256(number - 90 + 8),
            100..=107 => self.ground = of_256(number - 100 + 8),
            _ => {}
        }
    }

    /// A parameter with values of its own, as ISO 8613-6 writes colours: `38:5:196`, `48:2::255:0:0`; and `4:3`, a wavy line.
    fn set_by_colons(&mut self, name: Option<u16>, values: &str) {
        match name {
            Some(4) => self.underline = values != "0",
            Some(name @ (38 | 48)) => {
                let colour = in_colons(values);
                self.colour(name, colour);
            }
            _ => {}
        }
    }

    /// 58 is the colour of the line below, which has the letters' here.
    fn colour(&mut self, name: u16, colour: Option<Colour>) {
        match name {
            38 if colour.is_some() => self.ink = colour,
            48 if colour.is_some() => self.ground = colour,
            _ => {}
        }
    }
}

/// A parameter's number; none has the default, and one that is too large is nothing.
fn number(text: &str) -> Option<u16> {
    if text.is_empty() { Some(0) } else { text.parse().ok() }
}

/// The colour that the next parameters name; they are used up whether or not it is one.
fn in_semicolons<'a>(left: &mut impl Iterator<Item = &'a str>) -> Option<Colour> {
    match number(left.next()?)? {
        5 => of_256(number(left.next()?)?),
        2 => {
            let parts = [left.next()?, left.next()?, left.next()?];
            of_parts(parts)
        }
        _ => None,
    }
}

/// The colour that a parameter's own values name. Before red, green and blue a colour space may stand.
fn in_colons(values: &str) -> Option<Colour> {
    let values: Vec<&str> = values.split(':').collect();
    match values[..] {
        ["5", colour, ..] => of_256(number(colour)?),
        ["2", red, green, blue] | ["2", _, red, green, blue, ..] => of_parts([red, green, blue]),
        _ => None,
    }
}

fn of_parts(parts: [&str; 3]) -> Option<Colour> {
    let [red, green, blue] = parts.map(|part| number(part).and_then(|part| part.try_into().ok()));
    Some(nearest(red?, green?, blue?))
}

/// The colour of ours for one of a terminal's 256: sixteen with names, a cube of six levels a side, and greys.
fn of_256(colour: u16) -> Option<Colour> {
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    let colour = u8::try_from(colour).ok()?;
    Some(match colour {
        0..=8 => colour,
        9..=15 => colour - 8,
        16..=231 => {
            let place = colour - 16;
            nearest(level(place / 36), level(place / 6 % 6), level(place % 6))
        }
        232..=255 => {
            let grey = 8 + 10 * (colour - 232);
            nearest(grey, grey, grey)
        }
    })
}

/// The colour of ours with the same strong parts; black, white or grey where none is stronger than the others.
fn nearest(red: u8, green: u8, blue: u8) -> Colour {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    if most < 64 {
        return BLACK;
    }
    if most - least < 32 {
        return if most >= 192 { WHITE } else { GREY };
    }
    let middle = least + (most - least) / 2;
    let strong = |part: u8| u8::from(part > middle);
    strong(red) | strong(green) << 1 | strong(blue) << 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The classes after these parameters.
    fn class(parameters: &str) -> String {
        let mut style = Style::default();
        style.apply(parameters);
        style.class()
    }

    #[test]
    fn every_attribute_is_set_and_taken_back() {
        for (set, off, wanted) in [
            ("1", "22", "ab"),
            ("2", "22", "ad"),
            ("3", "23", "ai"),
            ("4", "24", "au"),
            ("4:3", "4:0", "au"),
            ("21", "24", "au"),
            ("7", "27", "av"),
            ("8", "28", "ah"),
            ("9", "29", "as"),
            ("31", "39", "c1"),
            ("41", "49", "g1"),
        ] {
            assert_eq!(class(set), wanted);
            assert_eq!(class(&format!("{set};{off}")), "", "{set};{off}");
            assert_eq!(class(&format!("{set};0")), "", "{set};0");
            assert_eq!(class(&format!("{set};")), "", "{set};");
        }
        assert_eq!(class("1;2;3;4;7;8;9;33;44"), "ab ad ai au as ah av c3 g4");
    }

    #[test]
    fn the_sixteen_named_colours_are_letters_and_grounds() {
        let of = |first: u16| (first..first + 8).map(|number| class(&number.to_string()));
        assert!(of(30).eq(["", "c1", "c2", "c3", "c4", "c5", "c6", ""]));
        assert!(of(90).eq(["c8", "c1", "c2", "c3", "c4", "c5", "c6", ""]));
        assert!(of(40).eq(["g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7"]));
        assert!(of(100).eq(["g8", "g1", "g2", "g3", "g4", "g5", "g6", "g7"]));
    }

    #[test]
    fn colours_of_256_and_of_three_parts_have_a_near_one() {
        let near = [1, 9, 8, 15, 196, 46, 21, 208, 226, 51, 231, 16, 235, 240, 255].map(of_256);
        let wanted = [1, 1, 8, 7, 1, 2, 4, 3, 3, 6, 7, 0, 0, 8, 7].map(Some);
        assert_eq!(near, wanted);
        assert_eq!(
            [nearest(250, 20, 60), nearest(20, 250, 240), nearest(255, 200, 200)],
            [1, 6, 1]
        );
        assert_eq!([nearest(9, 9, 9), nearest(128, 130, 128), nearest(250, 250, 240)], [0, 8, 7]);
    }

    #[test]
    fn both_ways_of_writing_a_colour_are_read() {
        for parameters in [
            "48;5;196",
            "48:5:196",
            "48;2;250;20;60",
            "48:2:250:20:60",
            "48:2::250:20:60",
            "48:2:0:250:20:60:0:1",
        ] {
            assert_eq!(class(parameters), "g1", "{parameters}");
            assert_eq!(class(&parameters.replacen('4', "3", 1)), "c1", "{parameters}");
            assert_eq!(class(&format!("1;{parameters};3")), "ab ai g1", "{parameters}");
        }
        // The line below a word has no colour of its own, and its values are no attributes.
        assert_eq!(class("4;58;5;1"), "au");
        assert_eq!(class("4;58;2;1;3;9"), "au");
        assert_eq!(class("4;58:5:1;3"), "ai au");
    }

    #[test]
    fn what_is_malformed_changes_nothing() {
        for parameters in [
            "38",
            "38;5",
            "38;5;256",
            "38;5;999999",
            "38;2;1;2",
            "38;2;300;0;0",
            "38;7",
            "38:5",
            "38:5:300",
            "38:2:1:2",
            "48:",
            "38::5",
            "58;5",
            "1000",
            "99999999",
            ">4;1",
            "?1",
            "1 ",
            "31!",
        ] {
            assert_eq!(class(parameters), "", "{parameters}");
        }
        // What precedes stays.
        assert_eq!(class("31;38;5;256"), "c1");
        assert_eq!(class("31;48;5"), "c1");
    }
}
