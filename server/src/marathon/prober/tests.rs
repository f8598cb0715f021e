use tokio::net::TcpListener;

use super::*;
use crate::probe::tests::{Served, tls};

fn order(question: Question, port: u16) -> ProbeOrder {
    let (host, timeout) = ("127.0.0.1".to_owned(), Duration::from_millis(300));
    ProbeOrder { id: ProbeId(7), question, host, port, timeout }
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
async fn nobody_who_listens_and_nobody_who_answers_are_failures() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (_, silent) = ask(order(http(), port)).await;
    assert_eq!(silent, Outcome::Failed("no answer within 0.3 s".to_owned()));
    drop(listener);
    let (_, outcome) = ask(order(Question::Tcp, port)).await;
    let Outcome::Failed(cause) = outcome else { panic!("{outcome:?}") };
    assert!(cause.starts_with(&format!("no connection to 127.0.0.1:{port}: ")), "{cause}");
}

#[tokio::test]
async fn marathon_asks_over_tls_and_ipv6_and_looks_at_no_certificate() {
    for host in ["127.0.0.1", "::1"] {
        let port = tls::serve(host).await;
        let path = "/health".to_owned();
        let https = Question::Http { scheme: Scheme::Https, path, wants_body: false };
        let timeout = Duration::from_secs(30);
        let order = ProbeOrder { host: host.to_owned(), timeout, ..order(https, port) };
        let (_, outcome) = ask(order).await;
        let Outcome::Answered(answer) = outcome else { panic!("{host}: {outcome:?}") };
        assert_eq!(answer.status, 204, "{host}");
    }
}
