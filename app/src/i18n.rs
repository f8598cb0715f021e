//! The consoles' words in both languages.
//!
//! A word stands once, with its two texts side by side, so one that is missing in a language does not compile. Texts with
//! numbers in them are functions in [`phrases`]; nothing is glued together from pieces. API terms and JSON keys stay English.

pub mod apps;
pub mod cluster;
pub mod phrases;
pub mod shell;

pub use apps::AppWords;
pub use cluster::ClusterWords;
pub use shell::ShellWords;

/// Declares a set of words: `field: "English", "中文";`.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $en:literal, $zh:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            $(#[doc = $en] pub $field: &'static str,)*
        }

        impl $name {
            const EN: Self = Self { $($field: $en,)* };
            const ZH_CN: Self = Self { $($field: $zh,)* };

            /// The words in `lang`.
            pub fn of(lang: $crate::boot::Lang) -> &'static Self {
                match lang {
                    $crate::boot::Lang::En => &Self::EN,
                    $crate::boot::Lang::ZhCn => &Self::ZH_CN,
                }
            }

            /// The words in the page's language.
            pub fn here() -> &'static Self {
                Self::of($crate::boot::Boot::here().lang)
            }

            /// Every word as (name, English, Chinese).
            #[cfg(test)]
            pub(crate) const ALL: &'static [(&'static str, &'static str, &'static str)] =
                &[$((stringify!($field), $en, $zh),)*];
        }
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_empty_in_any_language() {
        for (name, en, zh) in ShellWords::ALL.iter().chain(ClusterWords::ALL).chain(AppWords::ALL) {
            assert!(
                !en.trim().is_empty() && !zh.trim().is_empty(),
                "the word `{name}` is empty in a language"
            );
        }
    }

    #[test]
    fn english_words_have_no_chinese_in_them() {
        let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
        for (name, en, _) in ShellWords::ALL.iter().chain(ClusterWords::ALL).chain(AppWords::ALL) {
            assert!(
                name == &"other_language" || !en.contains(is_chinese),
                "`{name}` is not English: {en}"
            );
        }
    }
}
