//! Both machines against their rules, and against each other under delay, pause and drift.

use proptest::prelude::*;

use super::*;

const SESSION: SessionId = SessionId(7);
const OTHER: SessionId = SessionId(8);

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

#[test]
fn a_lease_counts_from_the_question_and_not_from_its_answer() {
    let mut lease = Holder::default();
    assert!(!lease.is_held(Instant::ZERO));
    lease.confirmed(at(1_000), Confirmed::ByQuorum);
    assert!(lease.is_held(at(1_319)) && !lease.is_held(at(1_320)));
    lease.confirmed(at(1_100), Confirmed::ByLeader);
    assert!(lease.is_held(at(1_579)) && !lease.is_held(at(1_580)));
    // The answer to an older question comes late.
    lease.confirmed(at(1_050), Confirmed::ByLeader);
    assert_eq!(lease.until(), at(1_580));
    lease.ended();
    assert!(!lease.is_held(at(0)));
}

#[test]
fn a_session_is_due_when_its_time_without_renewal_is_over() {
    let mut deadlines = Deadlines::default();
    deadlines.observe([SESSION, OTHER], at(0));
    deadlines.renewed(SESSION, at(300));
    assert_eq!(deadlines.due(at(599)).count(), 0);
    assert_eq!(deadlines.due(at(600)).collect::<Vec<_>>(), [OTHER]);
    assert_eq!(deadlines.due(at(900)).collect::<Vec<_>>(), [SESSION, OTHER]);
}

#[test]
fn seeing_a_session_again_gives_it_no_new_time_and_a_closed_one_is_forgotten() {
    let mut deadlines = Deadlines::default();
    deadlines.observe([SESSION, OTHER], at(0));
    deadlines.observe([SESSION], at(500));
    assert_eq!(deadlines.due(at(600)).collect::<Vec<_>>(), [SESSION]);
    deadlines.renewed(OTHER, at(500));
    deadlines.observe([SESSION, OTHER], at(700));
    assert_eq!(deadlines.due(at(1_299)).collect::<Vec<_>>(), [SESSION]);
}

#[test]
fn a_refused_connection_shortens_the_time_and_a_renewal_gives_it_back() {
    let mut deadlines = Deadlines::default();
    deadlines.observe([SESSION, OTHER], at(0));
    deadlines.refused(SESSION, at(100));
    deadlines.refused(OTHER, at(550));
    assert_eq!(deadlines.due(at(250)).collect::<Vec<_>>(), [SESSION]);
    assert_eq!(deadlines.due(at(600)).count(), 2, "a refusal never lengthens the time");
    deadlines.renewed(SESSION, at(260));
    assert_eq!(deadlines.due(at(600)).collect::<Vec<_>>(), [OTHER]);
}

#[test]
fn a_close_that_was_proposed_is_not_proposed_again_at_once() {
    let mut deadlines = Deadlines::default();
    deadlines.observe([SESSION], at(0));
    deadlines.closing(SESSION, at(600));
    assert_eq!(deadlines.due(at(1_199)).count(), 0);
    assert_eq!(deadlines.due(at(1_200)).collect::<Vec<_>>(), [SESSION]);
}

#[test]
fn the_former_leaders_session_is_due_at_once() {
    let mut deadlines = Deadlines::default();
    deadlines.observe([SESSION, OTHER], at(0));
    deadlines.outvoted(SESSION, at(10));
    assert_eq!(deadlines.due(at(10)).collect::<Vec<_>>(), [SESSION]);
}

/// Moments of one run in true time: a renewal leaves the holder and arrives, or is lost.
#[derive(Debug, Clone)]
struct Renewal {
    pause: u64,
    there: u64,
    is_lost: bool,
}

