//! A connection in the middle of a transaction. Unless it ends in good order it is closed: the server
//! then takes everything back, also when the caller went away in the middle.

use deadpool_postgres::{ClientWrapper, Object};
use futures_util::future::join_all;
use model::store::StoreError;
use tokio_postgres::{Row, Statement};

use crate::failure::{Done, Failure};
use crate::filter::Bound;
use crate::values::bound;

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

    /// Takes the transaction back, because the decision was to refuse.
    pub(crate) async fn refuse<T>(self, why: StoreError) -> Done<T> {
        self.roll_back().await?;
        Err(Failure::Store(why))
    }

    /// Takes the transaction back, so that it is begun again.
    pub(crate) async fn begin_again<T>(self) -> Done<T> {
        self.roll_back().await?;
        Err(Failure::Met)
    }

    /// Begins the transaction and asks; nothing waits for anything in between. The answers are in the
    /// order of the questions.
    pub(crate) async fn begin(&self, questions: Vec<Question>) -> Done<Vec<Vec<Row>>> {
        let begun = self.ask_after(Some("BEGIN"), questions).await;
        begun.map_err(Failure::of_the_first_word)
    }

    /// Asks about one moment: no answer knows more than another. Nothing is locked, and the transaction
    /// is over.
    pub(crate) async fn look(self, questions: Vec<Question>) -> Done<Vec<Vec<Row>>> {
        let one_moment = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let answers = self.ask_after(Some(one_moment), questions).await;
        let answers = answers.map_err(Failure::of_the_first_word)?;
        self.roll_back().await?;
        Ok(answers)
    }

    /// Asks more within the transaction.
    pub(crate) async fn ask(&self, questions: Vec<Question>) -> Done<Vec<Vec<Row>>> {
        self.ask_after(None, questions).await
    }

    async fn ask_after(
        &self,
        before: Option<&str>,
        questions: Vec<Question>,
    ) -> Done<Vec<Vec<Row>>> {
        // Prepared before anything is sent.
        let mut ready = Vec::with_capacity(questions.len());
        for Question { sql, values } in &questions {
            ready.push((self.statement(sql).await?, values));
        }
        let client = self.client();
        let begun = async {
            match before {
                Some(statement) => client.batch_execute(statement).await,
                None => Ok(()),
            }
        };
        // Each is sent when it is first polled, one after the other.
        let answers = ready.iter().map(|(statement, values)| async move {
            client.query(statement, &bound(values)).await
        });
        let (begun, answers) = tokio::join!(biased; begun, join_all(answers));
        begun?;
        Ok(answers.into_iter().collect::<Result<_, _>>()?)
    }

    /// Runs one statement; the answer is how many records it touched.
    pub(crate) async fn execute(&self, Question { sql, values }: &Question) -> Done<u64> {
        let statement = self.statement(sql).await?;
        Ok(self.client().execute(&statement, &bound(values)).await?)
    }

    /// Sends everything and the commit without waiting in between, and gives the connection back. A
    /// statement that fails makes the commit one that takes everything back.
    pub(crate) async fn commit(self, writes: Vec<Question>) -> Done<()> {
        let mut ready = Vec::with_capacity(writes.len());
        for Question { sql, values } in &writes {
            ready.push((self.statement(sql).await?, values));
        }
        let client = self.client();
        let sent = ready.iter().map(|(statement, values)| async move {
            client.execute(statement, &bound(values)).await
        });
        let (sent, committed) =
            tokio::join!(biased; join_all(sent), client.batch_execute("COMMIT"));
        committed?;
        // Whatever became of it, the transaction is over.
        self.give_back();
        for outcome in sent {
            outcome?;
        }
        Ok(())
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

/// A statement and what is bound to it.
pub(crate) struct Question {
    sql: String,
    values: Vec<Bound>,
}

impl Question {
    pub(crate) fn new(sql: impl Into<String>, values: Vec<Bound>) -> Self {
        Self { sql: sql.into(), values }
    }

    /// Asks outside of a transaction.
    pub(crate) async fn rows(&self, db: &Object) -> Done<Vec<Row>> {
        let statement = db.prepare_cached(&self.sql).await?;
        Ok(db.query(&statement, &bound(&self.values)).await?)
    }
}
