//! A load balancer for agents: it passes bytes through, so that TLS stays between agent and node, takes the
//! nodes in turn, and passes over one that does not answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::complaint::{Complaint, Outcome};

/// How long a node may take to answer before the next one is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Listens from now on, as long as the demo lasts.
pub(super) async fn start(address: SocketAddr, nodes: Vec<SocketAddr>) -> Outcome {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Complaint::failed(format!("the load balancer cannot listen on {address}: {error}"))
    })?;
    tokio::spawn(async move {
        let nodes = Arc::new(nodes);
        let mut turn: usize = 0;
        loop {
            // A connection that broke before it was accepted is nobody's any more.
            let Ok((agent, _)) = listener.accept().await else { continue };
            turn = turn.wrapping_add(1);
            tokio::spawn(pass(agent, Arc::clone(&nodes), turn));
        }
    });
    Ok(())
}

async fn pass(mut agent: TcpStream, nodes: Arc<Vec<SocketAddr>>, turn: usize) {
    for step in 0..nodes.len() {
        let node = nodes[(turn.wrapping_add(step)) % nodes.len()];
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(node)).await;
        if let Ok(Ok(mut node)) = connected {
            // However it ends, both sides see their connection end.
            let _ = tokio::io::copy_bidirectional(&mut agent, &mut node).await;
            return;
        }
    }
}
