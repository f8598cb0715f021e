//! Dialogs are part of the address: `?modal=scale&app=/nginx`. So they are links, survive a reload and work without scripts.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use wire::console::{escape, query_pairs};

/// Keys of the address that belong to dialogs.
const KEYS: [&str; 3] = ["modal", "app", "template"];

/// The dialog that the address asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Modal {
    path: Memo<String>,
    search: Memo<String>,
    close: Callback<()>,
}

impl Modal {
    /// The page's own.
    pub(super) fn here() -> Self {
        let location = use_location();
        let (path, search) = (location.pathname, location.search);
        let navigate = use_navigate();
        let close = Callback::new(move |()| {
            let address = without(&path.get_untracked(), &search.get_untracked());
            let options =
                NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
            navigate(&address, options);
        });
        Self { path, search, close }
    }

    /// The value of a key of the address; "" when it is missing.
    pub(super) fn value(self, name: &'static str) -> Memo<String> {
        Memo::new(move |_| {
            self.search
                .with(|search| {
                    query_pairs(plain(search)).find(|(key, _)| key == name).map(|(_, value)| value)
                })
                .unwrap_or_default()
        })
    }

    /// Closes the dialog.
    pub(super) fn closing(self) -> Callback<()> {
        self.close
    }

    /// The address that opens a dialog over this page.
    pub(super) fn href(self, kind: &str, app: &str) -> String {
        let address = without(&self.path.get(), &self.search.get());
        let join = if address.contains('?') { '&' } else { '?' };
        let app = if app.is_empty() { String::new() } else { format!("&app={}", escape(app)) };
        format!("{address}{join}modal={kind}{app}")
    }
}

fn plain(search: &str) -> &str {
    search.trim_start_matches('?')
}

/// The address without a dialog.
fn without(path: &str, search: &str) -> String {
    let kept: Vec<&str> = plain(search)
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(|pair| !KEYS.contains(&pair.split('=').next().unwrap_or_default()))
        .collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_keeps_the_rest_of_the_address() {
        assert_eq!(
            without("/ui/apps", "?status=running&modal=scale&app=%2Fa"),
            "/ui/apps?status=running"
        );
        assert_eq!(without("/ui/apps", "?modal=new-app"), "/ui/apps");
    }
}
