//! A real S3 server, over files in a folder of its own, on a free port.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use object_store::ObjectStore;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use store_objects::{S3Settings, s3};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// A server with one bucket.
pub(crate) struct S3Server {
    address: SocketAddr,
    _folder: TempDir,
}

impl S3Server {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("files")).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("lycaon", "secret"));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    // A client that goes away is no failure of a test.
                    let _ = http.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { address, _folder: folder }
    }

    pub(crate) fn settings(&self) -> S3Settings {
        S3Settings {
            bucket: "files".into(),
            endpoint: Some(format!("http://{}", self.address)),
            keys: Some(("lycaon".into(), "secret".into())),
            allow_http: true,
            ..S3Settings::default()
        }
    }

    pub(crate) fn bucket(&self) -> Arc<dyn ObjectStore> {
        s3(&self.settings()).unwrap()
    }
}
