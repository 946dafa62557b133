//! Messages of Spark Connect, as far as they are used; names and numbers are those of its
//! interface, version 3.4 and later.

use prost::Message;

/// Who asks.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UserContext {
    #[prost(string, tag = "1")]
    pub(crate) user_id: String,
    #[prost(string, tag = "2")]
    pub(crate) user_name: String,
}

/// A query in SQL.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Sql {
    #[prost(string, tag = "1")]
    pub(crate) query: String,
}

/// What gives rows.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Relation {
    #[prost(message, optional, tag = "10")]
    pub(crate) sql: Option<Sql>,
}

/// A statement in SQL that is run for what it does.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SqlCommand {
    #[prost(string, tag = "1")]
    pub(crate) sql: String,
}

/// What is run for what it does.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Command {
    #[prost(message, optional, tag = "5")]
    pub(crate) sql_command: Option<SqlCommand>,
}

/// One of the two.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Plan {
    #[prost(message, optional, tag = "1")]
    pub(crate) root: Option<Relation>,
    #[prost(message, optional, tag = "2")]
    pub(crate) command: Option<Command>,
}

/// Runs a plan.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExecutePlanRequest {
    #[prost(string, tag = "1")]
    pub(crate) session_id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) user_context: Option<UserContext>,
    #[prost(message, optional, tag = "3")]
    pub(crate) plan: Option<Plan>,
    #[prost(string, optional, tag = "4")]
    pub(crate) client_type: Option<String>,
    #[prost(string, repeated, tag = "7")]
    pub(crate) tags: Vec<String>,
}

/// Rows as one whole stream of Arrow's inter-process format.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ArrowBatch {
    #[prost(int64, tag = "1")]
    pub(crate) row_count: i64,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) data: Vec<u8>,
    #[prost(int64, optional, tag = "4")]
    pub(crate) chunk_index: Option<i64>,
    #[prost(int64, optional, tag = "5")]
    pub(crate) num_chunks_in_batch: Option<i64>,
}

/// A part of an answer.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExecutePlanResponse {
    #[prost(message, optional, tag = "2")]
    pub(crate) arrow_batch: Option<ArrowBatch>,
}

/// Ends what runs with a tag.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct InterruptRequest {
    #[prost(string, tag = "1")]
    pub(crate) session_id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) user_context: Option<UserContext>,
    #[prost(string, optional, tag = "3")]
    pub(crate) client_type: Option<String>,
    /// 2: by tag.
    #[prost(int32, tag = "4")]
    pub(crate) interrupt_type: i32,
    #[prost(string, optional, tag = "5")]
    pub(crate) operation_tag: Option<String>,
}

/// What was ended.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct InterruptResponse {
    #[prost(string, repeated, tag = "2")]
    pub(crate) interrupted_ids: Vec<String>,
}
