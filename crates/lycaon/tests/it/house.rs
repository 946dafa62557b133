//! A server's whole life through the command line: init, start, sign in, agents, labels, hunts, results,
//! export, and what is said when something is in the way.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::fleet::{Fleet, free_port, until};
use crate::program::{lycaon, run, said};

/// The command line of a person with settings of their own.
struct Person<'f> {
    settings: &'f Path,
}

impl Person<'_> {
    fn does(&self, args: &[&str]) -> Output {
        lycaon(args).env("LYCAON_CONFIG_DIR", self.settings).output().expect("the program starts")
    }

    #[track_caller]
    fn gets(&self, args: &[&str]) -> Vec<Value> {
        let said = said(&self.does(args));
        assert_eq!(said.status, 0, "{args:?}: {}", said.err);
        said.out
            .lines()
            .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
            .collect()
    }

    #[track_caller]
    fn is_told(&self, args: &[&str], parts: &[&str]) {
        let said = said(&self.does(args));
        assert_eq!(said.status, 1, "{args:?}: {}", said.err);
        for part in parts {
            assert!(said.err.contains(part), "{args:?}: {part} is missing in\n{}", said.err);
        }
    }
}

#[tokio::test]
async fn a_hunt_from_the_command_line_with_both_queries_of_the_first_design() {
    let mut fleet = Fleet::new().await;
    let admin = fleet.admin().await;
    fleet.enrol(&admin, 2, &["MY_LABEL"]).await;
    fleet.enrol(&admin, 1, &["other"]).await;
    let settings = tempfile::tempdir().unwrap();
    let person = Person { settings: settings.path() };
    person.is_told(
        &["client", "list", "--server", &fleet.address()],
        &["nobody is signed in", "lycaon login"],
    );
    sign_in(&fleet, settings.path());
    assert_eq!(person.gets(&["whoami"])[0]["user"], "admin");
    let clients = person.gets(&["client", "list"]);
    assert_eq!(clients.len(), 3);
    let id = clients[0]["id"].as_str().unwrap();
    let labelled = person.gets(&["client", "label", id, "+extra"]);
    assert!(labelled[0]["labels"].as_array().unwrap().contains(&"extra".into()));

    // Both queries as they were first printed; the name in the second is this machine's.
    let fqdn = clients[0]["fqdn"].as_str().unwrap();
    let name = settings.path().join("hunt.yaml");
    let hunt = format!(
        "name: seed\nartifacts: [{{ name: Linux.Sys.Users }}]\ncondition:\n  client: |\n    \
         SELECT OS, Architecture, Fqdn, Platform,\n      config.Client_labels AS Labels\n      FROM info()\n  \
         server: |\n    SELECT * from rows\n      WHERE Fqdn =~ '(?i){fqdn}.*' AND 'MY_LABEL' IN Labels\n"
    );
    std::fs::write(&name, hunt).unwrap();
    let made = person.gets(&["hunt", "create", "-f", &name.display().to_string(), "--start"]);
    let hunt = made[0]["id"].as_str().unwrap();
    let watched = person.does(&["hunt", "watch", hunt, "--until-quiet", "--timeout", "120s"]);
    assert!(watched.status.success(), "{}", String::from_utf8_lossy(&watched.stderr));
    fleet.until_quiet(&admin, hunt).await;

    let shown = &person.gets(&["hunt", "show", hunt])[0];
    assert_eq!((&shown["results"], &shown["refused"]), (&2.into(), &1.into()));
    let rows = person.gets(&["hunt", "results", hunt, "--where", "User=root"]);
    assert_eq!(rows.len(), 2, "one row of each matching agent");
    let refused = person.gets(&["hunt", "members", hunt, "--queue", "refused"]);
    let client = refused[0]["client"].as_str().unwrap();
    let why = &person.gets(&["hunt", "why", hunt, client])[0];
    assert_eq!(why["verdict"], "refused");
    assert!(!why["explanation"].as_str().unwrap().is_empty());
    let zip = settings.path().join("seed.zip");
    assert!(
        person.does(&["hunt", "export", hunt, "-o", &zip.display().to_string()]).status.success()
    );
    assert!(std::fs::read(&zip).unwrap().starts_with(b"PK"));
    assert_eq!(person.gets(&["hunt", "recount", hunt])[0]["equal"], true);
    assert_eq!(person.gets(&["hunt", "stop", hunt])[0]["state"], "stopped");
    person.is_told(&["hunt", "start", hunt], &["stopped"]);

    let flow = person.gets(&["flow", "start", id, "Linux.Sys.Users", "--wait"]);
    assert!(flow.iter().any(|row| row["User"] == "root"));
    person.is_told(&["flow", "start", id, "Linux.Sys.Nothing"], &["Linux.Sys.Nothing"]);
    person.is_told(&["hunt", "show", "H.1"], &["H.1"]);
}

