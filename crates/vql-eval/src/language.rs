//! The row sources and functions that belong to the language itself. Everything else comes from
//! the catalogs of `vql-std` and `vql-machine`.

mod combine;
mod data;
mod foreach;
mod format;
mod functions;
mod plugins;
mod words;

use vql_plugin::{Catalog, Entry, Kind, Permission};

/// The part of the catalog that every program needs.
pub fn language() -> Catalog {
    let catalog = functions::catalog()
        .and(plugins::catalog())
        .plugin(combine::ScopePlugin)
        .plugin(combine::Range)
        .plugin(combine::IfPlugin)
        .plugin(combine::Chain)
        .plugin(combine::Switch)
        .plugin(combine::Flatten)
        .plugin(combine::Items)
        .plugin(combine::Delay)
        .plugin(foreach::Foreach)
        .function(data::DictOf)
        .function(data::Get)
        .function(data::Len)
        .function(data::ScopeOf)
        .function(data::ArrayOf)
        .function(data::Filter)
        .function(data::Eval)
        .function(data::Any)
        .function(data::All)
        .function(data::Log)
        .function(format::Format);
    let mut query = Entry::intrinsic::<words::QueryArgs>(Kind::Plugin);
    query.spec.needs = &[Permission::NestedQuery];
    catalog
        .with(query)
        .with(Entry::intrinsic::<words::IfArgs>(Kind::Function))
        .with(Entry::intrinsic::<words::CountArgs>(Kind::Function))
        .with(Entry::intrinsic::<words::SumArgs>(Kind::Function))
        .with(Entry::intrinsic::<words::MinArgs>(Kind::Function))
        .with(Entry::intrinsic::<words::MaxArgs>(Kind::Function))
        .with(Entry::intrinsic::<words::EnumerateArgs>(Kind::Function))
        .with(Entry::intrinsic::<words::RateArgs>(Kind::Function))
}
