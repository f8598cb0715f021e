//! What a page knows before any data: which console it is, in which language and theme, and what time the server had.
//!
//! The server writes it into `<html data-boot>`; the browser reads it back, so that both render the same first page.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// Which of the two consoles a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsoleKind {
    /// The Mesos console, port 5050.
    Cluster,
    /// The Marathon console, port 8080.
    Apps,
}

/// A language of the consoles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lang {
    /// English.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    ZhCn,
}

impl Lang {
    /// The value of `<html lang>` and of the cookie.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhCn => "zh-CN",
        }
    }

    /// The language that the switch offers.
    pub fn other(self) -> Self {
        match self {
            Self::En => Self::ZhCn,
            Self::ZhCn => Self::En,
        }
    }

    /// Reads a language tag; any Chinese is [`Lang::ZhCn`].
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        match primary.as_str() {
            "en" => Some(Self::En),
            "zh" => Some(Self::ZhCn),
            _ => None,
        }
    }

    /// The first known language of an `Accept-Language` header, by its weights.
    pub fn from_accept_language(header: &str) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for part in header.split(',') {
            let mut fields = part.split(';');
            let Some(lang) = fields.next().and_then(Self::from_tag) else { continue };
            let weight = fields
                .find_map(|field| field.trim().strip_prefix("q=")?.parse::<f32>().ok())
                .unwrap_or(1.0);
            if weight > 0.0 && best.is_none_or(|(known, _)| weight > known) {
                best = Some((weight, lang));
            }
        }
        best.map_or(Self::En, |(_, lang)| lang)
    }
}

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// `prefers-color-scheme` decides.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// The value of `<html data-theme>` and of the cookie.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads the cookie's value.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::System, Self::Light, Self::Dark].into_iter().find(|theme| theme.name() == name)
    }

    /// What the switch turns to next.
    pub fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }
}

/// What a page knows before any data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Boot {
    /// Which console.
    pub kind: ConsoleKind,
    /// In which language.
    pub lang: Lang,
    /// In which theme.
    pub theme: Theme,
    /// Where the cluster console is, as this browser reaches it; on the cluster console itself `/`.
    pub cluster_url: String,
    /// Where the application console is; on itself `/ui/apps`.
    pub apps_url: String,
    /// This console's own address as this browser reaches it, `http://host:8080`.
    pub origin: String,
    /// The server's clock when it rendered, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// Running deployments, for the badge of the navigation; none on the cluster console.
    pub deployments: u64,
    /// Whether the server has the browser's program to send; without it pages refresh themselves.
    pub has_script: bool,
}

impl Boot {
    /// The page's own, from context.
    pub fn here() -> Self {
        expect_context::<Self>()
    }
}

/// The clock of the page: the server's at first, the browser's once it has taken over.
#[derive(Debug, Clone, Copy)]
pub struct Now(pub RwSignal<u64>);

impl Now {
    /// The page's own, from context.
    pub fn here() -> RwSignal<u64> {
        expect_context::<Self>().0
    }

    /// A number that changes each time the clock is brought up to date.
    pub fn ticks() -> Memo<u64> {
        let now = Self::here();
        Memo::new(move |_| now.get())
    }
}

#[cfg(feature = "hydrate")]
pub use browser::{read, take_over};

#[cfg(feature = "hydrate")]
mod browser {
    use std::time::Duration;

    use leptos::prelude::*;

    use super::{Boot, Now};
    use crate::live::Stream;

    /// How often relative times are brought up to date.
    const TICK: Duration = Duration::from_secs(10);

    /// Reads what the server wrote into `<html data-boot>`.
    pub fn read() -> Option<Boot> {
        let text = document().document_element()?.get_attribute("data-boot")?;
        serde_json::from_str(&text).ok()
    }

    /// Begins what only a browser does, once the first page is in place: its own clock and the event stream.
    pub fn take_over(stream: Stream) {
        let now = Now::here();
        Effect::new(move |_| {
            let tick = move || now.set(browser_clock());
            tick();
            set_interval(tick, TICK);
            stream.connect();
        });
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time after 1970, in whole milliseconds"
    )]
    fn browser_clock() -> u64 {
        js_sys::Date::now() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_known_language_wins() {
        assert_eq!(Lang::from_accept_language("zh-CN,zh;q=0.9,en;q=0.8"), Lang::ZhCn);
        assert_eq!(Lang::from_accept_language("de-DE,en;q=0.5,zh;q=0.4"), Lang::En);
        assert_eq!(Lang::from_accept_language("en;q=0.3, zh-TW;q=0.7"), Lang::ZhCn);
        assert_eq!(Lang::from_accept_language("zh;q=0"), Lang::En);
        assert_eq!(Lang::from_accept_language(""), Lang::En);
    }

    #[test]
    fn the_theme_switch_comes_round() {
        let start = Theme::System;
        assert_eq!(start.next().next().next(), start);
        assert_eq!(Theme::from_name("dark"), Some(Theme::Dark));
        assert_eq!(Theme::from_name("sepia"), None);
    }
}
