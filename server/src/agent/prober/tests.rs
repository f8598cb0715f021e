use agent_core::TaskKey;
use agent_core::check::CheckKind;
use containerizer::NoOp;
use model::ContainerId;

use super::*;
use crate::probe::tests::{Closed, INFORMED, Served, piecemeal, tls};

fn probe(question: Question, timeout: Option<Duration>) -> Probe {
    Probe {
        task: TaskKey { framework: "F".into(), task: "t".into() },
        container: ContainerId::new("c"),
        name: "mesos-S0.c".to_owned(),
        kind: CheckKind::Health,
        number: 3,
        question,
        timeout,
    }
}

fn http(port: u16) -> Question {
    Question::Http { is_tls: false, port, path: "/health".to_owned(), is_v6: false }
}

#[tokio::test]
async fn a_task_in_the_hosts_network_is_asked_on_loopback_and_the_answer_reported() {
    let server = Served::start(200).await;
    let (inbox, mut commands) = mpsc::channel(4);
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let prober = Prober::new(Arc::new(NoOp::new()), inbox, tracker, stop);
    for (status, question, expected) in [
        (200, http(server.port), Outcome::Answered(200)),
        (503, http(server.port), Outcome::Answered(503)),
        (503, Question::Tcp { port: server.port, is_v6: false }, Outcome::Connected),
        (
            200,
            Question::Command { line: vec!["true".to_owned()], environment: Vec::new() },
            Outcome::Exited(0),
        ),
    ] {
        server.set(status);
        prober.ask(probe(question, Some(Duration::from_secs(20))));
        match commands.recv().await.unwrap() {
            Command::Probed { number, outcome, .. } => assert_eq!((number, outcome), (3, expected)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn redirects_are_followed_within_the_task_and_not_for_ever() {
    let server = Served::start(302).await;
    let outcome = answer(&NoOp::new(), &probe(http(server.port), None)).await;
    assert_eq!(outcome, Outcome::Failed("more than 50 redirects".to_owned()));
}

#[tokio::test]
async fn redirects_to_elsewhere_and_without_a_place_are_answers_by_themselves() {
    for (head, status) in [
        ("HTTP/1.1 301 X\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n", 301),
        ("HTTP/1.1 307 X\r\nLocation: //192.0.2.1/\r\nContent-Length: 0\r\n\r\n", 307),
        ("HTTP/1.1 300 X\r\nContent-Length: 0\r\n\r\n", 300),
        ("HTTP/1.1 304 X\r\n\r\n", 304),
    ] {
        let port = piecemeal(vec![head].leak()).await;
        let outcome = answer(&NoOp::new(), &probe(http(port), None)).await;
        assert_eq!(outcome, Outcome::Answered(status));
    }
}

#[tokio::test]
async fn the_agent_waits_for_the_answer_behind_informational_ones() {
    let port = piecemeal(&INFORMED).await;
    let outcome = answer(&NoOp::new(), &probe(http(port), None)).await;
    assert_eq!(outcome, Outcome::Answered(200));
}

#[tokio::test]
async fn silence_and_closed_ports_are_failures() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (inbox, mut commands) = mpsc::channel(4);
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let prober = Prober::new(Arc::new(NoOp::new()), inbox, tracker, stop);
    prober.ask(probe(http(port), Some(Duration::from_millis(200))));
    let Some(Command::Probed { outcome, .. }) = commands.recv().await else { panic!("no answer") };
    assert_eq!(outcome, Outcome::Failed("no answer within 0.2 s".to_owned()));
    let closed = Closed::on_loopback();
    let outcome = answer(&NoOp::new(), &probe(http(closed.port), None)).await;
    let Outcome::Failed(cause) = outcome else { panic!("{outcome:?}") };
    assert!(cause.starts_with(&format!("no connection to port {}: ", closed.port)), "{cause}");
}

/// A server with TLS on loopback of one family, at a port that is closed in the other one.
async fn served_in_one_family(is_v6: bool) -> Closed {
    loop {
        let port = tls::serve(&loopback(is_v6).to_string()).await;
        match Closed::at((loopback(!is_v6), port).into()) {
            Ok(closed) => return closed,
            // Somebody else has it there: another port may be free.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}"),
        }
    }
}

#[tokio::test]
async fn tls_and_ipv6_are_asked_on_loopback_and_certificates_not_looked_at() {
    for (ip, is_v6) in [("127.0.0.1", false), ("::1", true)] {
        let closed = served_in_one_family(is_v6).await;
        let port = closed.port;
        let https = Question::Http { is_tls: true, port, path: "/".to_owned(), is_v6 };
        let outcome = answer(&NoOp::new(), &probe(https, None)).await;
        assert_eq!(outcome, Outcome::Answered(204), "{ip}");
        let outcome = answer(&NoOp::new(), &probe(Question::Tcp { port, is_v6 }, None)).await;
        assert_eq!(outcome, Outcome::Connected, "{ip}");
        // The same port of the other family.
        let tcp = Question::Tcp { port, is_v6: !is_v6 };
        let outcome = answer(&NoOp::new(), &probe(tcp, None)).await;
        assert!(matches!(outcome, Outcome::Failed(_)), "{ip}: {outcome:?}");
    }
}

/// Commands in it never end.
#[derive(Debug)]
struct Hanging;

impl Inside for Hanging {
    fn run<'a>(
        &'a self,
        _name: &'a str,
        line: &'a [String],
        _environment: &'a [(String, String)],
    ) -> futures_util::future::BoxFuture<'a, Result<i64, containerizer::Error>> {
        match line.first().map(String::as_str) {
            Some("true") => std::future::ready(Ok(0)).boxed(),
            Some("fault") => async { panic!("a fault of the engine's client") }.boxed(),
            _ => std::future::pending().boxed(),
        }
    }
}

/// The same with few turns, each of a moment.
fn prober(inside: impl Inside) -> (Prober, mpsc::Receiver<Command>) {
    let (inbox, commands) = mpsc::channel(64);
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let prober = Prober::new(Arc::new(inside), inbox, tracker, stop);
    let few = || Arc::new(Semaphore::new(FEW));
    let turn = Duration::from_millis(50);
    (Prober { connections: few(), commands: few(), turn, ..prober }, commands)
}

const FEW: usize = 2;

/// The next answer.
async fn next(commands: &mut mpsc::Receiver<Command>) -> (u64, Outcome) {
    let answered = tokio::time::timeout(Duration::from_secs(20), commands.recv()).await;
    match answered.expect("an answer in time") {
        Some(Command::Probed { number, outcome, .. }) => (number, outcome),
        other => panic!("{other:?}"),
    }
}

fn command(program: &str) -> Question {
    Question::Command { line: vec![program.to_owned()], environment: Vec::new() }
}

#[tokio::test]
async fn silent_servers_do_not_keep_a_healthy_one_waiting_and_are_counted() {
    let server = Served::start(200).await;
    let (prober, mut commands) = prober(NoOp::new());
    // They accept nothing: the system makes the connection, and nobody answers.
    let mut silent = Vec::new();
    for number in 0..3 * FEW as u64 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        silent.push(listener);
        prober.ask(Probe { number, ..probe(http(port), Some(Duration::from_secs(3))) });
    }
    prober.ask(Probe { number: 100, ..probe(http(server.port), Some(Duration::from_secs(3))) });
    // The first of the silent ones fails after three seconds.
    assert_eq!(next(&mut commands).await, (100, Outcome::Answered(200)));
    let failed = Outcome::Failed("no answer within 3 s".to_owned());
    for _ in &silent {
        assert_eq!(next(&mut commands).await.1, failed);
    }
}

#[tokio::test]
async fn commands_that_never_end_keep_no_other_check_from_being_asked() {
    let (prober, mut commands) = prober(Hanging);
    for number in 0..5 * FEW as u64 {
        prober.ask(Probe { number, ..probe(command("sleep"), None) });
    }
    prober.ask(Probe { number: 100, ..probe(command("true"), None) });
    assert_eq!(next(&mut commands).await, (100, Outcome::Exited(0)));
    prober.ask(Probe { number: 101, ..probe(command("sleep"), Some(Duration::from_millis(10))) });
    let failed = Outcome::Failed("no answer within 0.01 s".to_owned());
    assert_eq!(next(&mut commands).await, (101, failed));
}

#[tokio::test]
async fn a_question_that_breaks_off_is_answered_too() {
    let (prober, mut commands) = prober(Hanging);
    prober.ask(probe(command("fault"), None));
    let broken = Outcome::NotAsked("the question broke off".to_owned());
    assert_eq!(next(&mut commands).await, (3, broken));
}