#[tokio::test]
async fn a_condition_that_is_wrong_is_refused_with_its_place() {
    let fleet = Fleet::new().await;
    let settings = tempfile::tempdir().unwrap();
    sign_in(&fleet, settings.path());
    let person = Person { settings: settings.path() };
    let file = settings.path().join("hunt.yaml");
    let file_name = file.display().to_string();
    std::fs::write(
        &file,
        "name: x\nartifacts: [{ name: Linux.Sys.Users }]\nrate: fast\ncondition:\n  server: SELECT * FROM glob(globs='/')\n",
    )
    .unwrap();
    person.is_told(
        &["hunt", "create", "-f", &file_name],
        &["condition.server", "glob", "rate", "20/min"],
    );
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let mut fleet = Fleet::new().await;
    let config = fleet.config();
    let second = run(&["server", "--config", &config.display().to_string()]);
    assert_eq!(second.status, 1);
    assert!(second.err.contains("in use"), "{}", second.err);
    fleet.kill_server();
    let text = std::fs::read_to_string(&config).unwrap();

    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let check = |text: &str, parts: &[&str]| {
        std::fs::write(&config, text).unwrap();
        let said = run(&["server", "--config", &config.display().to_string()]);
        assert_eq!(said.status, 1, "{}", said.err);
        assert_eq!(said.err.matches("error:").count(), 1, "one message: {}", said.err);
        for part in parts {
            assert!(said.err.contains(part), "{part} is missing in\n{}", said.err);
        }
    };
    let other_port = text.lines().rfind(|line| line.contains("listen: 127.0.0.1")).unwrap();
    check(
        &text.replace(other_port, &format!("  listen: 127.0.0.1:{port}")),
        &["http.listen", "another program"],
    );
    check(&text.replace("listen:", "lisen:"), &["server.yaml", "lisen"]);
    check(&format!("{text}  session_hours: 0\n"), &["http.session_hours", "at least 1"]);
    check(&text.replace("data_dir: \"", "data_dir: \"/dev/null/x"), &["/dev/null/x", "hint:"]);
    let missing = run(&["server", "--config", "/nonexistent/server.yaml"]);
    assert!(missing.status == 1 && missing.err.contains("/nonexistent/server.yaml"));
}

#[test]
fn an_installation_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("house").display().to_string();
    let port = free_port().to_string();
    assert_eq!(run(&["init", &home, "--http-port", &port]).status, 0);
    let again = run(&["init", &home]);
    assert!(again.status == 1 && again.err.contains("is not empty"), "{}", again.err);
    let nowhere = run(&["init", "/proc/house"]);
    assert!(nowhere.status == 1 && nowhere.err.contains("/proc/house"), "{}", nowhere.err);
}

#[tokio::test]
async fn what_an_agent_may_not_do_is_refused() {
    let mut fleet = Fleet::new().await;
    let admin = fleet.admin().await;
    fleet.enrol(&admin, 1, &["one"]).await;
    let client = admin.clients(&api::ClientsQuery::default()).await.unwrap().items.remove(0);
    admin.revoke_client(&client.id).await.unwrap();
    let log = fleet.agent_log(0);
    until("the revoked agent is turned away", &log, async || {
        let online = admin.client(&client.id).await.is_ok_and(|client| client.online);
        !online
            && std::fs::read_to_string(&log)
                .is_ok_and(|text| text.contains("does not want this client"))
    })
    .await;
    // A token that is used up lets nobody in.
    fleet.add_agent("id.wrong", &[]);
    let log = fleet.agent_log(1);
    until("a wrong token is refused", &log, async || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("refused to enrol"))
    })
    .await;
    assert!(admin.health().await.is_ok(), "the server stays up");
}

fn sign_in(fleet: &Fleet, settings: &Path) {
    let wrong = lycaon(&["login", "--server", &fleet.address()])
        .env("LYCAON_CONFIG_DIR", settings)
        .env("LYCAON_PASSWORD", "wrong")
        .output()
        .unwrap();
    assert_eq!(said(&wrong).status, 1, "a wrong password is refused");
    let good = lycaon(&["login", "--server", &fleet.address()])
        .env("LYCAON_CONFIG_DIR", settings)
        .env("LYCAON_PASSWORD", fleet.password())
        .output()
        .unwrap();
    assert_eq!(said(&good).status, 0, "{}", said(&good).err);
}
