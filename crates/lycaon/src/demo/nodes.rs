//! `lycaon demo --nodes N`: several servers over one PostgreSQL, a load balancer in front of them, and one
//! of them killed in the middle of a hunt.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use api::{ClientsQuery, NodeView};
use api_client::{Client, Connection};

use super::cluster::Cluster;
use super::cohort::Cohort;
use super::node::{Common, Node};
use super::stage::free_port;
use super::{Demo, DemoArgs, balancer, check, say, tell_results};
use crate::complaint::{Complaint, Outcome};
use crate::{init, migrate, serve};

/// From nothing to a judged hunt that one node did not survive, and then on until somebody ends it.
pub(super) async fn play(args: &DemoArgs, folder: &Path, agent: &Path) -> Outcome {
    let database_port = free_port(None)?;
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(database_port))
        .await
        .map_err(|error| Complaint::failed(error.to_string()))??;
    let mut demo = set_up(args, folder).await?;
    say(&format!("folder   {}", demo.folder.display()))?;
    let nodes = (1..=args.nodes).map(Node::new).collect::<Outcome<Vec<_>>>()?;
    let (house, database) = (demo.folder.clone(), cluster.url());
    let common = Common { folder: &house, database: &database, about_agents: "", more: "" };
    for node in &nodes {
        let config = node.write_config(common)?;
        if demo.actors.is_empty() {
            let (data, to) = (demo.folder.join("data"), serve::read_config(&config)?);
            let moved = migrate::migrate(&data, &to).await?.records;
            say(&format!("postgres {}  ({moved} records moved)", cluster.url()))?;
        }
        let started = node.start(common, &config)?;
        demo.actors.push(started);
        let client = Client::new(&Connection { server: node.address(), ..Connection::default() })?;
        // One after the other: the first makes the tables, and has the duties.
        let up = async || Ok(client.health().await.is_ok());
        demo.until("a node did not answer", up).await?;
        say(&format!("{}   {}  (pid {})", node.name, node.address(), demo.last_pid()))?;
    }
    let agents = nodes.iter().map(|node| node.agents).collect();
    balancer::start(SocketAddr::from((Ipv4Addr::LOCALHOST, demo.agents_port)), agents).await?;
    demo.address = nodes[0].address();
    let first = demo.sign_in().await?;
    demo.start_agents(&first, agent).await?;
    tell_nodes(&first).await?;

    let hunt = first.create_hunt(&demo.cohort.hunt()).await?;
    say(&format!("hunt     {}  {}", hunt.id, hunt.spec.name))?;
    demo.until("no client was decided on", async || {
        let counts = first.hunt(&hunt.id).await?.counts;
        Ok(counts.refused + counts.pending + counts.running + counts.completed + counts.results > 0)
    })
    .await?;
    let survivor = kill_the_manager(&mut demo, &nodes, &first).await?;
    let client = demo.sign_in().await?;
    let hunt = demo.until_quiet(&client, &hunt.id).await?;
    tell_nodes(&client).await?;
    let zip = demo.folder.join("hunt.zip");
    tell_results(&client, &hunt, &zip).await?;
    let verdict = check::judge(&client, &demo.cohort, &hunt.id, &zip).await?;
    say(&verdict.told())?;
    everybody_is_back(&mut demo, &client).await?;
    say(&format!("nodes    {survivor} answers; nothing was lost"))?;
    if args.check {
        return verdict.outcome();
    }
    demo.stay_up(&args.program).await
}

async fn set_up(args: &DemoArgs, folder: &Path) -> Outcome<Demo> {
    let plan = init::Plan {
        folder: folder.to_owned(),
        agents_port: free_port(None)?,
        http_port: free_port(None)?,
        loopback: true,
        addresses: vec!["127.0.0.1".into()],
        swarm: None,
    };
    let made = init::make(&plan).await?;
    Ok(Demo {
        logs: None,
        folder: folder.to_owned(),
        agents_port: plan.agents_port,
        address: String::new(),
        made,
        actors: vec![],
        cohort: Cohort::of(args.agents),
    })
}

async fn tell_nodes(client: &Client) -> Outcome {
    let told = |node: &NodeView| {
        let duties = if node.duties.is_empty() { "-".to_owned() } else { node.duties.join(", ") };
        format!("         {}  agents {}  duties {duties}", node.name, node.clients)
    };
    client.nodes().await?.iter().try_for_each(|node| say(&told(node)))
}

/// Kills the node that admits; the answer is the name of one that lives.
async fn kill_the_manager(demo: &mut Demo, nodes: &[Node], client: &Client) -> Outcome<String> {
    let live = client.nodes().await?;
    let manages = |node: &&NodeView| node.duties.iter().any(|duty| duty == "hunt_manager");
    let victim = live.iter().find(manages).map(|node| node.name.clone());
    let victim = victim.ok_or_else(|| Complaint::failed("no node is the hunt manager"))?;
    let place = demo.actors.iter().position(|actor| actor.name == victim);
    let place = place.ok_or_else(|| Complaint::failed(format!("there is no {victim}")))?;
    let mut killed = demo.actors.remove(place);
    say(&format!("kill -9  {victim}  (pid {}): it admitted the hunt's clients", killed.pid()))?;
    killed.kill();
    let survivor = nodes.iter().find(|node| node.name != victim);
    let survivor = survivor.ok_or_else(|| Complaint::failed("no node is left"))?;
    demo.address = survivor.address();
    Ok(survivor.name.clone())
}

/// Waits until all agents are connected to the nodes that are left.
async fn everybody_is_back(demo: &mut Demo, client: &Client) -> Outcome {
    let wanted = demo.cohort.len() as u64;
    demo.until("not all agents came back", async || {
        let query = ClientsQuery { online: Some(true), ..ClientsQuery::default() };
        Ok(client.clients(&query).await?.total == wanted)
    })
    .await
}
