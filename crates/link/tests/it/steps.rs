//! What an agent's session does at one word of the server.

use std::time::Duration;

use base::{FlowId, Timestamp};
use link::{AgentSession, Bookmark, Do, Ending, Setup, StoredReport};
use model::results::AttemptId;
use prost::Message;
use wire::*;

const ATTEMPT: AttemptId = AttemptId { flow: FlowId::from_bits(5), attempt: 1 };

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn server(says: ServerSays) -> Vec<u8> {
    ServerFrame { says: Some(says) }.encode_to_vec()
}

fn welcome(newest_offer: u64, recheck: u64) -> Vec<u8> {
    let labels = vec!["web".to_owned()];
    server(ServerSays::Welcome(Welcome {
        protocol: 1,
        newest_offer,
        labels,
        recheck,
        poll_secs: 100,
    }))
}

fn ack(cursor: u64, recheck: u64) -> Vec<u8> {
    server(ServerSays::CursorAck(CursorAck { cursor, recheck }))
}

fn check(check: u64, snapshot: u64) -> Vec<u8> {
    server(ServerSays::Check(Check { check, snapshot, queries: vec![] }))
}

fn setup() -> Setup {
    Setup {
        monitoring: Some(0),
        facts: Facts::default(),
        bookmark: Bookmark { cursor: 10, recheck: 1 },
        live: vec![],
        acknowledged: 3,
        jitter: 0.5,
        poll_every: None,
    }
}

fn started() -> AgentSession {
    AgentSession::start(setup(), at(0)).0
}

fn welcomed() -> AgentSession {
    let mut session = started();
    session.on_frame(&welcome(10, 1), at(0));
    session
}

/// What was wished for, shortly: frames by their content.
fn told(todo: &[Do]) -> Vec<String> {
    let one = |wish: &Do| match wish {
        Do::Send(bytes) => match read_agent_frame(bytes) {
            Ok(AgentSaid::Poll { cursor, recheck }) => format!("poll {cursor} under {recheck}"),
            Ok(AgentSaid::Report(report)) => format!("report {}", report.number),
            Ok(AgentSaid::Answer(answer)) => {
                format!("answer {} under {}", answer.check, answer.recheck)
            }
            Ok(said) => format!("{said:?}"),
            Err(bad) => format!("bad frame: {bad}"),
        },
        other => format!("{other:?}"),
    };
    todo.iter().map(one).collect()
}

fn stored(number: u64, bytes: usize) -> StoredReport {
    let part = UploadPart { path: "/x".into(), data: vec![0; bytes], ..UploadPart::default() };
    let says = Some(ReportSays::Upload(part));
    let report = Report { number, attempt: Some(ATTEMPT.into()), says };
    StoredReport { number, attempt: ATTEMPT, bytes: report.encode_to_vec() }
}

#[test]
fn it_polls_after_the_welcome_only_when_something_is_new() {
    let after = |newest, recheck| told(&started().on_frame(&welcome(newest, recheck), at(0)));
    let labels = "SetLabels([\"web\"])";
    assert_eq!(after(10, 1), [labels]);
    assert_eq!(after(11, 1), [labels, "poll 10 under 1"]);
    assert_eq!(after(9, 1), [labels, "poll 10 under 1"], "a restored server decides itself");
    assert_eq!(after(10, 2), [labels, "poll 0 under 2"], "labels changed: all hunts again");
}

#[test]
fn the_cursor_moves_only_by_an_acknowledgement_of_what_was_decided() {
    let mut session = welcomed();
    assert!(told(&session.on_frame(&ack(99, 2), at(1)))[0].starts_with("Note"), "other labels");
    let changed = HuntsChanged { newest_offer: 20, ..HuntsChanged::default() };
    let todo = session.on_frame(&server(ServerSays::HuntsChanged(changed)), at(2));
    assert_eq!(told(&todo), ["poll 10 under 1"]);
    assert!(told(&session.on_frame(&check(7, 20), at(3)))[0].starts_with("RunCheck"));
    assert!(told(&session.on_frame(&ack(20, 1), at(4)))[0].starts_with("Note"));
    assert_eq!(told(&session.on_answer(6, vec![], at(5))), [""; 0], "of another check");
    assert_eq!(told(&session.on_answer(7, vec![], at(5))), ["answer 7 under 1"]);
    let saved = format!("{:?}", Do::SaveBookmark(Bookmark { cursor: 20, recheck: 1 }));
    assert_eq!(told(&session.on_frame(&ack(20, 1), at(6))), [saved]);
}

