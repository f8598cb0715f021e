//! Scale, restart, suspend, destroy and roll back: small dialogs, each one request.

use leptos::html;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::modal::Modal;
use super::place;
use crate::api::apps::{Change, Outcome, Refusal, curl, send};
use crate::boot::{Boot, Lang};
use crate::components::{Command, Dialog, Icon, Toasts};
use crate::i18n::AppWords;
use crate::i18n::apps::phrases::{self, Done};

/// What a dialog is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Another number of instances; the present one.
    Scale(u32),
    /// All instances anew.
    Restart,
    /// Scale to nothing.
    Suspend,
    /// Removal.
    Destroy,
    /// The deployment is undone.
    Rollback,
}

impl Action {
    /// The dialog that the address names.
    fn from_name(name: &str, instances: u32) -> Option<Self> {
        match name {
            "scale" => Some(Self::Scale(instances)),
            "restart" => Some(Self::Restart),
            "suspend" => Some(Self::Suspend),
            "destroy" => Some(Self::Destroy),
            "rollback" => Some(Self::Rollback),
            _ => None,
        }
    }

    fn title(&self, words: &AppWords) -> &'static str {
        match self {
            Self::Scale(_) => words.scale_app,
            Self::Restart => words.restart_app,
            Self::Suspend => words.suspend_app,
            Self::Destroy => words.destroy_app,
            Self::Rollback => words.rollback_title,
        }
    }

    fn forced(&self, words: &AppWords) -> &'static str {
        match self {
            Self::Scale(_) | Self::Suspend => words.scale_force,
            Self::Restart => words.restart_force,
            Self::Destroy => words.destroy_force,
            Self::Rollback => words.rollback_do,
        }
    }

    fn question(&self, lang: Lang, subject: &str) -> String {
        match self {
            Self::Scale(_) => AppWords::of(lang).scale_question.to_owned(),
            Self::Restart => phrases::restart_question(lang, subject),
            Self::Suspend => phrases::suspend_question(lang, subject),
            Self::Destroy => phrases::destroy_question(lang, subject),
            Self::Rollback => phrases::rollback_question(lang, place::short(subject)),
        }
    }

    fn is_dangerous(&self) -> bool {
        matches!(self, Self::Destroy | Self::Rollback)
    }

    /// What typing `typed` asks for; `None` while it is not complete.
    fn change(&self, subject: &str, typed: &str) -> Option<Change> {
        let app = subject.to_owned();
        match self {
            Self::Scale(_) => {
                let instances = typed.trim().parse().ok()?;
                Some(Change::Scale { app, instances })
            }
            Self::Suspend => Some(Change::Scale { app, instances: 0 }),
            Self::Restart => Some(Change::Restart { app }),
            Self::Destroy => {
                let name = last_part(subject);
                (typed.trim() == name || typed.trim() == subject).then_some(Change::Destroy { app })
            }
            Self::Rollback => Some(Change::Rollback { deployment: app }),
        }
    }
}

