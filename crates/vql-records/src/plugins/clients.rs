//! The plugin `clients`: the clients that the server knows, one row each.

use std::sync::Arc;

use fleet::ports::ClientList;
use model::store::Paging;
use vql_plugin::{Entry, Failure, Permission, Plugin, RowStream, Scope, plugin_args, stream};

use crate::{PAGE, Records, client_row};

pub(super) fn entry(records: &Arc<Records>) -> Entry {
    Entry::plugin(Clients(records.clone()))
}

plugin_args! {
    /// The clients that the server knows, one row each.
    pub struct ClientsArgs for "clients" {
        /// Part of an id, a name, the address or a label; `all` means every client.
        search: Option<String>,
        /// Only the client with this id.
        client_id: Option<String>,
    }
}

struct Clients(Arc<Records>);

impl Plugin for Clients {
    type Args = ClientsArgs;
    const NEEDS: &'static [Permission] = &[Permission::ReadResults];

    fn rows(&self, args: ClientsArgs, scope: &Scope) -> Result<RowStream, Failure> {
        let records = self.0.clone();
        if let Some(id) = args.client_id {
            return Ok(stream::rows([client_row(&records.client(&id)?)]));
        }
        let text = args.search.filter(|text| !text.is_empty() && text != "all");
        Ok(stream::produce("clients", scope, move |out| {
            let mut offset = 0;
            loop {
                let paging = Paging { offset, limit: PAGE };
                let list = ClientList {
                    text: text.clone(),
                    paging,
                    ..ClientList::of(records.org.clone())
                };
                let page = records.wait(records.clients.list(&list))?;
                for client in &page.items {
                    if out.emit(client_row(client)).is_err() {
                        return Ok(());
                    }
                }
                offset += page.items.len() as u64;
                if page.items.is_empty() || offset >= page.total {
                    return Ok(());
                }
            }
        }))
    }
}
