//! The HTTP API: signing in, who may change what, errors, lists.

use hyper::Method;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::hunting::{connected, hunt};
use crate::log::assert_logged;
use crate::world::{PASSWORD, World};

async fn browser_session(world: &World) -> (Browser, String) {
    let mut browser = world.stranger();
    let asked = json!({ "user": "admin", "password": PASSWORD });
    let reply = browser.post("/login", asked).await;
    let cookie = reply.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let csrf = reply.good()["csrf"].as_str().unwrap().to_owned();
    browser.headers.push(("cookie".into(), cookie.split(';').next().unwrap().to_owned()));
    (browser, csrf)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_to_strangers() {
    let world = World::start().await;
    let stranger = world.stranger();
    for endpoint in api::endpoints() {
        let path = format!("/api/v1{}", endpoint.path.replace(['{', '}'], ""));
        let (method, body) = match endpoint.method {
            api::Method::Get => (Method::GET, None),
            api::Method::Post => (Method::POST, Some(json!({}))),
            api::Method::Put => (Method::PUT, Some(json!({}))),
        };
        let reply = stranger.send(method, &path, body).await;
        let status = reply.status.as_u16();
        assert!(status != 404 && status != 405, "{path} is not served: {status}");
        assert_eq!(status == 401, !endpoint.open, "{path}: {status}");
        assert!(reply.header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_for_those_who_may_read() {
    let world = World::start().await;
    let stranger = world.stranger().send(Method::GET, "/metrics", None).await;
    assert_eq!(stranger.status, 401);
    let admin = world.admin().await;
    let (_identity, _agent) = connected(&world, &admin).await;
    let made = admin.post("/hunts", hunt("SELECT * FROM rows")).await.good();
    let reply = admin.send(Method::GET, "/metrics", None).await;
    assert_eq!(reply.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    let pending = format!("lycaon_hunt_members{{hunt={},queue=\"refused\"}} 0", made["id"]);
    for line in [
        "# TYPE lycaon_clients_connected gauge",
        "lycaon_clients_connected 1",
        "lycaon_clients 1",
        "lycaon_hunts{state=\"running\"} 1",
        "lycaon_store_trouble 0",
        "process_counts 1",
        pending.as_str(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    let helps = text.lines().filter(|line| line.starts_with("# HELP lycaon_hunt_members"));
    assert_eq!(helps.count(), 1, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browsers_change_needs_the_token_of_its_page() {
    let world = World::start().await;
    let (mut browser, csrf) = browser_session(&world).await;
    assert_eq!(browser.get("/whoami").await.good()["csrf"], json!(csrf));
    let asked = json!({ "expires_after": "1h", "uses_max": 1 });
    let refused = browser.post("/tokens", asked.clone()).await;
    assert!(refused.error().starts_with("403 the header x-lycaon-csrf"), "{}", refused.error());
    browser.headers.push(("x-lycaon-csrf".into(), csrf));
    browser.post("/tokens", asked.clone()).await.good();
    browser.headers.push(("origin".into(), "https://evil.example".into()));
    assert_eq!(browser.post("/tokens", asked.clone()).await.status, 403);
    browser.headers.pop();
    assert_eq!(browser.act("/logout").await.status, 204);
    assert_eq!(browser.get("/whoami").await.status, 401, "the cookie is worth nothing any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_name_is_refused() {
    let world = World::start().await;
    let mut browser = world.stranger();
    browser.headers.push(("host".into(), "evil.example".into()));
    let reply = browser.get("/health").await;
    assert!(reply.error().starts_with("421 this server is not called `evil.example`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_passwords_ends_soon() {
    let world = World::with(|config| config.http.wrong_passwords_max = 2).await;
    let stranger = world.stranger();
    let wrong = json!({ "user": "admin", "password": "wrong" });
    assert_eq!(stranger.post("/login", wrong.clone()).await.status, 401);
    let nobody = json!({ "user": "nobody", "password": "wrong" });
    let reply = stranger.post("/login", nobody).await;
    assert_eq!(reply.error(), "401 the user name or the password is wrong []");
    let reply = stranger.post("/login", wrong).await;
    assert_eq!(reply.status, 429);
    assert!(reply.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_logged("sign_in_refused", &["nobody", "wrong user name or password"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_one_form_and_say_how_to_mend() {
    let world = World::start().await;
    let admin = world.admin().await;
    let check = async |path: &str, text: &str| {
        let error = admin.get(path).await.error();
        assert!(error.contains(text), "{path}: {error}");
    };
    check("/nowhere", "404 the API has no path").await;
    check("/clients/H.1", "400 `H.1` is not an identifier").await;
    check("/clients/C.00000000000000000000000000000001", "404 client C.").await;
    check("/clients?colour=red", "unknown field `colour`").await;
    check("/clients?limit=5000", "400 `limit` is 5000; at most 1000").await;
    check("/clients?sort=colour", "choose hostname").await;
    check("/hunts?state=lost", "choose draft").await;
    check("/artifacts/Test.Rowz", "did you mean `Test.Rows`?").await;
    let reply = admin.send(Method::PUT, "/api/v1/clients", None).await;
    assert!(reply.error().starts_with("405"), "{}", reply.error());
    let reply = admin.post("/hunts", json!({ "nam": "x" })).await;
    assert!(reply.error().contains("unknown field `nam`"), "{}", reply.error());
    let reply = admin.send(Method::GET, "/api/v1/nothing/here", None).await;
    assert_eq!(reply.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_hunt_names_every_field_that_is_wrong() {
    let world = World::start().await;
    let admin = world.admin().await;
    let bad = json!({
        "name": "x",
        "artifacts": [
            { "name": "Test.Rows", "parameters": { "Wrod": "x", "Depth": "deep" } },
            { "name": "No.Such" },
        ],
        "condition": { "client": "SELEC", "server": "SELECT * FROM glob(globs='/*')" },
        "rate": "fast",
    });
    let reply = admin.post("/hunts", bad.clone()).await;
    assert_eq!(reply.status, 422);
    let fields: Vec<String> = reply
        .problems()
        .iter()
        .map(|problem| problem.split(": ").next().unwrap().to_owned())
        .collect();
    for field in [
        "rate",
        "artifacts[0].parameters.Wrod",
        "artifacts[0].parameters.Depth",
        "artifacts[1].name",
        "condition.client",
    ] {
        assert!(fields.iter().any(|found| found == field), "{field} in {:#?}", reply.problems());
    }
    let preview = admin.post("/hunts/preview", bad).await.good();
    assert_eq!(preview["problems"].as_array().unwrap().len(), reply.problems().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hunt_is_previewed_made_edited_and_audited() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, _agent) = connected(&world, &admin).await;
    let preview = admin.post("/hunts/preview", hunt("")).await.good();
    assert_eq!((&preview["asked"], &preview["online"]), (&json!(1), &json!(1)));
    let made = admin.post("/hunts", hunt("SELECT * FROM rows")).await.good();
    let path = format!("/hunts/{}", made["id"].as_str().unwrap());
    assert_eq!(made["verbs"], json!(["pause", "drain", "stop"]));
    let edit = json!({ "revision": 1, "rate": "20/min", "condition": { "exclude": { "labels": ["new"] } } });
    let edited =
        admin.send(Method::PUT, &format!("/api/v1{path}"), Some(edit.clone())).await.good();
    assert_eq!((&edited["revision"], &edited["spec"]["rate"]), (&json!(2), &json!("20/min")));
    let stale = admin.send(Method::PUT, &format!("/api/v1{path}"), Some(edit)).await;
    assert_eq!(stale.status, 409);
    let why = admin.get(&format!("{path}/why/{}", identity.client)).await.good();
    assert!(why["explanation"].as_str().unwrap().contains("has the label `new`"), "{why}");
    let audit = admin.get("/audit?limit=3").await.good();
    let actions: Vec<&Value> =
        audit["items"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["hunt.edit", "hunt.start", "hunt.create"]);
    assert_eq!(audit["items"][0]["actor"], "admin");
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_point_at_the_place() {
    let world = World::start().await;
    let admin = world.admin().await;
    let check = async |text: &str, kind: &str| {
        let asked = json!({ "text": text, "kind": kind });
        admin.post("/vql/check", asked).await.good()
    };
    assert_eq!(check("SELECT * FROM rows", "server_condition").await["ok"], true);
    let bad = check("SELECT *\nFRM rows", "client").await;
    assert_eq!((&bad["ok"], &bad["problems"][0]["line"]), (&json!(false), &json!(2)), "{bad}");
    let unknown = check("SELECT basenam(path='/') FROM scope()", "client").await;
    let (severity, hint) = (&unknown["problems"][0]["severity"], &unknown["problems"][0]["hint"]);
    assert_eq!((severity, &unknown["ok"]), (&json!("warning"), &json!(true)), "{unknown}");
    assert_eq!(hint, "did you mean `basename`?");
    let yaml = json!({ "yaml": "name: X\nsourcez: []\n" });
    let report = admin.post("/artifacts/check", yaml).await.good();
    assert_eq!(
        (&report["ok"], &report["problems"][0]["line"]),
        (&json!(false), &json!(2)),
        "{report}"
    );
    let call = json!({ "call": { "name": "Test.Rows", "parameters": { "Depth": "x" } } });
    let report = admin.post("/artifacts/check", call).await.good();
    assert_eq!(report["problems"][0]["field"], "artifacts[0].parameters.Depth");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_stand_at_a_place_is_offered() {
    let world = World::start().await;
    let admin = world.admin().await;
    let offers = async |text: &str, kind: &str| {
        let asked = json!({ "text": text, "at": text.len(), "kind": kind });
        let found = admin.post("/vql/complete", asked).await.good();
        let offers = found["offers"].as_array().unwrap().clone();
        let texts: Vec<String> =
            offers.iter().map(|offer| offer["text"].as_str().unwrap().to_owned()).collect();
        (found["from"].as_u64().unwrap(), texts)
    };
    assert_eq!(offers("SELECT basen", "client").await, (7, vec!["basename".to_owned()]));
    assert_eq!(offers("SELECT * FROM ro", "server_condition").await.1[0], "rows");
    // A condition is offered only what it may call.
    assert_eq!(offers("SELECT * FROM parse_csv", "server_condition").await.1, [""; 0]);
    let wrong = json!({ "text": "", "at": 0, "kind": "other" });
    assert_eq!(admin.post("/vql/complete", wrong).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_found_and_labelled() {
    let world = World::start().await;
    let admin = world.admin().await;
    let (identity, agent) = connected(&world, &admin).await;
    let found = admin.get("/clients?search=box&online=true&label=new").await.good();
    assert_eq!((&found["total"], &found["items"][0]["id"]), (&json!(1), &json!(identity.client)));
    let bad = json!({ "add": [""] });
    let reply = admin.post(&format!("/clients/{}/labels", identity.client), bad).await;
    assert_eq!(reply.status, 422);
    let overview = admin.get("/overview").await.good();
    assert_eq!((&overview["clients"], &overview["online"]), (&json!(1), &json!(1)));
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_interface_can_be_opened_by_its_address() {
    let world = World::start().await;
    let stranger = world.stranger();
    let hunt = "/hunts/H.0192a0000000000000000000000000ff?tab=results";
    for path in ["/", "/hunts", hunt, "/artifacts/Linux.Sys.Users", "/clients/C.00/flows"] {
        let reply = stranger.send(Method::GET, path, None).await;
        assert_eq!((reply.status.as_u16(), &reply.body[..]), (200, &b"index.html"[..]), "{path}");
    }
    let script = stranger.send(Method::GET, "/assets/app-1.js", None).await;
    assert_eq!(&script.body[..], b"assets/app-1.js");
    for path in ["/assets/gone-2.js", "/api/v1/nothing", "/api/v2/hunts"] {
        assert_eq!(stranger.send(Method::GET, path, None).await.status, 404, "{path}");
    }
}
