//! The link over plain HTTP.

use prost::Message;
use serde_json::json;
use wire::{
    AgentFrame, AgentSays, FlowReceipt, ForemanPoll, Hello, Report, ServerFrame, ServerSays,
};

use crate::agent::{Identity, facts, finished, flow_id, rows};
use crate::hunting::{hunt, start};
use crate::world::World;

async fn ask(world: &World, identity: &Identity, says: Vec<AgentSays>) -> Vec<ServerSays> {
    let mut body = Vec::new();
    for says in says {
        wire::append_frame(&mut body, &AgentFrame { says: Some(says) });
    }
    let (status, answer) = identity.post(world, wire::POLL_PATH, body).await;
    assert_eq!(status, 200);
    let frames = wire::split_frames(&answer).unwrap();
    frames.iter().map(|frame| ServerFrame::decode(*frame).unwrap().says.unwrap()).collect()
}

fn hello(hold_secs: u32, live: Vec<wire::Attempt>) -> AgentSays {
    let facts = Some(facts());
    AgentSays::Hello(Hello { protocol: 1, facts, hold_secs, live, ..Hello::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_flow_goes_over_plain_http() {
    let world = World::start().await;
    let admin = world.admin().await;
    let identity = Identity::enrolled(&world, &admin.enrolment_token(1).await).await;
    let asked = json!({ "client": identity.client, "artifacts": [{ "name": "Test.Rows" }] });

    // The answer is held until there is something to say.
    let (heard, _) = tokio::join!(ask(&world, &identity, vec![hello(50, vec![])]), async {
        while admin.get(&format!("/clients/{}", identity.client)).await.good()["online"] != true {}
        admin.post("/flows", asked).await.good()
    });
    let request = heard.iter().find_map(|says| match says {
        ServerSays::FlowRequest(request) => Some(request.clone()),
        _ => None,
    });
    let attempt = request.expect("a request").attempt.unwrap();
    let report = |number, says| {
        let (attempt, says) = (Some(attempt.clone()), Some(says));
        AgentSays::Report(Report { number, attempt, says })
    };
    let says = vec![
        hello(50, vec![attempt.clone()]),
        AgentSays::Receipt(FlowReceipt { attempt: Some(attempt.clone()) }),
        report(1, rows(0, &[r#"{"a":1}"#])),
        report(2, finished(1, 1, (0, 0))),
    ];
    let heard = ask(&world, &identity, says).await;
    let mut acknowledged = heard.iter().filter_map(|says| match says {
        ServerSays::ReportAck(ack) => Some((ack.up_to, ack.rejected.len())),
        _ => None,
    });
    assert_eq!(acknowledged.next_back(), Some((2, 0)));
    let flow = admin.get(&format!("/flows/{}", flow_id(&attempt))).await.good();
    assert_eq!((&flow["state"], &flow["rows"]), (&json!("done"), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_hunt_ends_the_wait() {
    let world = World::start().await;
    let admin = world.admin().await;
    let identity = Identity::enrolled(&world, &admin.enrolment_token(1).await).await;
    let poll = AgentSays::Poll(ForemanPoll::default());
    let (heard, _) =
        tokio::join!(ask(&world, &identity, vec![hello(50, vec![]), poll.clone()]), async {
            while admin.get(&format!("/clients/{}", identity.client)).await.good()["online"] != true
            {
            }
            start(&admin, hunt("")).await
        });
    // A client is online before its poll is looked at: the hunt may be there by then.
    if heard.iter().any(|says| matches!(says, ServerSays::Check(_))) {
        return;
    }
    assert!(heard.iter().any(|says| matches!(says, ServerSays::HuntsChanged(_))), "{heard:?}");
    let heard = ask(&world, &identity, vec![hello(0, vec![]), poll]).await;
    assert!(heard.iter().any(|says| matches!(says, ServerSays::Check(_))), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_makes_no_sense_is_refused() {
    let world = World::start().await;
    let admin = world.admin().await;
    let identity = Identity::enrolled(&world, &admin.enrolment_token(1).await).await;
    let (status, _) = identity.post(&world, wire::POLL_PATH, vec![0xff; 30]).await;
    assert_eq!(status, 400);
    assert_eq!(Identity::new().post(&world, wire::POLL_PATH, vec![]).await.0, 401);
}