#[test]
fn a_check_and_an_acknowledgement_may_come_without_a_poll() {
    let mut session = welcomed();
    assert!(told(&session.on_frame(&check(7, 20), at(1)))[0].starts_with("RunCheck"));
    assert_eq!(told(&session.on_answer(7, vec![], at(2))), ["answer 7 under 1"]);
    let saved = |cursor| [format!("{:?}", Do::SaveBookmark(Bookmark { cursor, recheck: 1 }))];
    assert_eq!(told(&session.on_frame(&ack(20, 1), at(3))), saved(20));
    assert_eq!(told(&session.on_frame(&ack(30, 1), at(4))), saved(30));
}

#[test]
fn a_check_that_crosses_a_poll_answers_it_or_gives_way_to_the_answer() {
    let mut session = welcomed();
    let changed = HuntsChanged { newest_offer: 20, recheck: 2, labels: vec![] };
    let todo = told(&session.on_frame(&server(ServerSays::HuntsChanged(changed)), at(1)));
    assert_eq!(todo[1], "poll 0 under 2");
    assert!(told(&session.on_frame(&check(7, 20), at(2)))[0].starts_with("RunCheck"));
    assert_eq!(told(&session.on_answer(7, vec![], at(3))), ["answer 7 under 2"]);
    assert!(told(&session.on_frame(&check(8, 20), at(4)))[0].starts_with("RunCheck"));
    assert_eq!(told(&session.on_answer(7, vec![], at(5))), [""; 0], "nobody wants to know");
    assert_eq!(told(&session.on_answer(8, vec![], at(5))), ["answer 8 under 2"]);
    let saved = format!("{:?}", Do::SaveBookmark(Bookmark { cursor: 20, recheck: 2 }));
    assert_eq!(told(&session.on_frame(&ack(20, 2), at(6))), [saved]);
}

#[test]
fn an_offer_announced_during_a_check_is_asked_about_afterwards() {
    let mut session = started();
    session.on_frame(&welcome(20, 1), at(0));
    session.on_frame(&check(7, 20), at(1));
    let changed = HuntsChanged { newest_offer: 30, ..HuntsChanged::default() };
    assert_eq!(told(&session.on_frame(&server(ServerSays::HuntsChanged(changed)), at(2))), [""; 0]);
    session.on_answer(7, vec![], at(3));
    let todo = told(&session.on_frame(&ack(20, 1), at(4)));
    assert_eq!(todo[1..], ["poll 20 under 1"]);
}

#[test]
fn a_lower_cursor_is_adopted_and_does_not_cause_a_loop() {
    let mut session = started();
    assert_eq!(told(&session.on_frame(&welcome(5, 1), at(0))).len(), 2);
    let todo = told(&session.on_frame(&ack(5, 1), at(1)));
    assert_eq!(todo, [format!("{:?}", Do::SaveBookmark(Bookmark { cursor: 5, recheck: 1 }))]);
    assert_eq!(told(&session.on_tick(at(2))), [""; 0]);
}

#[test]
fn it_polls_when_no_push_arrives_and_gives_up_on_silence() {
    let mut session = welcomed();
    assert_eq!(session.next_tick(), at(100));
    assert_eq!(told(&session.on_tick(at(99))), [""; 0]);
    assert_eq!(told(&session.on_tick(at(100))), ["poll 10 under 1"]);
    assert_eq!(session.next_tick(), at(160));
    assert_eq!(session.on_tick(at(160)), [Do::End(Ending::Silent)]);
    assert_eq!(started().on_tick(at(60)), [Do::End(Ending::Silent)], "no welcome");
}

#[test]
fn reports_begin_after_the_acknowledged_and_fill_the_window() {
    assert_eq!(started().wants_reports(), None, "not before the welcome");
    let mut session = welcomed();
    let wanted = session.wants_reports().unwrap();
    assert_eq!((wanted.after, wanted.bytes_max), (3, OUTSTANDING_BYTES_MAX));
    let sent = session.on_reports((4..20).map(|n| stored(n, 250_000)).collect(), at(0));
    assert_eq!(sent.len(), 16);
    assert_eq!(session.wants_reports(), None, "the window is full");
    let acked = session
        .on_frame(&server(ServerSays::ReportAck(ReportAck { up_to: 10, rejected: vec![] })), at(1));
    assert_eq!(acked, [Do::Acknowledge(10)]);
    assert_eq!(session.wants_reports().unwrap().after, 19);
}

