//! Whatever letters a program puts on whatever ground, they can be read in both themes: WCAG 2 asks for 4.5.

const TOKENS: &str = include_str!("../../../../../style/tokens.css");
const PAGES: &str = include_str!("../../../../../style/pages.css");

/// The two values of a token, light and dark, as parts of red, green and blue.
fn token(name: &str) -> [[f64; 3]; 2] {
    let start = format!("--{name}: light-dark(");
    let (_, rest) = TOKENS.split_once(&start).unwrap_or_else(|| panic!("no token `{name}`"));
    let (values, _) = rest.split_once(')').unwrap();
    let mut values = values.split(',').map(|value| {
        let hex = u32::from_str_radix(value.trim().trim_start_matches('#'), 16).unwrap();
        [16, 8, 0].map(|shift| f64::from((hex >> shift) & 0xff) / 255.0)
    });
    [values.next().unwrap(), values.next().unwrap()]
}

/// Relative luminance.
fn luminance(parts: [f64; 3]) -> f64 {
    let linear =
        parts.map(|c| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The tokens that the style sheet gives to classes by this property: `.c1 { --fg: var(--danger); }`.
fn tokens_of(property: &str) -> Vec<&'static str> {
    let log = PAGES.lines().skip_while(|line| !line.contains(".log .lines { .c1")).take(2);
    let rules = log.flat_map(|line| line.split('}'));
    let values = rules.filter_map(|rule| rule.split_once(&format!("--{property}: var(--")));
    values.filter_map(|(_, value)| value.split(')').next()).collect()
}

#[test]
fn every_ink_can_be_read_on_every_ground_in_both_themes() {
    let (mut inks, mut grounds) = (tokens_of("fg"), tokens_of("back"));
    assert_eq!((inks.len(), grounds.len()), (7, 8), "{inks:?} {grounds:?}");
    // What has no colour of its own; inverse shows these pairs turned.
    inks.push("text");
    grounds.push("well");
    for ink in &inks {
        for ground in &grounds {
            for (ink_value, ground_value) in token(ink).into_iter().zip(token(ground)) {
                let contrast = contrast(ink_value, ground_value);
                assert!(contrast >= 4.5, "--{ink} on --{ground}: {contrast:.2}");
            }
        }
    }
    // What was searched for, in whatever colour it is.
    for (ink, mark) in token("text").into_iter().zip(token("mark")) {
        assert!(contrast(ink, mark) >= 4.5);
    }
}
