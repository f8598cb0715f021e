//! Pieces that more than one page uses. They take plain props and never fetch.

mod app_status;
mod bars;
mod command;
mod copy;
mod dialog;
mod frame;
mod health_bar;
mod icon;
mod json_editor;
mod keys;
mod legs;
mod list;
mod notice;
mod preferences;
mod status;
mod time;
mod title;
mod toast;

pub use app_status::{tone_of_app, word_of_app};
pub use bars::ResourceBar;
pub use command::Command;
pub use copy::CopyButton;
pub use dialog::Dialog;
pub use frame::{Crumb, Crumbs, Frame, Mark};
pub use health_bar::{HealthBar, segment_word, segments};
pub use icon::Icon;
pub use json_editor::{JsonEditor, JsonLines, Note};
pub use legs::{Leg, Legs, legs};
pub use list::{Find, ListLinks, Pager, SortHead, StateChips};
pub(crate) use notice::reason;
pub use notice::{NoData, Skeleton, StaleNotice};
pub use status::{Health, Status, TaskStatus, Tone, tone_of_task};
pub use time::TimeAgo;
pub use title::PageTitle;
pub use toast::{ToastHost, Toasts};