/// The last part of an id.
fn last_part(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// What a change did, for a toast.
fn done(change: &Change) -> Done {
    match change {
        Change::Create { .. } => Done::Created(String::new()),
        Change::Scale { app, instances } => Done::Scaled(app.clone(), *instances),
        Change::Restart { app } => Done::Restarted(app.clone()),
        Change::Destroy { app } => Done::Destroyed(app.clone()),
        Change::ResetDelay { app } => Done::DelayReset(app.clone()),
        Change::Apply { app, .. } => Done::Applied(app.clone()),
        Change::Rollback { .. } => Done::RolledBack,
    }
}

/// Says what was done, with a link to the deployment.
pub(super) fn announce(lang: Lang, toasts: Toasts, what: &Done, outcome: &Outcome) {
    let link = outcome
        .deployment
        .as_ref()
        .map(|id| ("/ui/deployments".to_owned(), phrases::deployment(lang, place::short(id))));
    toasts.show(phrases::done(lang, what), link);
}

/// Sends a change that needs no dialog; a refusal becomes a toast too.
pub(super) fn act(lang: Lang, toasts: Toasts, change: Change) {
    leptos::task::spawn_local(async move {
        let what = done(&change);
        match send(change, false).await {
            Ok(outcome) => announce(lang, toasts, &what, &outcome),
            Err(refusal) => toasts.show(refusal.message, None),
        }
    });
}

/// The dialog that the address asks for, if it is one of these.
#[component]
pub(super) fn ActionDialogs(
    /// The application of the page; "" when the address has to name it.
    #[prop(into)]
    app: Signal<String>,
    /// Wanted instances of an application.
    instances: Callback<String, u32>,
) -> impl IntoView {
    let modal = Modal::here();
    let kind = modal.value("modal");
    let named = modal.value("app");
    let subject = Memo::new(move |_| {
        let named = named.get();
        if named.is_empty() { app.get() } else { named }
    });
    move || {
        let subject = subject.get();
        let action = Action::from_name(&kind.get(), untrack(|| instances.run(subject.clone())))?;
        let is_known = !subject.is_empty();
        is_known
            .then(|| view! { <ActionDialog action=action subject=subject close=modal.closing()/> })
    }
}

#[component]
fn ActionDialog(
    /// What.
    action: Action,
    /// The application, or the deployment.
    subject: String,
    /// Closes the dialog.
    close: Callback<()>,
) -> impl IntoView {
    let words = AppWords::here();
    let boot = Boot::here();
    let lang = boot.lang;
    let toasts = Toasts::here();
    let navigate = use_navigate();
    let typed = RwSignal::new(match &action {
        Action::Scale(instances) => instances.to_string(),
        Action::Restart | Action::Suspend | Action::Destroy | Action::Rollback => String::new(),
    });
    let refused = RwSignal::new(None::<Refusal>);
    let is_busy = RwSignal::new(false);
    let change = {
        let (action, subject) = (action.clone(), subject.clone());
        Memo::new(move |_| typed.with(|typed| action.change(&subject, typed)))
    };
    let is_locked = Memo::new(move |_| {
        refused
            .with(|refused| refused.as_ref().is_some_and(|refusal| !refusal.locked_by.is_empty()))
    });
    let submit = {
        let is_destroy = action == Action::Destroy;
        move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            let Some(change) = change.get_untracked().filter(|_| !is_busy.get_untracked()) else {
                return;
            };
            let force = is_locked.get_untracked();
            let navigate = navigate.clone();
            is_busy.set(true);
            leptos::task::spawn_local(async move {
                let what = done(&change);
                let answer = send(change, force).await;
                is_busy.try_set(false);
                match answer {
                    Ok(outcome) => {
                        announce(lang, toasts, &what, &outcome);
                        if is_destroy {
                            navigate("/ui/apps", NavigateOptions::default());
                        } else {
                            // Whoever has left the page meanwhile has closed the dialog too.
                            close.try_run(());
                        }
                    }
                    Err(refusal) => {
                        refused.try_set(Some(refusal));
                    }
                }
            });
        }
    };
    let (title, forced, is_dangerous) =
        (action.title(words), action.forced(words), action.is_dangerous());
    let command = {
        let (action, subject, origin) = (action.clone(), subject.clone(), boot.origin.clone());
        Signal::derive(move || {
            let known = change.get().or_else(|| match action {
                Action::Destroy => Some(Change::Destroy { app: subject.clone() }),
                _ => None,
            });
            known.map(|change| curl(&origin, &change)).unwrap_or_default()
        })
    };
    let problem = move || {
        let refusal = refused.get()?;
        let text =
            if refusal.locked_by.is_empty() { refusal.message } else { words.locked.to_owned() };
        Some(view! {
            <div class="banner danger" role="alert" data-testid="form-errors"><Icon name="warn"/><div class="grow">{text}</div></div>
        })
    };
    let label = move || if is_locked.get() { forced } else { title };
    let is_red = move || is_dangerous || is_locked.get();
    view! {
        <Dialog title=title.to_owned() size="small" on_close=close>
            <form class="dialog-form" on:submit=submit>
                <div class="body">
                    {problem}
                    <p>{action.question(lang, &subject)}</p>
                    <Asked action=action.clone() subject=subject.clone() typed=typed/>
                    <NoScript/>
                    <details class="by-command" open=!boot.has_script>
                        <summary>{words.by_command}</summary>
                        <Command text=command/>
                    </details>
                </div>
                <footer class="scripted">
                    <span class="grow"></span>
                    <button type="button" class="btn" data-testid="dialog-cancel" on:click=move |_| close.run(())>{words.cancel}</button>
                    <button
                        type="submit"
                        class="btn"
                        class:primary=move || !is_red()
                        class:danger=is_red
                        class:solid=is_red
                        data-testid="dialog-confirm"
                        disabled=move || change.with(Option::is_none) || is_busy.get()
                    >
                        {label}
                    </button>
                </footer>
            </form>
        </Dialog>
    }
}

/// Says, where no script runs, that the command is the way.
#[component]
fn NoScript() -> impl IntoView {
    let words = AppWords::here();
    let has_script = Boot::here().has_script;
    view! { <p class="banner info" class:unscripted=has_script>{words.no_script_action}</p> }
}

/// What the reader has to type, if anything; it has the focus.
#[component]
fn Asked(action: Action, subject: String, typed: RwSignal<String>) -> impl IntoView {
    let words = AppWords::here();
    let lang = Boot::here().lang;
    let place = NodeRef::<html::Input>::new();
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        if let Some(input) = place.get() {
            let _ = input.focus();
            input.select();
        }
    });
    let label = match &action {
        Action::Scale(_) => words.instances.to_owned(),
        Action::Destroy => phrases::type_to_confirm(lang, last_part(&subject)),
        Action::Restart | Action::Suspend | Action::Rollback => return ().into_any(),
    };
    let is_number = matches!(action, Action::Scale(_));
    let is_wrong = move || is_number && typed.with(|typed| typed.trim().parse::<u32>().is_err());
    view! {
        <div class="field scripted">
            <label for="dialog-input">{label}</label>
            <input
                node_ref=place
                id="dialog-input"
                class="in"
                data-testid="dialog-input"
                autofocus=true
                autocomplete="off"
                inputmode=if is_number { "numeric" } else { "text" }
                aria-invalid=move || is_wrong().then_some("true")
                prop:value=typed
                value=typed.get_untracked()
                on:input=move |event| typed.set(event_target_value(&event))
            />
            <span class="help">{move || is_wrong().then_some(words.scale_invalid)}</span>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_asked_for_and_a_name_to_destroy() {
        let scale = Action::Scale(1);
        assert_eq!(
            scale.change("/a", " 3 "),
            Some(Change::Scale { app: "/a".to_owned(), instances: 3 })
        );
        for wrong in ["", "-1", "1.5", "many"] {
            assert_eq!(scale.change("/a", wrong), None, "{wrong}");
        }
        let destroyed = Some(Change::Destroy { app: "/prod/web".to_owned() });
        assert_eq!(Action::Destroy.change("/prod/web", "web"), destroyed);
        assert_eq!(Action::Destroy.change("/prod/web", "/prod/web"), destroyed);
        assert_eq!(Action::Destroy.change("/prod/web", "prod"), None);
    }
}
