//! Questions over the rows of a hunt, asked of a real server: SQL, and tables and zips to take away.

use api::{ArtifactCall, HuntRequest, SqlRequest, TableQuery, ZipQuery};
use api_client::Client;
use futures_util::TryStreamExt;

use crate::fleet::Fleet;

async fn answered(fleet: &mut Fleet, client: &Client) -> (String, u64) {
    fleet.enrol(client, 2, &["office"]).await;
    let users = ArtifactCall { name: "Linux.Sys.Users".into(), parameters: serde_json::Map::new() };
    let request = HuntRequest { expires: "1d".into(), ..HuntRequest::of("users", vec![users]) };
    let hunt = fleet.hunt(client, &request).await.id;
    let view = fleet.until_quiet(client, &hunt).await;
    assert_eq!(view.counts.results, 2, "{view:?}");
    (hunt, view.rows)
}

async fn sql(client: &Client, hunt: &str, query: &str) -> Result<String, String> {
    let request = SqlRequest { query: query.into(), ..SqlRequest::default() };
    let answer = client.sql("hunts", hunt, &request).await.map_err(|error| error.to_string())?;
    Ok(serde_json::to_string(&answer.rows).unwrap())
}

#[tokio::test]
async fn rows_are_asked_in_sql_and_taken_away() {
    let mut fleet = Fleet::new().await;
    let client = fleet.admin().await;
    let (hunt, rows) = answered(&mut fleet, &client).await;

    let count = "SELECT count(*) AS n, count(DISTINCT _client) AS c, max(_round) AS r FROM results";
    let found = sql(&client, &hunt, count).await.unwrap();
    assert_eq!(found, format!(r#"[{{"n":{rows},"c":2,"r":1}}]"#));
    for bad in ["SELECT Nowhere FROM results", "DROP TABLE results", "SELECT", ""] {
        let why = sql(&client, &hunt, bad).await.unwrap_err();
        assert!(why.contains("the query cannot be answered"), "{bad}: {why}");
    }

    let asked = |skip| TableQuery {
        format: Some("parquet".into()),
        all_rounds: Some(true),
        skip,
        ..TableQuery::default()
    };
    let (mark, bytes) = client.table("hunts", &hunt, &asked(None), None).await.unwrap();
    let whole: Vec<u8> = bytes.try_collect::<Vec<_>>().await.unwrap().concat();
    assert!(whole.starts_with(b"PAR1") && whole.ends_with(b"PAR1"));
    let (_, rest) = client.table("hunts", &hunt, &asked(Some(100)), Some(&mark)).await.unwrap();
    let rest = rest.try_collect::<Vec<_>>().await.unwrap().concat();
    assert_eq!(rest, whole[100..], "the same rows make the same bytes");

    let wanted = ZipQuery { round: Some(1), skip: None };
    let (mark, bytes) = client.zip("hunts", &hunt, &wanted, None).await.unwrap();
    let whole = bytes.try_collect::<Vec<_>>().await.unwrap().concat();
    let later = ZipQuery { skip: Some(1_000), ..wanted };
    let (_, rest) = client.zip("hunts", &hunt, &later, Some(&mark)).await.unwrap();
    let rest = rest.try_collect::<Vec<_>>().await.unwrap().concat();
    assert_eq!(rest, whole[1_000..], "the same content makes the same zip");
    assert_eq!(client.health().await.unwrap().problems, [] as [String; 0]);
}
