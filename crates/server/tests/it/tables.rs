//! Questions over all rows of a hunt or a flow: values of a column, SQL, and the rows as a table that is
//! downloaded in pieces.

use std::time::Duration;

use api::ExportManifest;
use base::HuntId;
use http_body_util::BodyExt;
use hyper::Method;
use model::results::ResultScope;
use serde_json::{Value, json};

use crate::agent::{Agent, finished, flow_id, rows};
use crate::bounds::one_round;
use crate::browser::{Browser, Reply};
use crate::hunting::{MATCHES, connected, hunt, start};
use crate::world::World;

const ROWS: [&str; 4] = [
    r#"{"Name":"ssh","Pid":20}"#,
    r#"{"Name":"cron","Pid":3}"#,
    r#"{"Name":"ssh","Pid":5}"#,
    r#"{"Name":"=1+1","Extra":{"a":[1]}}"#,
];

/// A running hunt that one agent has answered with these rows; its id, and the flow's.
async fn answered(admin: &Browser, agent: &mut Agent, said: &[&str]) -> (String, String) {
    let hunt = start(admin, hunt("")).await;
    let check = agent.check().await;
    agent.answer(&check, &[MATCHES]).await;
    let attempt = agent.take_request().await.attempt.unwrap();
    agent.good_report(&attempt, rows(0, said)).await;
    agent.good_report(&attempt, finished(said.len() as u64, 1, (0, 0))).await;
    (hunt, flow_id(&attempt).to_string())
}

/// The same with one request header more.
async fn get_with(browser: &Browser, (name, value): (&str, &str), path: &str) -> Reply {
    let mut other = Browser::new(browser.address());
    other.headers.clone_from(&browser.headers);
    other.headers.push((name.to_owned(), value.to_owned()));
    other.get(path).await
}

