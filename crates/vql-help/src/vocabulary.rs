//! What a catalog offers, as the checks of artifacts and texts see it.

use artifacts::check::{Argument, Known, Signature, Vocabulary};
use vql_plugin::{ArgSpec, ArgType, Catalog, Elsewhere, Kind, Lambda, Spec};

/// The names of a catalog and these accessors, and the names that are known to be elsewhere.
pub fn vocabulary(catalog: &Catalog, accessors: impl IntoIterator<Item = String>) -> Vocabulary {
    let mut known = Vocabulary::default();
    for kind in [Kind::Plugin, Kind::Function] {
        let names = match kind {
            Kind::Plugin => &mut known.plugins,
            Kind::Function => &mut known.functions,
        };
        names.extend(vql_plugin::all_elsewhere(kind).map(absent));
        let here = catalog.specs().filter(|spec| spec.kind == kind);
        names.extend(here.map(|spec| (spec.name.to_owned(), Known::Here(signature(spec)))));
    }
    known.accessors.extend(vql_plugin::all_accessors_elsewhere().map(absent));
    let here = accessors.into_iter().map(|name| (name, Known::Here(Signature::default())));
    known.accessors.extend(here);
    known
}

fn absent(known: Elsewhere) -> (String, Known) {
    (known.name.to_owned(), Known::Elsewhere { why: known.why.word(), says: known.to_string() })
}

fn signature(spec: &Spec) -> Signature {
    let argument = |arg: &ArgSpec| Argument {
        name: arg.name.to_owned(),
        required: arg.required,
        is_lambda: arg.type_name == Lambda::TYPE,
    };
    Signature { args: spec.args.iter().map(argument).collect(), free_form: spec.free_form }
}
