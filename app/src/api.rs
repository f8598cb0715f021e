//! The only place that fetches.
//!
//! On the server a question goes to the backend in context, with the page's deadline; in the browser it goes to
//! `/ui/api/v1/…` of the same origin. Callers see one function either way.

pub mod apps;
pub mod cluster;
pub mod files;

#[cfg(feature = "hydrate")]
mod fetch;

use futures_util::future::BoxFuture;

use crate::backend::ConsoleError;

/// An answer that is on its way and borrows nothing.
pub type Pending<T> = BoxFuture<'static, Result<T, ConsoleError>>;

/// Asks the backend in context, and gives up at the page's deadline.
#[cfg(not(feature = "hydrate"))]
fn ask<B, T, F>(question: F) -> Pending<T>
where
    B: Send + Sync + ?Sized + 'static,
    T: Send + 'static,
    F: for<'a> FnOnce(&'a B) -> crate::backend::Answer<'a, T> + Send + 'static,
{
    use futures_util::future::{Either, select};
    use leptos::prelude::use_context;

    let backend = use_context::<std::sync::Arc<B>>();
    let deadline = use_context::<crate::backend::Deadline>();
    Box::pin(async move {
        let Some(backend) = backend else {
            return Err(ConsoleError::Unavailable {
                reason: "this console has no such page".to_owned(),
            });
        };
        let answer = question(&*backend);
        let Some(deadline) = deadline else { return answer.await };
        match select(answer, (deadline.0)()).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(ConsoleError::Late),
        }
    })
}