fn shown(facets: &Value) -> Vec<String> {
    let line = |of: &Value| format!("{} {} {}", of["value"], of["rows"], of["clients"]);
    facets["values"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_a_column_are_counted() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let (hunt, flow) = answered(&admin, &mut agent, &ROWS).await;
    for of in [format!("/hunts/{hunt}"), format!("/flows/{flow}")] {
        let facets =
            async |query: &str| admin.get(&format!("{of}/results/facets?{query}")).await.good();
        let found = facets("column=Name").await;
        assert_eq!(shown(&found), [r#""ssh" 2 1"#, r#""=1+1" 1 1"#, r#""cron" 1 1"#]);
        assert_eq!((&found["distinct"], &found["rows"]), (&json!(3), &json!(4)));
        let rare = facets("column=Name&order=rare&limit=1").await;
        assert_eq!((shown(&rare), &rare["distinct"]), (vec![r#""=1+1" 1 1"#.into()], &json!(3)));
        let some = facets("column=Pid&filter=Name%3Dssh").await;
        assert_eq!(shown(&some), [r#""5" 1 1"#, r#""20" 1 1"#]);
        let sources = facets("column=_source").await;
        assert_eq!(shown(&sources), [r#""Test.Rows" 4 1"#]);
        assert_eq!(shown(&facets("column=_round").await), [r#""1" 4 1"#]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_question_says_what_is_wrong_with_it() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let (hunt, flow) = answered(&admin, &mut agent, &ROWS).await;
    let problems = async |query: &str| {
        let reply = admin.get(&format!("/hunts/{hunt}/results/{query}")).await;
        assert!(reply.status.is_client_error(), "{query}: {}", reply.status);
        reply.problems().join(" | ")
    };
    let check = async |query: &str, answer: &str| assert_eq!(problems(query).await, answer);
    check("facets", "column: name the column whose values are wanted").await;
    check("facets?column=Nme", "column: no row has `Nme`; there are `Extra`, `Name`, `Pid`").await;
    check(
        "facets?column=Name&order=big",
        "order: `big` is none of `rows`, `rare`, `clients`, `rare_clients`",
    )
    .await;
    let filter = problems("facets?column=Name&filter=Name").await;
    assert!(filter.starts_with("filter: "), "{filter}");
    check("export?format=xlsx", "format: `xlsx` is none of `ndjson`, `csv` or `parquet`").await;

    let error = async |path: &str| admin.get(path).await.error();
    let all = format!("/hunts/{hunt}/results/facets?column=Name&limit=10001");
    assert!(error(&all).await.starts_with("400 at most 10000 values"), "{}", error(&all).await);
    let round = format!("/hunts/{hunt}/results/export?round=2");
    let wrong = error(&round).await;
    assert!(wrong.starts_with("400 ") && wrong.ends_with("[choose one from 1 to 1]"), "{wrong}");
    let both = format!("/hunts/{hunt}/results?round=1&all_rounds=true");
    assert!(error(&both).await.contains("one round and all rounds"), "{}", error(&both).await);
    for path in ["results", "results/export", "results/facets", "export.zip"] {
        let path = format!("/flows/{flow}/{path}?round=1&column=Name");
        let path = if path.contains("facets") { path } else { path.replace("&column=Name", "") };
        assert!(error(&path).await.contains("a flow has no rounds"), "{path}");
    }
    let unknown = format!("/hunts/{hunt}/results/facets?column=Name&rounds=1");
    assert!(error(&unknown).await.contains("rounds"), "{}", error(&unknown).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_is_refused_where_rows_are_not_kept_in_columns() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let (hunt, _) = answered(&admin, &mut agent, &ROWS).await;
    let ask =
        async |body: Value| admin.post(&format!("/hunts/{hunt}/results/sql"), body).await.error();
    let refused = ask(json!({ "query": "SELECT 1" })).await;
    assert!(refused.starts_with("400 ") && refused.contains("not kept in columns"), "{refused}");
    let many = ask(json!({ "query": "SELECT 1", "limit": 100_001 })).await;
    assert!(many.contains("at most 100000 are given"), "{many}");
    let long = ask(json!({ "query": "x".repeat(65 << 10) })).await;
    assert!(long.contains("may have 65536 bytes"), "{long}");
    let none = ask(json!({ "query": "SELECT 1", "round": 7 })).await;
    assert!(none.contains("has no round 7"), "{none}");
    let parquet = admin.get(&format!("/hunts/{hunt}/results/export?format=parquet")).await.error();
    assert!(parquet.contains("export them as NDJSON or CSV"), "{parquet}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_is_signed_in_may_ask() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let (hunt, flow) = answered(&admin, &mut agent, &ROWS).await;
    let (stranger, reader) = (world.stranger(), world.user("eve", &[]).await);
    for of in [format!("/hunts/{hunt}"), format!("/flows/{flow}")] {
        for path in ["results", "results/facets?column=Name", "results/export", "export.zip"] {
            let path = format!("{of}/{path}");
            assert_eq!(stranger.get(&path).await.status, 401, "{path}");
            assert_eq!(reader.get(&path).await.status, 200, "{path}");
        }
        let sql = format!("{of}/results/sql");
        let asked = json!({ "query": "SELECT 1" });
        assert_eq!(stranger.post(&sql, asked.clone()).await.status, 401);
        assert_eq!(reader.post(&sql, asked).await.status, 400, "not kept in columns here");
    }
    let nobodys = HuntId::from_bits(5);
    for path in ["results", "results/facets?column=Name", "results/export", "export.zip"] {
        let path = format!("/hunts/{nobodys}/{path}");
        assert_eq!(reader.get(&path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_was_cut_goes_on_anywhere() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let (hunt, flow) = answered(&admin, &mut agent, &ROWS).await;
    let paths = [
        format!("/hunts/{hunt}/results/export?format=ndjson"),
        format!("/hunts/{hunt}/results/export?format=csv&all_rounds=true"),
        format!("/flows/{flow}/results/export?format=csv"),
        format!("/hunts/{hunt}/export.zip?round=1"),
        format!("/flows/{flow}/export.zip?"),
    ];
    for path in paths {
        let whole = admin.get(&path).await;
        let mark = whole.header("etag").to_owned();
        assert!(mark.len() > 10 && mark.starts_with('"'), "{path}: {mark}");
        let again = admin.get(&path).await;
        assert_eq!((again.header("etag"), &again.body), (mark.as_str(), &whole.body), "{path}");
        for cut in [0, 1, whole.body.len() / 2, whole.body.len() - 1, whole.body.len()] {
            let asked = format!("{path}&skip={cut}");
            let rest = get_with(&admin, ("if-match", &mark), &asked).await;
            assert_eq!(rest.status, 200, "{asked}");
            assert_eq!(rest.body, whole.body.slice(cut..), "{asked}");
        }
        let behind = format!("{path}&skip={}", whole.body.len() + 9);
        assert_eq!(admin.get(&behind).await.body.len(), 0);
        let other = get_with(&admin, ("if-match", "\"other\""), &path).await;
        let wrong = other.error();
        assert!(wrong.starts_with("412 ") && wrong.contains("anew"), "{path}: {wrong}");
    }
    let csv = admin.get(&format!("/hunts/{hunt}/results/export?format=csv")).await;
    let text = String::from_utf8(csv.body.to_vec()).unwrap();
    let mut lines = text.lines();
    let heading = "_client,_hostname,_flow,_round,_source,_stored,Name,Pid,Extra";
    assert_eq!(lines.next(), Some(heading));
    assert!(lines.next().unwrap().contains(&format!(",box-1,{flow},1,Test.Rows,")));
    assert!(lines.last().unwrap().ends_with(",'=1+1,,\"{\"\"a\"\":[1]}\""), "no formulas");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_does_not_go_on_with_other_rows() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let (hunt, _) = answered(&admin, &mut agent, &ROWS).await;
    let paths = [
        format!("/hunts/{hunt}/results/export?skip=0"),
        format!("/hunts/{hunt}/export.zip?skip=0"),
    ];
    let mut marks = Vec::new();
    for path in &paths {
        marks.push(admin.get(path).await.header("etag").to_owned());
    }
    // Somebody else answers meanwhile.
    let (_, mut second) = connected(&world, &admin).await;
    let check = second.check().await;
    second.answer(&check, &[MATCHES]).await;
    let attempt = second.take_request().await.attempt.unwrap();
    second.good_report(&attempt, rows(0, &ROWS[..1])).await;
    second.good_report(&attempt, finished(1, 1, (0, 0))).await;
    for (path, mark) in paths.iter().zip(marks) {
        let reply = get_with(&admin, ("if-match", &mark), path).await;
        assert!(reply.error().starts_with("412 the content is another"), "{}", reply.error());
        assert_ne!(admin.get(path).await.header("etag"), mark);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hunt_that_is_deleted_breaks_its_downloads() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let hunt = start(&admin, hunt("")).await;
    let check = agent.check().await;
    agent.answer(&check, &[MATCHES]).await;
    let attempt = agent.take_request().await.attempt.unwrap();
    // More than sockets hold, of rows that no zip makes small.
    let mut state = 1u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + (state >> 60) as u8)
    };
    let (mut seq, mut all) = (0, 0);
    for _ in 0..45 {
        let some: Vec<String> = (0..100)
            .map(|_| {
                format!(r#"{{"text":"{}"}}"#, (0..4_000).map(|_| letter()).collect::<String>())
            })
            .collect();
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        agent.good_report(&attempt, rows(seq, &some)).await;
        (seq, all) = (seq + 1, all + 100);
    }
    agent.good_report(&attempt, finished(all, seq, (0, 0))).await;
    let paths = ["results/export", "export.zip"].map(|path| format!("/hunts/{hunt}/{path}"));
    let mut begun = Vec::new();
    for path in &paths {
        let mut download = admin.open(path).await;
        let first = download.frame().await.unwrap().unwrap();
        assert!(!first.into_data().unwrap().is_empty());
        begun.push(download);
    }
    admin.act(&format!("/hunts/{hunt}/stop")).await.good();
    let deleted = admin.act(&format!("/hunts/{hunt}/delete")).await;
    assert!(deleted.status.is_success(), "{:?}", deleted.body);
    let results = world.server.core().ports.results.clone();
    let scope = ResultScope::Rounds(hunt.parse().unwrap());
    let gone = async {
        while results.recount(scope).await.unwrap().counted > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the eraser takes it away");
    for (download, path) in begun.into_iter().zip(&paths) {
        let rest = download.collect().await;
        assert!(rest.is_err(), "{path}: nobody may take what came for all of it");
        assert_eq!(admin.get(path).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rounds_are_asked_for_alone_and_together() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (_, mut agent) = connected(&world, &admin).await;
    let mut request = hunt("");
    request["artifacts"] = json!([{ "name": "Test.Window" }]);
    request["schedule"] = json!({ "every": "1s", "buffer": "30s" });
    let hunt = start(&admin, request).await;
    // One row each; a round that is over before its answer came has none.
    let path = format!("/hunts/{hunt}");
    for _ in 0..20 {
        one_round(&mut agent).await;
        let asked = format!("{path}/results/facets?column=_round&all_rounds=true");
        if admin.get(&asked).await.good()["distinct"].as_u64() > Some(1) {
            break;
        }
    }
    admin.act(&format!("{path}/stop")).await.good();
    let all = admin.get(&format!("{path}/results?all_rounds=true&sort=_round")).await.good();
    let items = all["items"].as_array().unwrap();
    let rounds: Vec<u64> = items.iter().map(|row| row["round"].as_u64().unwrap()).collect();
    assert!(rounds.len() > 1 && rounds.is_sorted() && rounds[0] < rounds[rounds.len() - 1]);
    let first = rounds[0];
    let of_first = rounds.iter().filter(|round| **round == first).count();
    let alone = format!("round={first}");
    let page = admin.get(&format!("{path}/results?{alone}")).await.good();
    assert_eq!(page["total"], of_first);
    let facets = admin.get(&format!("{path}/results/facets?column=_round&{alone}")).await.good();
    assert_eq!(shown(&facets), [format!("\"{first}\" {of_first} 1")]);
    let sources = admin.get(&format!("{path}/sources?{alone}")).await.good();
    assert_eq!(sources[0]["rows"], of_first);
    let every = admin.get(&format!("{path}/sources?all_rounds=true")).await.good();
    assert_eq!(every[0]["rows"], rounds.len());
    let lines = async |query: &str| {
        let reply = admin.get(&format!("{path}/results/export?{query}")).await;
        assert_eq!(reply.status, 200);
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["_round"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(&alone).await, vec![first; of_first]);
    let mut exported = lines("all_rounds=true").await;
    exported.sort_unstable();
    assert_eq!(exported, rounds);
    let zip = admin.get(&format!("{path}/export.zip?{alone}")).await;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&zip.body)).unwrap();
    let manifest: ExportManifest =
        serde_json::from_reader(archive.by_name("manifest.json").unwrap()).unwrap();
    assert_eq!(manifest.rows, of_first as u64);
    let wrong = admin.send(Method::GET, &format!("/api/v1{path}/sources?round=0"), None).await;
    assert!(wrong.error().contains("has no round 0"), "{}", wrong.error());
}
