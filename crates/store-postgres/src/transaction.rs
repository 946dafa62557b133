//! A connection in the middle of a transaction. Unless it ends in good order it is closed: the server
//! then takes everything back, also when the caller went away in the middle.

use deadpool_postgres::{ClientWrapper, Object};
use tokio_postgres::Statement;

use crate::failure::Done;

/// A connection that is lent for one transaction.
pub(crate) struct Lent {
    connection: Option<Object>,
}

impl Lent {
    pub(crate) fn new(connection: Object) -> Self {
        Self { connection: Some(connection) }
    }

    pub(crate) fn client(&self) -> &ClientWrapper {
        self.connection.as_deref().expect("it is lent until it is given back")
    }

    /// The statement of this text, prepared once for each connection.
    pub(crate) async fn statement(&self, sql: &str) -> Done<Statement> {
        Ok(self.client().prepare_cached(sql).await?)
    }

    /// Gives the connection back. The transaction is over.
    pub(crate) fn give_back(mut self) {
        drop(self.connection.take());
    }

    /// Takes the transaction back and gives the connection back.
    pub(crate) async fn roll_back(self) -> Done<()> {
        self.client().batch_execute("ROLLBACK").await?;
        self.give_back();
        Ok(())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}
