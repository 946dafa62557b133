//! Questions over all rows of a hunt or a flow: values of a column, SQL, tables to take away.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is asked of `…/results/facets`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FacetsQuery {
    /// A column, or `_client`, `_hostname`, `_flow`, `_round`, `_source`, `_stored`.
    pub column: String,
    /// Which values come first: `rows` (most rows; the default), `rare` (fewest rows), `clients` (most
    /// clients), `rare_clients` (fewest clients).
    pub order: Option<String>,
    /// Of this round of a hunt; the current one when left out.
    pub round: Option<u32>,
    /// Of all rounds of a hunt together; not with `round`.
    pub all_rounds: Option<bool>,
    /// Of this source only.
    pub source: Option<String>,
    /// As for rows.
    pub search: Option<String>,
    /// As for rows.
    pub filter: Option<String>,
    /// Values at most.
    pub limit: Option<u64>,
}

/// One value of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FacetView {
    /// Its text; absent for rows that have none.
    pub value: Option<String>,
    /// Whether it is a number.
    pub number: bool,
    /// In how many rows.
    pub rows: u64,
    /// On how many clients.
    pub clients: u64,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FacetsView {
    /// Those that were asked for.
    pub values: Vec<FacetView>,
    /// How many different ones there are.
    pub distinct: u64,
    /// How many rows were counted.
    pub rows: u64,
}

/// A question in SQL over the table `results`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SqlRequest {
    /// One SELECT.
    pub query: String,
    /// Of this round of a hunt; the current one when left out.
    pub round: Option<u32>,
    /// Of all rounds of a hunt together; not with `round`.
    pub all_rounds: Option<bool>,
    /// Of this source only.
    pub source: Option<String>,
    /// Rows at most.
    pub limit: Option<u64>,
}

/// The answer to a question in SQL.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SqlView {
    /// Its columns, in order.
    pub columns: Vec<String>,
    /// Its rows.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Whether there were more rows than may be shown.
    pub truncated: bool,
}

/// What is asked of `…/results/export`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TableQuery {
    /// `ndjson` (the default), `csv` or `parquet`.
    pub format: Option<String>,
    /// Of this round of a hunt; the current one when left out.
    pub round: Option<u32>,
    /// Of all rounds of a hunt together; not with `round`.
    pub all_rounds: Option<bool>,
    /// Of this source only.
    pub source: Option<String>,
    /// Leave out so many bytes, to go on with a download that was cut. Send the `ETag` of that
    /// download as `If-Match`: the answer is 412 when the rows are others by now.
    pub skip: Option<u64>,
}