#[test]
fn the_end_of_a_short_attempt_stands_for_its_receipt() {
    let end = |session: &mut AgentSession| {
        let says = Some(ReportSays::Status(Status::default()));
        let report = Report { number: 4, attempt: Some(ATTEMPT.into()), says };
        let stored = StoredReport { number: 4, attempt: ATTEMPT, bytes: report.encode_to_vec() };
        session.on_reports(vec![stored], at(1)).len()
    };
    let mut short = welcomed();
    short.on_begun(ATTEMPT, at(1));
    assert_eq!(end(&mut short), 1);
    assert_eq!(told(&short.on_tick(at(2))), [""; 0]);
    let mut long = welcomed();
    long.on_begun(ATTEMPT, at(1));
    long.on_reports(vec![stored(4, 1)], at(1));
    assert!(long.next_tick() < at(2));
    assert_eq!(long.on_tick(at(2)).len(), 1, "rows alone do not");
    assert_eq!(told(&long.on_tick(at(3))), [""; 0], "and only once");
}

#[test]
fn an_acknowledgement_of_more_than_was_sent_means_what_was_sent() {
    let mut session = welcomed();
    let ack_all = server(ServerSays::ReportAck(ReportAck { up_to: u64::MAX, rejected: vec![] }));
    assert_eq!(session.on_frame(&ack_all, at(1)), []);
    session.on_reports(vec![stored(4, 1), stored(5, 1)], at(1));
    assert_eq!(session.on_frame(&ack_all, at(1)), [Do::Acknowledge(5)]);
}

#[test]
fn a_rejected_report_ends_its_attempt() {
    let mut session = welcomed();
    session.on_reports(vec![stored(4, 1)], at(1));
    let rejected = vec![Rejected { number: 4, reason: "over".into() }];
    let todo =
        session.on_frame(&server(ServerSays::ReportAck(ReportAck { up_to: 4, rejected })), at(1));
    assert_eq!(todo, [Do::GiveUp(ATTEMPT, "over".into()), Do::Acknowledge(4)]);
}

#[test]
fn over_http_what_was_not_acknowledged_goes_into_the_next_body() {
    let mut session = started();
    // The welcome makes it poll, but that poll is in no body yet.
    session.on_frame(&welcome(11, 1), at(0));
    session.body_answered();
    assert_eq!(told(&session.on_tick(at(1))), [""; 0], "it is not asked twice");
    session.on_reports(vec![stored(4, 1), stored(5, 1)], at(1));
    session.body_sent();
    let ack = ReportAck { up_to: 4, rejected: vec![] };
    session.on_frame(&server(ServerSays::ReportAck(ack)), at(1));
    session.body_answered();
    assert_eq!(session.wants_reports().unwrap().after, 4);
    assert_eq!(told(&session.on_tick(at(2))), ["poll 10 under 1"], "the poll was not answered");
}

#[test]
fn the_server_ends_a_session_for_now_or_for_ever() {
    let bye = |for_ever| {
        let bye = Bye { reason: "revoked".into(), for_ever, retry_secs: 9 };
        welcomed().on_frame(&server(ServerSays::Bye(bye)), at(1))
    };
    let reason = "revoked".to_owned();
    assert_eq!(bye(false), [Do::End(Ending::Asked { reason: reason.clone(), retry_secs: 9 })]);
    assert_eq!(bye(true), [Do::End(Ending::ForEver { reason })]);
}

#[test]
fn a_senseless_word_is_noted_and_garbage_ends_the_session() {
    let request = FlowRequest { attempt: None, ..FlowRequest::default() };
    let todo = welcomed().on_frame(&server(ServerSays::FlowRequest(request)), at(1));
    assert!(told(&todo)[0].contains("`attempt` is missing"));
    assert!(told(&welcomed().on_frame(&[0xff; 30], at(1)))[0].starts_with("End(Broken"));
    assert!(told(&started().on_frame(&ack(1, 1), at(1)))[0].contains("welcome"));
    let newer = Welcome { protocol: 9, ..Welcome::default() };
    let todo = started().on_frame(&server(ServerSays::Welcome(newer)), at(1));
    assert_eq!(todo, [Do::End(Ending::TooNew { protocol: 9 })]);
}

#[test]
fn the_agents_own_poll_interval_wins() {
    let every = Some(Duration::from_secs(7));
    let (mut session, _) = AgentSession::start(Setup { poll_every: every, ..setup() }, at(0));
    session.on_frame(&welcome(10, 1), at(0));
    assert_eq!(session.next_tick(), at(7));
}
