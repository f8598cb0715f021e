//! Addresses of the application console.

use wire::console::escape;

/// A tab of an application's page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tab {
    /// Its instances.
    #[default]
    Instances,
    /// Its definition and versions.
    Configuration,
    /// Why it waits, what changed, what failed.
    Debug,
}

impl Tab {
    fn name(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Configuration => "configuration",
            Self::Debug => "debug",
        }
    }
}

/// An application's page and tab. `-` alone is never a part of an id, so it parts the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AppPlace {
    /// Absolute path id.
    pub(super) id: String,
    /// The tab.
    pub(super) tab: Tab,
}

impl AppPlace {
    /// Reads `/ui/apps/prod/web/-/debug`.
    pub(super) fn from_path(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/ui/apps")?.trim_end_matches('/');
        let (id, tab) = rest.split_once("/-/").unwrap_or((rest, ""));
        let tab = match tab {
            "configuration" => Tab::Configuration,
            "debug" => Tab::Debug,
            _ => Tab::Instances,
        };
        (!id.is_empty()).then(|| Self { id: id.to_owned(), tab })
    }
}

/// The page of an application.
pub(super) fn app(id: &str) -> String {
    format!("/ui/apps{id}")
}

/// A tab of an application's page.
pub(super) fn tab(id: &str, tab: Tab) -> String {
    match tab {
        Tab::Instances => app(id),
        Tab::Configuration | Tab::Debug => format!("{}/-/{}", app(id), tab.name()),
    }
}

/// A file of a task, shown.
pub(super) fn view(task: &str, file: &str) -> String {
    format!("/ui/tasks/{}/files/{file}", escape(task))
}

/// A file of a task, as a download.
pub(super) fn download(task: &str, file: &str) -> String {
    format!("/ui/tasks/{}/download/{file}", escape(task))
}

/// The sandbox of a task.
pub(super) fn sandbox(task: &str) -> String {
    format!("/ui/tasks/{}/sandbox", escape(task))
}

/// The first part of a uuid.
pub(super) fn short(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_application_and_tab() {
        for (path, id, at) in [
            ("/ui/apps/nginx", "/nginx", Tab::Instances),
            ("/ui/apps/prod/web/", "/prod/web", Tab::Instances),
            ("/ui/apps/prod/web/-/configuration", "/prod/web", Tab::Configuration),
            ("/ui/apps/a-b/-/debug", "/a-b", Tab::Debug),
        ] {
            assert_eq!(
                AppPlace::from_path(path),
                Some(AppPlace { id: id.to_owned(), tab: at }),
                "{path}"
            );
        }
        assert_eq!(AppPlace::from_path("/ui/apps/"), None);
        assert_eq!(AppPlace::from_path("/ui/deployments"), None);
        assert_eq!(tab("/prod/web", Tab::Debug), "/ui/apps/prod/web/-/debug");
    }
}
