//! The two traits, and the form in which a catalog keeps their implementations.

use std::fmt;
use std::sync::Arc;

use base::Chain;
use rows::Value;

use crate::{Arguments, CallArgs, Kind, Permission, RowStream, Scope, Spec};

/// Why a plugin or function gave up: one sentence, logged behind its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(pub String);

impl Failure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// From texts and from errors, whose causes are printed as well.
impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Chain(&*error.into()).to_string())
    }
}

/// Yields rows.
pub trait Plugin: Send + Sync + 'static {
    /// The declared arguments.
    type Args: Arguments;
    /// What it needs to be allowed to do.
    const NEEDS: &'static [Permission] = &[];

    /// Starts yielding rows. The stream may keep clones of the scope; a stream that may take long
    /// between two rows asks [`Scope::stopped`].
    fn rows(&self, args: Self::Args, scope: &Scope) -> Result<RowStream, Failure>;
}

/// Yields a value.
pub trait Function: Send + Sync + 'static {
    /// The declared arguments.
    type Args: Arguments;
    /// What it needs to be allowed to do.
    const NEEDS: &'static [Permission] = &[];

    /// Computes the value.
    fn call(&self, args: Self::Args, scope: &Scope) -> Result<Value, Failure>;
}

/// A plugin without its types.
pub type PluginBody = dyn Fn(CallArgs, &Scope) -> Result<RowStream, Failure> + Send + Sync;
/// A function without its types.
pub type FunctionBody = dyn Fn(CallArgs, &Scope) -> Result<Value, Failure> + Send + Sync;

/// How an [`Entry`] is run.
#[derive(Clone)]
pub enum Body {
    /// A plugin.
    Plugin(Arc<PluginBody>),
    /// A function.
    Function(Arc<FunctionBody>),
    /// The evaluator does it itself, because it needs unevaluated arguments or aggregate state.
    Intrinsic,
}

/// A plugin or function as a catalog keeps it.
#[derive(Clone)]
pub struct Entry {
    /// What it says about itself.
    pub spec: Spec,
    /// How it runs.
    pub body: Body,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spec.signature())
    }
}

impl Entry {
    /// The entry of a plugin.
    pub fn plugin<P: Plugin>(plugin: P) -> Self {
        let run = move |args: CallArgs, scope: &Scope| {
            refuse_disabled(P::Args::NAME, Kind::Plugin, scope)?;
            plugin.rows(P::Args::read(declared::<P::Args>(args), scope)?, scope)
        };
        Self { spec: spec::<P::Args>(Kind::Plugin, P::NEEDS), body: Body::Plugin(Arc::new(run)) }
    }

    /// The entry of a function.
    pub fn function<F: Function>(function: F) -> Self {
        let run = move |args: CallArgs, scope: &Scope| {
            refuse_disabled(F::Args::NAME, Kind::Function, scope)?;
            function.call(F::Args::read(declared::<F::Args>(args), scope)?, scope)
        };
        Self {
            spec: spec::<F::Args>(Kind::Function, F::NEEDS),
            body: Body::Function(Arc::new(run)),
        }
    }

    /// The entry of something that the evaluator does itself; only its words come from `A`.
    pub fn intrinsic<A: Arguments>(kind: Kind) -> Self {
        Self { spec: spec::<A>(kind, &[]), body: Body::Intrinsic }
    }
}

/// What tells about the real machine is refused while another one is impersonated.
fn refuse_disabled(name: &str, kind: Kind, scope: &Scope) -> Result<(), Failure> {
    let Some(view) = scope.view() else { return Ok(()) };
    let disabled = match kind {
        Kind::Plugin => &view.machine.disabled_plugins,
        Kind::Function => &view.machine.disabled_functions,
    };
    if disabled.iter().any(|disabled| disabled == name) {
        return Err(Failure::new("is disabled by the remapping of this query"));
    }
    Ok(())
}

fn declared<A: Arguments>(args: CallArgs) -> CallArgs {
    if A::FREE_FORM { args } else { args.spread() }
}

fn spec<A: Arguments>(kind: Kind, needs: &'static [Permission]) -> Spec {
    Spec {
        name: A::NAME,
        kind,
        doc: A::DOC,
        args: A::specs(),
        free_form: A::FREE_FORM,
        lazy_form: false,
        needs,
    }
}
