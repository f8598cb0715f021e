//! Puts the core's questions to tasks and brings their answers: Marathon's own health and readiness checks.
//!
//! At most so many are out at once; the others wait, and the time of each runs from its turn. None is dropped: the core
//! puts one of each check at a time and waits for its answer, so that the queue needs no bound of its own.

use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use marathon_core::health::{Answer, Outcome, ProbeId, ProbeOrder, Question};
use marathon_core::run_spec::Scheme;
use marathon_core::{Command, Marathon};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::driver;
use crate::probe::HttpQuestion;

/// How much of an answer is kept for readers of readiness results.
const BODY_LIMIT: usize = 16 * 1_024;

/// Asks until the driver ends; `at_once` is `--max_concurrent_marathon_health_checks`.
pub(super) async fn run(
    orders: mpsc::UnboundedReceiver<ProbeOrder>,
    at_once: usize,
    core: driver::Handle<Marathon>,
) {
    let mut answers = std::pin::pin!(answers(orders, at_once));
    while let Some((probe, outcome)) = answers.next().await {
        if core.send(Command::Probed { probe, outcome }).await.is_err() {
            return;
        }
    }
}

/// The answers, in the order in which they come.
fn answers(
    orders: mpsc::UnboundedReceiver<ProbeOrder>,
    at_once: usize,
) -> impl Stream<Item = (ProbeId, Outcome)> {
    UnboundedReceiverStream::new(orders).map(ask).buffer_unordered(at_once)
}

async fn ask(order: ProbeOrder) -> (ProbeId, Outcome) {
    let outcome = tokio::time::timeout(order.timeout, answer(&order)).await;
    (order.id, outcome.unwrap_or_else(|_elapsed| Outcome::Failed(overdue(order.timeout))))
}

fn overdue(timeout: Duration) -> String {
    format!("no answer within {} s", timeout.as_secs_f64())
}

async fn answer(order: &ProbeOrder) -> Outcome {
    let stream = match TcpStream::connect((order.host.as_str(), order.port)).await {
        Ok(stream) => stream,
        Err(error) => {
            return Outcome::Failed(format!(
                "no connection to {}:{}: {error}",
                order.host, order.port
            ));
        }
    };
    let Question::Http { scheme, path, wants_body } = &order.question else {
        return Outcome::Connected;
    };
    let question = HttpQuestion {
        is_tls: *scheme == Scheme::Https,
        host: &order.host,
        port: order.port,
        path,
        body_limit: if *wants_body { BODY_LIMIT } else { 0 },
    };
    match question.ask(stream).await {
        Ok(answer) => Outcome::Answered(Answer {
            status: answer.status,
            reason: answer.reason,
            content_type: answer.content_type,
            body: answer.body,
        }),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