fn renewal() -> impl Strategy<Value = Renewal> {
    // Pauses of the holder (SIGSTOP, a sleeping machine), slow and lost messages.
    let pause = prop_oneof![8 => 80..120_u64, 1 => 120..2_000_u64];
    let travel = prop_oneof![8 => 0..20_u64, 1 => 0..1_500_u64];
    (pause, travel, prop::bool::weighted(0.1)).prop_map(|(pause, there, is_lost)| Renewal {
        pause,
        there,
        is_lost,
    })
}

/// What a clock shows at a true time in microseconds, running at `rate` per mille.
fn shown(true_us: u64, rate: u64, offset: u64) -> Instant {
    Instant::from_nanos(true_us * rate + offset)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_session_is_closed_while_its_holder_may_act(
        renewals in prop::collection::vec(renewal(), 1..30),
        holder_rate in 900..=1_100_u64, leader_rate in 900..=1_100_u64,
        holder_offset in 0..1_u64 << 40, leader_offset in 0..1_u64 << 40,
    ) {
        let mut receipts = Vec::new();
        let mut now = 0;
        for renewal in &renewals {
            now += renewal.pause * 1_000;
            if !renewal.is_lost {
                receipts.push(now + renewal.there * 1_000);
            }
        }
        receipts.sort_unstable();
        // The leader looks every 10 ms and closes once; from then on the holder must not act.
        let mut deadlines = Deadlines::default();
        deadlines.observe([SESSION], shown(0, leader_rate, leader_offset));
        let end = now + 4_000_000;
        let mut receipts = receipts.into_iter().peekable();
        let closed = (0..end).step_by(10_000).find(|look| {
            while let Some(receipt) = receipts.next_if(|receipt| receipt <= look) {
                deadlines.renewed(SESSION, shown(receipt, leader_rate, leader_offset));
            }
            deadlines.due(shown(*look, leader_rate, leader_offset)).next().is_some()
        });
        let closed = closed.expect("renewals end, so the session ends");
        let held = replay(&renewals, closed, holder_rate, holder_offset);
        prop_assert!(!held, "the holder may still act at {closed} us");
    }

    #[test]
    fn a_quorums_lease_ends_before_another_node_can_come_to_lead(
        acknowledged in 0..10_000_u64, travel in 0..1_000_u64,
        holder_rate in 900..=1_100_u64, other_rate in 900..=1_100_u64,
    ) {
        // A follower that acknowledges at `acknowledged + travel` does not vote for anybody before its
        // leader lease of 400 ms and at least 200 ms more have passed on its own clock.
        let received = (acknowledged + travel) * 1_000;
        let stands = received + 600 * 1_000 * 1_000 / other_rate;
        let mut lease = Holder::default();
        lease.confirmed(shown(acknowledged * 1_000, holder_rate, 0), Confirmed::ByQuorum);
        prop_assert!(!lease.is_held(shown(stands, holder_rate, 0)));
    }

    #[test]
    fn a_lease_never_gets_shorter_by_an_answer(
        answers in prop::collection::vec((0..10_000_u64, any::<bool>()), 1..40)
    ) {
        let mut lease = Holder::default();
        for (sent, is_quorum) in answers {
            let before = lease.until();
            let by = if is_quorum { Confirmed::ByQuorum } else { Confirmed::ByLeader };
            lease.confirmed(at(sent), by);
            prop_assert!(lease.until() >= before && lease.is_held(at(sent)));
        }
    }
}

/// Whether the holder may act at the true time `closed`, from the renewals that were received before it.
fn replay(renewals: &[Renewal], closed: u64, rate: u64, offset: u64) -> bool {
    let mut lease = Holder::default();
    let mut now = 0;
    for renewal in renewals {
        now += renewal.pause * 1_000;
        if !renewal.is_lost && now + renewal.there * 1_000 <= closed {
            // However late the answer comes, it counts from when the question was sent.
            lease.confirmed(shown(now, rate, offset), Confirmed::ByLeader);
        }
    }
    lease.is_held(shown(closed, rate, offset))
}
