use tokio::net::TcpListener;

use super::*;
use crate::probe::tests::{Closed, INFORMED, Served, piecemeal, tls};

fn order(question: Question, port: u16) -> ProbeOrder {
    let (host, timeout) = ("127.0.0.1".to_owned(), Duration::from_secs(30));
    ProbeOrder { id: ProbeId(7), question, host, port, timeout }
}

/// The same to somebody who will not answer.
fn in_vain(question: Question, port: u16) -> ProbeOrder {
    ProbeOrder { timeout: Duration::from_millis(300), ..order(question, port) }
}

fn http() -> Question {
    Question::Http { scheme: Scheme::Http, path: "/health".to_owned(), wants_body: true }
}

#[tokio::test]
async fn a_server_that_turns_bad_is_seen_to() {
    let server = Served::start(200).await;
    for status in [200, 503, 302] {
        server.set(status);
        let (probe, outcome) = ask(order(http(), server.port)).await;
        assert_eq!(probe, ProbeId(7));
        let Outcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (status, "/health"),
            "redirects are not followed"
        );
    }
    let (_, outcome) = ask(order(Question::Tcp, server.port)).await;
    assert_eq!(outcome, Outcome::Connected);
}

#[tokio::test]
async fn marathon_waits_for_the_answer_behind_informational_ones() {
    let (_, outcome) = ask(order(http(), piecemeal(&INFORMED).await)).await;
    let Outcome::Answered(answer) = outcome else { panic!("{outcome:?}") };
    assert_eq!((answer.status, answer.body.as_str()), (200, "well"));
}

#[tokio::test]
async fn nobody_who_listens_and_nobody_who_answers_are_failures() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (_, silent) = ask(in_vain(http(), port)).await;
    assert_eq!(silent, Outcome::Failed("no answer within 0.3 s".to_owned()));
    let closed = Closed::on_loopback();
    let (_, outcome) = ask(order(Question::Tcp, closed.port)).await;
    let Outcome::Failed(cause) = outcome else { panic!("{outcome:?}") };
    let told = format!("no connection to 127.0.0.1:{}: ", closed.port);
    assert!(cause.starts_with(&told), "{cause}");
}

#[tokio::test]
async fn marathon_asks_over_tls_and_ipv6_and_looks_at_no_certificate() {
    for host in ["127.0.0.1", "::1"] {
        let port = tls::serve(host).await;
        let path = "/health".to_owned();
        let https = Question::Http { scheme: Scheme::Https, path, wants_body: false };
        let order = ProbeOrder { host: host.to_owned(), ..order(https, port) };
        let (_, outcome) = ask(order).await;
        let Outcome::Answered(answer) = outcome else { panic!("{host}: {outcome:?}") };
        assert_eq!(answer.status, 204, "{host}");
    }
}

/// Listeners that accept nothing: the system makes the connections, and nobody answers.
async fn silent(count: usize) -> Vec<TcpListener> {
    let mut silent = Vec::new();
    for _ in 0..count {
        silent.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    silent
}

#[tokio::test]
async fn silent_tasks_are_counted_and_keep_nobody_waiting_for_ever() {
    const AT_ONCE: usize = 3;
    let server = Served::start(200).await;
    let silent = silent(3 * AT_ONCE).await;
    let (orders, questions) = mpsc::unbounded_channel();
    for (number, listener) in (0..).zip(&silent) {
        let port = listener.local_addr().unwrap().port();
        orders.send(ProbeOrder { id: ProbeId(number), ..in_vain(http(), port) }).unwrap();
    }
    orders.send(ProbeOrder { id: ProbeId(100), ..order(http(), server.port) }).unwrap();
    drop(orders);
    let mut answers = std::pin::pin!(answers(questions, AT_ONCE));
    let mut failed = 0;
    let mut healthy = None;
    while let Some((probe, outcome)) = answers.next().await {
        match outcome {
            Outcome::Answered(answer) => healthy = Some((probe, answer.status)),
            Outcome::Failed(cause) => {
                assert_eq!(cause, "no answer within 0.3 s");
                failed += 1;
            }
            Outcome::Connected => panic!("HTTP was asked"),
        }
    }
    assert_eq!((failed, healthy), (silent.len(), Some((ProbeId(100), 200))));
}
